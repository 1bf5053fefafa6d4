"""Command lines of the CLI that go beyond what the Automation API says: copies, pending creates, flags that clash."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest
from pulumi import automation as auto

from cellctl.state.backend import FileBackend, StackName
from cellctl.state.values import Struct
from cellctl_provider.protocol import Provider, ProviderError
from cellctl_sandbox.engine.command import EmbeddedCommand
from cellctl_sandbox.engine.errors import UnsupportedFeature
from cellctl_sandbox.testing.engine_bench import Ref, Thing, program_of
from cellctl_sandbox.testing.fake_provider import Behaviour, FakeFactory, World

URN = "urn:pulumi:dev::proj::fake:index:Thing::{}"
FIRST = program_of((Thing("a", {"fixed": 1}), Thing("b", {"of": Ref("a")})), {})
SECOND = program_of((Thing("a", {"fixed": 2}), Thing("b", {"of": Ref("a")})), {})


class Line:
    """One stack and a terminal beside it."""

    def __init__(self, folder: Path, program: Callable[[], None]) -> None:
        self.folder, self.world = folder, World()
        self.command = EmbeddedCommand({"fake": FakeFactory(self.world)}, program=program)
        self.env = {
            "PULUMI_BACKEND_URL": f"file://{folder}", "PULUMI_CONFIG_PASSPHRASE": "x", "PULUMI_HOME": str(folder / "h")
        }  # fmt: skip
        options = auto.LocalWorkspaceOptions(pulumi_command=self.command, env_vars=self.env, work_dir=str(folder))
        self.stack = auto.create_or_select_stack("dev", "proj", program, opts=options)

    def __call__(self, *words: str) -> auto.CommandResult:
        return self.command.run([*words, "--stack", "dev"], str(self.folder), self.env)

    def rows(self) -> list[tuple[str, str, bool]]:
        found = self.stack.export_stack().deployment.get("resources", [])
        named = [row for row in found if "fake:index" in row["urn"]]
        return [(row["urn"].rpartition("::")[2], row["id"], bool(row.get("delete"))) for row in named]

    def pending(self, *made: str) -> None:
        """Write creates into the state that nobody saw the end of."""
        file = FileBackend(self.folder).checkpoint_path(StackName(project="proj", stack="dev"))
        document = json.loads(file.read_text())
        document["checkpoint"]["latest"]["pending_operations"] = [
            {"type": "creating", "resource": {"urn": URN.format(name), "custom": True, "type": "fake:index:Thing"}}
            for name in made
        ]
        file.write_text(json.dumps(document))

    def left(self) -> list[str]:
        found = self.stack.export_stack().deployment.get("pending_operations") or []
        return [row["resource"]["urn"].rpartition("::")[2] for row in found]


@pytest.fixture
def line(tmp_path: Path) -> Line:
    made = Line(tmp_path, FIRST)
    made.stack.up()
    return made


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("state", "delete", URN.format("a"), "--force"), "ambiguously referred to multiple resources.*\n  a-"),
        (("state", "rename", URN.format("a"), "c"), "ambiguously refers to multiple resources"),
    ],
)
def test_a_name_that_two_rows_have_is_neither_deleted_nor_renamed(
    line: Line, words: tuple[str, ...], said: str
) -> None:
    line.command.bind(SECOND)
    line.world.behaviour["delete", "a"] = Behaviour(error="no")
    with pytest.raises(auto.CommandError):
        line.stack.up()
    before = line.rows()
    assert sorted(name for name, _, _ in before) == ["a", "a", "b"]
    with pytest.raises(auto.CommandError, match=said):
        line(*words, "--yes")
    assert line.rows() == before


def test_a_pending_create_that_is_told_as_imported_is_gone_after_a_refresh(line: Line) -> None:
    line.pending("c", "d")
    told = ("--import-pending-creates", URN.format("c"), "--import-pending-creates", "c-7")
    other = ("--import-pending-creates", URN.format("x"), "--import-pending-creates", "x-1")
    said = line("refresh", "--yes", "--skip-preview", *told, *other).stderr
    assert f'warning: the following urns did not correspond to a pending create\n- "{URN.format("x")}"' in said
    assert line.left() == ["d"]
    assert [name for name, _, _ in line.rows()] == ["a", "b"], "the CLI imports nothing either"
    with pytest.raises(auto.CommandError, match="each URN must be followed by an ID: found an odd number of entries"):
        line("refresh", "--yes", *told[:2])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("destroy", "--target", URN.format("b"), "--exclude-protected"), "cannot specify --target and --exclude-pro"),
        (("refresh", "--target", URN.format("b"), "--exclude", URN.format("a")), "target exclude"),
        (("up", "--target", URN.format("b"), "--exclude", URN.format("a")), "target exclude"),
        (("refresh", "--skip-pending-creates", "--clear-pending-creates"), "cannot set both --skip-pending-creates"),
    ],
)
def test_flags_that_exclude_each_other_change_nothing(line: Line, words: tuple[str, ...], said: str) -> None:
    before, asked = line.rows(), len(line.world.calls)
    with pytest.raises(auto.CommandError, match=said):
        line(*words, "--yes")
    assert (line.rows(), len(line.world.calls)) == (before, asked)


def test_update_is_another_word_for_up(line: Line) -> None:
    line.command.bind(SECOND)
    line("update", "--yes", "--skip-preview")
    assert [id_ for name, id_, _ in line.rows() if name == "a"] != ["a-0"]


def test_configuration_that_an_operation_is_told_stays(line: Line) -> None:
    line("preview", "--config", "size=3", "--config", "other:k=v")
    assert json.loads(line("config", "--json").stdout) == {
        "proj:size": {"value": "3", "secret": False}, "other:k": {"value": "v", "secret": False}
    }  # fmt: skip


@pytest.mark.parametrize("value", ['{"a": 1}', "fake"])
def test_disabled_providers_that_are_no_list_let_nothing_be_made(tmp_path: Path, value: str) -> None:
    made = Line(tmp_path, FIRST)
    made.stack.set_config("pulumi:disable-default-providers", auto.ConfigValue(value))
    with pytest.raises(auto.InlineSourceRuntimeError, match="no list of packages"):
        made.stack.up()
    assert made.rows() == []


def test_all_configuration_is_set_from_the_json_that_it_is_shown_as(line: Line) -> None:
    told = {
        "proj:a": {"value": "1"},
        "proj:s": {"value": "hush", "secret": True},
        "proj:o": {"value": '{"x":[1]}', "objectValue": {"x": [1]}},
    }
    line("config", "set-all", "--json", json.dumps(told))
    shown = json.loads(line("config", "--json", "--show-secrets").stdout)
    assert (shown["proj:a"]["value"], shown["proj:s"]["value"]) == ("1", "hush")
    assert json.loads(shown["proj:o"]["value"]) == {"x": [1]}
    assert "hush" not in (line.folder / "Pulumi.dev.yaml").read_text()
    hidden = line("config", "--json").stdout
    with pytest.raises(auto.CommandError, match="proj:s"):
        line("config", "set-all", "--json", hidden)
    for wrong in ("{", '{"a": 1}'):
        with pytest.raises(auto.CommandError, match="could not parse"):
            line("config", "set-all", "--json", wrong)


@pytest.mark.parametrize(
    "words", [("import", "t:m:T", "n", "id"), ("stack", "graph", "f"), ("config", "cp"), ("about",)]
)
def test_a_verb_that_is_not_there_is_named_as_such(line: Line, words: tuple[str, ...]) -> None:
    before = line.rows()
    with pytest.raises(UnsupportedFeature, match=f"the verb '?{words[0]}"):
        line(*words)
    assert line.rows() == before


def test_a_project_gives_what_a_stack_does_not_say_and_demands_what_it_must(tmp_path: Path) -> None:
    seen: list[str | None] = []
    line = Line(tmp_path, lambda: seen.append(pulumi.Config().get("size")))
    told = "config:\n  size: {type: integer, default: 3}\n  obj: {value: {a: 1}}\n  other:k: v\n"
    file = tmp_path / "Pulumi.yaml"
    file.write_text(f"name: proj\nruntime: python\n{told}")
    line.stack.preview()
    shown = {key: item.value for key, item in line.stack.get_all_config().items()}
    assert shown == {"proj:size": "3", "proj:obj": '{"a":1}', "other:k": "v"}
    line.stack.set_config("size", auto.ConfigValue("4"))
    line.stack.preview()
    assert seen == ["3", "4"]
    assert "obj" not in (tmp_path / "Pulumi.dev.yaml").read_text()
    file.write_text(f"name: proj\nruntime: python\n{told}  must: {{type: string}}\n")
    with pytest.raises(auto.CommandError, match="Stack 'dev' is missing configuration value 'must'"):
        line.stack.up()
    assert seen == ["3", "4"]


def file_of(line: Line) -> str:
    return (line.folder / "Pulumi.dev.yaml").read_text().partition("config:\n")[2]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("list[3]", "array index out of range"),
        ("list[-1]", "array index out of range"),
        ("map.one.x", "expected a map"),
        ("list.x", "key for an array must be an int"),
        ("map[0]", "key for a map must be a string"),
        ("new.secure", "are reserved"),
        ("bad[", "invalid config key path"),
        ("", "begins with a name"),
    ],
)
def test_a_path_that_does_not_fit_changes_nothing(line: Line, key: str, said: str) -> None:
    line("config", "set-all", "--path", "--plaintext", "list[0]=x", "--plaintext", "map.one=1")
    before = file_of(line)
    with pytest.raises(auto.CommandError, match=said):
        line("config", "set", "--path", key, "v")
    assert file_of(line) == before


def test_values_have_the_types_of_the_cli(line: Line) -> None:
    below = ("o.a=1", "o.b=true", "o.c=007", "o.d=-5", "o.e=1.5", "o.f=+1", "o.g=18446744073709551616", "l[2]=y", "s=1")
    line("config", "set-all", "--path", *[word for text in below for word in ("--plaintext", text)])
    line("config", "set", "n", "3", "--type", "int")
    line("config", "set", "b", "yes", "--type", "bool")
    with pytest.raises(auto.CommandError, match="as int"):
        line("config", "set", "n", "x", "--type", "int")
    told = json.loads(line("config", "--json").stdout)
    assert told["proj:o"]["objectValue"] == {
        "a": 1, "b": True, "c": "007", "d": -5, "e": "1.5", "f": 1, "g": "18446744073709551616"
    }  # fmt: skip
    assert (told["proj:l"]["value"], told["proj:s"]["value"]) == ('[null,null,"y"]', "1")
    assert "proj:n: 3\n" in file_of(line)
    assert "proj:b: false\n" in file_of(line)
    assert '- "y"\n' in file_of(line)


def test_objects_are_the_text_that_the_cli_makes_of_them(line: Line) -> None:
    line("config", "set-all", "--path", "--plaintext", "o.b=<&>", "--plaintext", "o.a=1", "--secret", "p.z=hush")
    shown = {key: item.value for key, item in line.stack.get_all_config().items()}
    assert shown["proj:o"] == '{"a":1,"b":"\\u003c\\u0026\\u003e"}'
    assert json.loads(line("config", "get", "p", "--json").stdout) == {
        "value": '{"z":"hush"}', "objectValue": {"z": "hush"}, "secret": True
    }  # fmt: skip


@pytest.mark.parametrize("words", [("--plaintext", "x"), ("--json", '{"x":{"value":"1"}}', "--path")])
def test_what_cannot_be_set_at_once_is_refused(line: Line, words: tuple[str, ...]) -> None:
    with pytest.raises(auto.CommandError):
        line("config", "set-all", *words)
    assert file_of(line) == ""


def test_types_of_the_project_are_demanded_where_the_program_runs(line: Line) -> None:
    told = "config:\n  n: {type: integer}\n  l: {type: array, items: {type: string}, default: [a]}\n"
    (line.folder / "Pulumi.yaml").write_text(f"name: proj\nruntime: python\n{told}")
    line("config", "set", "n", "many")
    with pytest.raises(auto.CommandError, match="configuration key 'n' must be of type 'integer'"):
        line.stack.up()
    line("config", "set-all", "--path", "--plaintext", "n=4", "--plaintext", "l[0]=5")
    with pytest.raises(auto.CommandError, match="configuration key 'l' must be of type 'array<string>'"):
        line.stack.up()
    line.stack.refresh()
    assert line("preview", "--skip-config-validation").code == 0


def test_nothing_is_done_that_nobody_said_yes_to(line: Line) -> None:
    before = line.rows()
    for words, code in ((("destroy",), 2), (("up",), 2), (("refresh",), 1), (("stack", "rm"), 1)):
        with pytest.raises(auto.CommandError, match=f"code: {code}\\b"):
            line(*words)
    assert line.rows() == before
    assert line.command.run(["destroy", "--stack", "dev"], str(line.folder), line.env | {
        "PULUMI_SKIP_CONFIRMATIONS": "true"
    }).code == 0  # fmt: skip
    assert line.rows() == []


def test_an_operation_is_planned_first_unless_that_is_skipped(line: Line) -> None:
    asked = len(line.world.calls)
    line("refresh", "--yes")
    twice = line.world.calls[asked:]
    line("refresh", "--yes", "--skip-preview")
    assert len(twice) == 2 * len(line.world.calls[asked + len(twice) :])


def test_protection_can_be_ignored_for_once(line: Line) -> None:
    line("state", "protect", "--all", "--yes")
    with pytest.raises(auto.CommandError):
        line("destroy", "--yes")
    with pytest.raises(auto.CommandError, match="exclude-protected ignore-protect"):
        line("destroy", "--yes", "--ignore-protect", "--exclude-protected")
    line.command.bind(SECOND)
    line("up", "--skip-preview", "--ignore-protect", "--target-replace", URN.format("a"))
    assert [id_ for _, id_, _ in line.rows()] == ["a-1", "b-0"]
    line("destroy", "--yes", "--ignore-protect")
    assert line.rows() == []


def test_what_is_spared_is_not_refreshed_either(line: Line) -> None:
    line("state", "protect", URN.format("a"), "--yes")
    asked = len(line.world.calls)
    line("destroy", "--skip-preview", "--refresh", "--exclude-protected")
    assert [call for call in line.world.calls[asked:] if call[0] in ("read", "delete")] == [
        ("read", "b"), ("delete", "b")
    ]  # fmt: skip


def test_variables_stand_for_flags(line: Line) -> None:
    line.command.bind(SECOND)
    line.world.behaviour["update", "b"] = Behaviour(error="no")
    asked = len(line.world.calls)
    told = {"PULUMI_CONTINUE_ON_ERROR": "true", "PULUMI_OPTION_REFRESH": "true", "PULUMI_OPTION_SKIP_PREVIEW": "1"}
    with pytest.raises(auto.CommandError):
        line.command.run(["up", "--stack", "dev"], str(line.folder), line.env | told)
    assert [call for call, _ in line.world.calls[asked:]].count("read") == 2


def test_a_renamed_stack_keeps_texts_that_look_like_its_urns(line: Line) -> None:
    line.command.bind(program_of((Thing("a", {"of": URN.format("x")}), Thing("b", {"of": Ref("a")})), {}))
    line.stack.up()
    line("stack", "rename", "prod")
    rows = json.loads(line.command.run(["stack", "export", "--stack", "prod"], str(line.folder), line.env).stdout)
    named = {row["urn"].rpartition("::")[2]: row for row in rows["deployment"]["resources"]}
    assert named["a"]["inputs"]["of"] == URN.format("x")
    assert named["b"]["dependencies"] == [URN.format("a").replace("dev", "prod")]
    assert named["a"]["parent"].endswith("::proj-prod")
    for wrong in ("other/prod", "other/proj/prod", "a/b/c/d"):
        with pytest.raises(auto.CommandError, match="organization name must be 'organization'"):
            line("stack", "rename", wrong)


def test_a_digest_leaves_out_what_stays_the_same(line: Line) -> None:
    shown = json.loads(line("preview", "--json").stdout)["steps"]
    assert [step["urn"].rpartition("::")[2] for step in shown] == ["proj-dev"]
    assert len(json.loads(line("preview", "--json", "--show-sames").stdout)["steps"]) == 3
    line.command.bind(SECOND)
    shown = json.loads(line("preview", "--json", "--show-replacement-steps").stdout)["steps"]
    assert {step["op"] for step in shown} >= {"create-replacement", "replace", "delete-replaced"}
    read = json.loads(line("preview", "--json", "--refresh").stdout)["steps"]
    assert [step["op"] for step in read].count("refresh") == 3


def test_what_a_verb_prints_is_json_only_where_that_is_asked_for(line: Line) -> None:
    assert line("stack", "history").stdout.startswith("KIND")
    assert json.loads(line("stack", "history", "--output", "json").stdout)[0]["kind"] == "update"
    assert line("stack", "output").stdout.startswith("Current stack outputs (0)")
    assert line("stack", "--show-name").stdout == "dev"
    events = [json.loads(text) for text in line("refresh", "--skip-preview", "--json").stdout.splitlines()]
    assert "preludeEvent" in events[0]
    assert "cancelEvent" in events[-1]


def test_a_stack_can_be_made_like_another_or_when_it_is_selected(line: Line) -> None:
    line("config", "set-all", "--plaintext", "k=v", "--secret", "s=hush")
    run = line.command.run
    run(["stack", "init", "copy", "--copy-config-from", "dev"], str(line.folder), line.env)
    copied = run(["config", "--json", "--show-secrets", "--stack", "copy"], str(line.folder), line.env).stdout
    assert {key: item["value"] for key, item in json.loads(copied).items()} == {"proj:k": "v", "proj:s": "hush"}
    run(["stack", "select", "new", "--create"], str(line.folder), line.env)
    assert run(["stack", "--show-name"], str(line.folder), line.env).stdout == "new"
    with pytest.raises(auto.CommandError, match="code: 6"):
        run(["stack", "select"], str(line.folder), line.env)
    for words in (("--teams", "x"), ("--secrets-provider", "nope")):
        with pytest.raises(auto.CommandError):
            run(["stack", "init", "no", *words], str(line.folder), line.env)
    assert not (line.folder / ".pulumi/stacks/proj/no.json").exists()


def test_state_edits_are_refused_whoever_holds_the_lock_and_spare_what_goes_anyway(line: Line) -> None:
    line.command.bind(SECOND)
    line.world.behaviour["delete", "a"] = Behaviour(error="no")
    with pytest.raises(auto.CommandError):
        line.stack.up()
    line("state", "protect", URN.format("a"), "--yes")
    rows = line.stack.export_stack().deployment["resources"]
    assert [bool(row.get("protect")) for row in rows if row["urn"] == URN.format("a")] == [True, False]
    for words in (("unprotect",), ("taint",), ("rename",)):
        with pytest.raises(auto.CommandError):
            line("state", *words, "--yes")
    FileBackend(line.folder).locks(StackName(project="proj", stack="dev")).acquire()
    with pytest.raises(auto.CommandError, match="No such resource"):
        line("state", "delete", URN.format("x"), "--yes")
    line("state", "repair", "--yes")
    with pytest.raises(auto.errors.ConcurrentUpdateError):
        line("state", "unprotect", "--all", "--yes")


def test_an_alias_that_is_no_urn_is_an_exception_of_the_program(tmp_path: Path) -> None:
    made = Line(tmp_path, program_of((Thing("a", {}, {"aliases": ["garbage"]}),), {}))
    with pytest.raises(auto.InlineSourceRuntimeError, match='invalid alias URN: invalid URN "garbage"'):
        made.stack.up()
    assert made.rows() == []


class Broken(FakeFactory):
    """A provider that does not start."""

    def __call__(self) -> Provider:
        raise ProviderError("no port")


@pytest.mark.parametrize("words", [("destroy",), ("refresh",), ("up",), ("preview",)])
def test_a_provider_that_does_not_start_fails_the_operation_like_any_other(line: Line, words: tuple[str, ...]) -> None:
    before = line.rows()
    line.command = EmbeddedCommand({"fake": Broken(line.world)}, program=SECOND)
    seen: list[Struct] = []
    line.command.sink = seen.append
    with pytest.raises(auto.CommandError, match="no port"):
        line(*words, *(() if words == ("preview",) else ("--skip-preview",)))
    assert line.rows() == before
    told = [event["diagnosticEvent"] for event in seen if "diagnosticEvent" in event]
    assert len(told) == (words != ("refresh",)), "a refresh says so as the CLI itself does"
