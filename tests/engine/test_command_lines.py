"""Command lines of the CLI that go beyond what the Automation API says: copies, pending creates, flags that clash."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest
from pulumi import automation as auto

from cellctl.state.backend import FileBackend, StackName
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
        found = self.stack.export_stack().deployment["resources"]
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
    with pytest.raises(auto.CommandError, match="no list of packages"):
        made.stack.up()
    assert made.rows() == []


def test_all_configuration_is_set_from_the_json_that_it_is_shown_as(line: Line) -> None:
    told = {
        "proj:a": {"value": "1"},
        "proj:s": {"value": "hush", "secret": True},
        "proj:o": {"objectValue": {"x": [1]}},
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
