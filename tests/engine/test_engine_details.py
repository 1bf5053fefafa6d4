"""What the CLI does in passing and a user would miss: masks, copies that wait, disabled providers, imports, numbers."""

import hashlib
import io
import json
import tarfile

import pulumi
import pytest
from pulumi import automation as auto

from cellctl import doctor
from cellctl.home import Home
from cellctl.state.backend import FileBackend, StackName
from cellctl.state.values import ARCHIVE, ASSET, RESOURCE_REFERENCE, SIGNATURE, UNKNOWN
from cellctl_provider.protocol import Configure
from cellctl_sandbox.engine.assets import assets_by_hash, tarred, with_asset_hashes
from cellctl_sandbox.engine.command import EmbeddedCommand
from cellctl_sandbox.engine.refusals import Feature
from cellctl_sandbox.engine.wire import as_stated, from_provider, from_struct, to_provider
from cellctl_sandbox.testing.engine_bench import EngineBench, Hidden, Ref, Thing, program_of
from cellctl_sandbox.testing.engine_cases import Case, Play, play_case
from cellctl_sandbox.testing.fake_provider import Behaviour, FakeFactory, World

DISABLED = "pulumi:disable-default-providers"


class Site:
    """A stack behind the Automation API; `run` is its program."""

    def __init__(self, folder):
        self.folder, self.events = folder, []
        self.command = EmbeddedCommand({"fake": FakeFactory(World())}, sink=self.events.append)
        self.backend, self.name = FileBackend(folder / "state"), StackName(project="proj", stack="dev")
        (folder / "Pulumi.yaml").write_text(f"name: proj\nruntime: python\nbackend:\n  url: file://{folder}/state\n")

    def stack(self, run):
        self.command.bind(run)
        workspace = auto.LocalWorkspace(
            work_dir=str(self.folder),
            program=run,
            env_vars={"PULUMI_CONFIG_PASSPHRASE": "correct horse"},
            pulumi_command=self.command,
        )
        return auto.Stack.create_or_select("dev", workspace)

    def bodies(self, kind):
        return [event[kind] for event in self.events if kind in event]


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def test_a_secret_of_the_configuration_is_masked_in_every_event(site):
    def run():
        token = pulumi.Config().get("token")
        pulumi.log.info(f"asking with {token}")
        pulumi.export("url", f"https://{token}@host")

    stack = site.stack(run)
    stack.set_config("token", auto.ConfigValue("t0p-secret", secret=True))
    assert stack.up().outputs["url"].value == "https://t0p-secret@host"
    assert "t0p-secret" not in json.dumps(site.events)
    assert "asking with [secret]" in json.dumps(site.bodies("diagnosticEvent"))


# ---- copies that wait for their deletion ----
REPLACED = [
    Play(program=[Thing("a", {"fixed": 1})]),
    Play(program=[Thing("a", {"fixed": 2})], behaviour={"delete a": Behaviour(error="in use")}, fails=["in use"]),
]


@pytest.mark.parametrize(
    ("drift", "deletes"), [({"a-0": None}, []), ({}, ["delete a"])], ids=["gone meanwhile", "still there"]
)
def test_a_refresh_reads_the_copy_that_waits_for_its_deletion(tmp_path, drift, deletes):
    refreshed = Play(do="refresh", drift=drift, calls=["read a", "read a"], state={"a": {"id": "a-1"}})
    play_case(Case("", [*REPLACED, refreshed, Play(calls=deletes)]), EngineBench(tmp_path))


# ---- default providers that are disabled ----
def test_a_function_without_a_provider_is_an_exception_that_the_program_may_catch(site):
    told = []

    def run():
        try:
            pulumi.runtime.invoke("fake:index:find", {"k": 1})
        except Exception as error:
            told.append(str(error))

    stack = site.stack(run)
    stack.set_config(DISABLED, auto.ConfigValue('["fake"]'))
    assert stack.up().summary.result == "succeeded"
    assert "Default provider for 'fake' disabled" in told[0]


def test_a_read_without_a_provider_is_an_exception_of_the_program(site):
    stack = site.stack(program_of((Thing("read", {}, {"id": "a-0"}),), {}))
    stack.set_config(DISABLED, auto.ConfigValue('["fake"]'))
    with pytest.raises(auto.InlineSourceRuntimeError, match="Default provider for 'fake' disabled"):
        stack.up()


def test_a_resource_whose_default_provider_was_disabled_later_is_named(site):
    stack = site.stack(program_of((Thing("a"),), {}))
    stack.up()
    stack.set_config(DISABLED, auto.ConfigValue('["*"]'))
    with pytest.raises(auto.CommandError, match="disabled"):
        stack.preview()
    assert stack.refresh().summary.result == "succeeded"
    assert stack.destroy().summary.result == "succeeded"
    errors = [item for item in site.bodies("diagnosticEvent") if item["severity"] == "error"]
    assert [item["urn"].rpartition("::")[2] for item in errors] == ["a"]


# ---- a component in the place of an object, and back ----
def test_the_end_of_a_component_is_told_when_it_registers_its_outputs(tmp_path):
    bench = EngineBench(tmp_path)
    bench.up(Thing("a", {"size": 1}))
    became = bench.up(Thing("a", kind="component"))
    back = bench.up(Thing("a", {"size": 1}))
    assert _ended(became.events) == ["delete-replaced"]
    assert _ended(back.events) == ["create-replacement", "replace"]


def _ended(events):
    bodies = [event["resOutputsEvent"]["metadata"] for event in events if "resOutputsEvent" in event]
    return [body["op"] for body in bodies if body["urn"].endswith("::a")]


def test_events_say_that_a_resource_was_tainted(site):
    stack = site.stack(program_of((Thing("a"),), {}))
    stack.up()
    urn = "urn:pulumi:dev::proj::fake:index:Thing::a"
    env = {"PULUMI_CONFIG_PASSPHRASE": "correct horse"}
    site.command.run(["state", "taint", urn, "--yes", "--stack", "dev"], str(site.folder), env)
    site.events.clear()
    assert stack.up().summary.resource_changes == {"replace": 1, "same": 1}
    olds = [body["metadata"]["old"] for body in site.bodies("resourcePreEvent") if body["metadata"]["urn"] == urn]
    assert [old.get("taint") for old in olds] == [True, True, True]


# ---- import, and numbers ----
def test_what_was_under_way_when_a_state_was_exported_is_not_under_way_after_its_import(site):
    stack = site.stack(program_of((Thing("a"),), {}))
    stack.up()
    exported = stack.export_stack()
    resource = next(item for item in exported.deployment["resources"] if item["urn"].endswith("::a"))
    exported.deployment["pending_operations"] = [{"resource": resource, "type": "updating"}]
    stack.import_stack(exported)
    assert site.backend.read(site.name).checkpoint.pending == ()
    assert stack.up().summary.resource_changes == {"same": 2}


def test_large_numbers_are_written_by_their_shortest_digits_as_the_cli_does(tmp_path):
    bench = EngineBench(tmp_path)
    given = {"whole": 5.0, "exact": 2**53, "large": 12345678901234567890, "huge": 1e22, "part": 0.5}
    bench.up(Thing("a", given), Thing("b", {"of": Ref("a", "version")}))
    text = bench.backend.checkpoint_path(bench.name).read_text()
    for shown in (
        '"whole":5,',
        '"exact":9007199254740992,',
        '"large":12345678901234567000,',
        '"huge":1e+22',
        '"part":0.5',
    ):
        assert shown in text
    assert bench.up(Thing("a", given), Thing("b", {"of": Ref("a", "version")})).ops == {"a": ["same"], "b": ["same"]}


# ---- what is refused ----
def test_doctor_lists_every_refusal(tmp_path):
    findings = doctor.examine(Home(tmp_path), environment={"PATH": ""})
    told = next(item for item in findings if "refuses" in item.message)
    assert [item.value.listed for item in Feature if item.value.listed not in told.message] == []
    assert not any(item.value.listed.startswith("the ") for item in Feature)
    assert "--engine pulumi" in told.remedy


# ---- the program of a refresh ----
def test_a_refresh_with_the_program_tells_of_what_it_does_not_read_too(tmp_path):
    bench = EngineBench(tmp_path)
    things = Thing("p", {"region": "eu"}, kind="provider"), Thing("a", {"size": 1}, {"provider": "p"})
    bench.up(*things)
    seen = bench.run("refresh", things, {}, run_program=True)
    assert seen.ops == {"p": ["refresh", "same"], "a": ["refresh"]}
    assert dict(seen.result.changes) == {"same": 3}


def test_the_outputs_of_the_stack_are_told_last_in_a_preview_too(tmp_path):
    bench = EngineBench(tmp_path)
    bench.up(Thing("a"))
    seen = bench.preview(outputs={"x": 1})
    ends = [event["resOutputsEvent"]["metadata"] for event in seen.events if "resOutputsEvent" in event]
    assert [end["type"] for end in ends][-1] == "pulumi:pulumi:Stack"


# ---- what recordings of the CLI have shown ----
def test_a_provider_is_asked_about_configuration_that_is_not_known_yet(tmp_path):
    bench = EngineBench(tmp_path)

    def program(fixed):
        return Thing("a", {"fixed": fixed}), Thing("p", {"region": Ref("a")}, kind="provider")

    bench.up(*program(1))
    before = len(bench.world.requests)
    assert bench.preview(*program(2)).ops["p"] == ["update"]
    news = [item.news["region"] for item in bench.world.requests[before:] if "region" in getattr(item, "news", {})]
    assert news == [UNKNOWN, UNKNOWN]  # CheckConfig and DiffConfig


def test_a_provider_that_stays_the_same_is_configured_as_it_was(tmp_path):
    bench = EngineBench(tmp_path)
    bench.up(Thing("p", {"token": "t"}, kind="provider"), Thing("a", {}, {"provider": "p"}))
    before = len(bench.world.requests)
    bench.up(Thing("p", {"token": Hidden("t")}, kind="provider"), Thing("a", {}, {"provider": "p"}))
    told = [item.args["token"] for item in bench.world.requests[before:] if isinstance(item, Configure)]
    assert told == ["t"]


def test_a_destroy_of_less_than_depends_on_it_deletes_and_tells_of_nothing_else(tmp_path):
    bench = EngineBench(tmp_path)
    bench.up(Thing("a"), Thing("b", {"of": Ref("a")}), Thing("c"))
    seen = bench.destroy(targets=frozenset([bench.urn("a")]))
    assert not seen.result.succeeded
    assert [error.partition(" will be")[0] for error in seen.errors] == [f"Resource '{bench.urn('b')}'"]
    assert seen.ops == {}
    assert sorted(bench.names()) == ["a", "b", "c"]


def test_a_replacement_that_is_not_ready_tells_that_the_old_one_waits_for_its_deletion(tmp_path):
    bench = EngineBench(tmp_path)
    bench.up(Thing("a", {"fixed": 1}))
    bench.world.behaviour["create", "a"] = Behaviour(not_ready=("half",))
    seen = bench.up(Thing("a", {"fixed": 2}))
    [failed] = [event["resOpFailedEvent"] for event in seen.events if "resOpFailedEvent" in event]
    assert failed["metadata"]["old"]["delete"] is True


def changed(seen):
    """Return the calls that changed something."""
    return [call for call in seen.calls if call[0] in ("create", "update", "delete")]


def bench_of(folder, *things):
    bench = EngineBench(folder)
    bench.up(*things)
    return bench


def test_an_interrupt_while_an_update_deletes_begins_no_other_deletion(tmp_path):
    bench = bench_of(tmp_path, Thing("a"), Thing("b", {"of": Ref("a")}), Thing("z"))
    bench.world.behaviour["delete", "b"] = Behaviour(meanwhile=bench.engine.interrupt)
    seen = bench.up(Thing("z"))
    assert (changed(seen), seen.result.cancelled, seen.result.succeeded) == ([("delete", "b")], True, False)
    assert seen.errors == ["update canceled"]
    assert sorted(bench.names()) == ["a", "z"]
    assert changed(bench.up(Thing("z"))) == [("delete", "a")]


def test_an_interrupt_between_the_halves_of_a_replacement_leaves_the_other_half_to_the_next_run(tmp_path):
    def replaced(value, first):
        return Thing("a", {"fixed": value}, {"delete_before_replace": first})

    bench = bench_of(tmp_path, replaced(1, True))
    bench.world.behaviour["delete", "a"] = Behaviour(meanwhile=bench.engine.interrupt)
    seen = bench.up(replaced(2, True))
    assert (changed(seen), seen.ops) == ([("delete", "a")], {"a": ["delete-replaced"]})
    assert bench.state("a").pending_replacement
    bench.world.behaviour.clear()
    assert changed(bench.up(replaced(2, True))) == [("create", "a")]
    bench.world.behaviour["create", "a"] = Behaviour(meanwhile=bench.engine.interrupt)
    seen = bench.up(replaced(3, False))
    assert (changed(seen), seen.ops) == ([("create", "a")], {"a": ["create-replacement"]})
    bench.world.behaviour.clear()
    assert changed(bench.up(replaced(3, False))) == [("delete", "a")]


def test_an_interrupted_import_keeps_what_was_read_and_asks_nothing_more(tmp_path):
    bench = bench_of(tmp_path, Thing("a", {"size": 1}))
    bench.world.objects["other"] = dict(next(iter(bench.world.objects.values())))
    bench.world.behaviour["read", "b"] = Behaviour(meanwhile=bench.engine.interrupt)
    asked = len(bench.world.requests)
    seen = bench.up(Thing("a", {"size": 1}), Thing("b", {"size": 1}, {"import_": "other", "depends_on": ["a"]}))
    kinds = [type(request).__name__ for request in bench.world.requests[asked:] if request.urn.endswith("::b")]
    assert (kinds, seen.result.cancelled) == (["Read"], True)
    assert bench.state("b").id == "other"


def test_what_failed_while_an_operation_was_interrupted_is_all_that_is_told(tmp_path):
    bench = EngineBench(tmp_path)
    bench.world.behaviour["create", "a"] = Behaviour(meanwhile=bench.engine.interrupt, error="too late")
    assert bench.up(Thing("a")).errors == ["too late"]


def test_a_refresh_forgets_which_properties_need_nothing(tmp_path):
    bench = bench_of(tmp_path, Thing("a", {"size": 1}), Thing("b", {"of": Ref("a"), "size": 1}))
    assert bench.state("b").property_dependencies.keys() == {"of", "size"}
    bench.refresh()
    assert bench.state("a").property_dependencies == {}
    assert bench.state("b").property_dependencies.keys() == {"of"}


def test_what_is_read_is_counted_from_the_second_time_on(tmp_path):
    things = (Thing("a", {"size": 1}), Thing("g", {}, {"id": "a-0", "depends_on": ["a"]}))
    bench = EngineBench(tmp_path)
    assert [bench.up(*things).result.changes.get("read", 0) for _ in range(2)] == [0, 1]


def test_references_to_resources_have_the_forms_of_the_cli():
    urn = "urn:pulumi:dev::proj::my:C$fake:index:Thing::a"
    given = {SIGNATURE: RESOURCE_REFERENCE, "urn": urn}
    stated = as_stated({"l": [{**given, "id": "a-0"}, given, {**given, "id": UNKNOWN, "packageVersion": "1.0.0"}]})
    assert stated == {
        "l": [
            {**given, "id": "a-0", "packageVersion": ""},
            {**given, "packageVersion": ""},
            {**given, "id": "", "packageVersion": "1.0.0"},
        ]
    }
    sent = from_struct(to_provider(stated))
    told = {**given, "name": "a", "type": "fake:index:Thing"}
    assert sent == {"l": [{**told, "id": "a-0"}, told, {**told, "id": "", "packageVersion": "1.0.0"}]}
    assert from_provider(to_provider(stated)) == stated


def test_what_is_read_is_asked_for_by_the_hash_of_its_assets(tmp_path):
    asset = pulumi.StringAsset("text")
    bench = bench_of(tmp_path, Thing("a", {"x": asset}))
    bench.refresh()
    asked = [request for request in bench.world.requests if type(request).__name__ == "Read"]
    assert asked[-1].inputs["x"].keys() == {SIGNATURE, "hash"}


def test_an_archive_of_texts_has_the_hash_of_a_tar_of_them():
    """Of one with anything else in it nothing is known; the CLI says it."""
    texts = {name: name * 300 for name in ("b.py", "a.py")}
    assets = {name: {SIGNATURE: ASSET, "text": text} for name, text in texts.items()}
    made = with_asset_hashes({SIGNATURE: ARCHIVE, "assets": assets})
    assert made["assets"]["a.py"]["hash"] == hashlib.sha256(texts["a.py"].encode()).hexdigest()
    assert made["hash"] == hashlib.sha256(tarred(texts)).hexdigest()
    assert made == with_asset_hashes(made)
    assert assets_by_hash(made) == {SIGNATURE: ARCHIVE, "hash": made["hash"]}
    other = {SIGNATURE: ARCHIVE, "assets": {**assets, "c": {SIGNATURE: ASSET, "path": "c.py"}}}
    assert "hash" not in with_asset_hashes(other)


def test_an_archive_of_texts_has_the_hash_that_the_cli_gave_it():
    """CLI v3.260.0 wrote this one into its state on 2026-11-30."""
    texts = {"watching.py": "print('x')\n", "b.txt": "é" * 700}
    assets = {name: {SIGNATURE: ASSET, "text": text} for name, text in texts.items()}
    made = with_asset_hashes({SIGNATURE: ARCHIVE, "assets": assets})
    assert made["hash"] == "a39f74b68b887f36d6d303d46cd81e740890bc32440cc38fb92e6de2847b8f25"


def test_the_tar_of_an_archive_is_one_and_says_nothing_of_this_machine():
    texts = {name: name * 300 for name in ("b.py", "a.py")}
    packed = tarred(texts)
    assert len(packed) % 512 == 0
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        found = [(one.name, one.mode, one.mtime, one.uid, one.uname, one.isreg()) for one in tar.getmembers()]
        assert found == [(name, 0o600, 0, 0, "", True) for name in sorted(texts)]
        assert {one.name: tar.extractfile(one).read().decode() for one in tar.getmembers()} == texts


def test_a_refresh_whose_comparison_fails_tells_so_of_the_resource(tmp_path):
    bench = bench_of(tmp_path, Thing("a", {"size": 1}))
    bench.world.behaviour["diff", "a"] = Behaviour(error="cannot compare")
    seen = bench.refresh()
    assert seen.errors == ["cannot compare"]
    assert [event["resOpFailedEvent"]["metadata"]["op"] for event in seen.events if "resOpFailedEvent" in event] == [
        "refresh"
    ]


def test_a_resource_that_moves_is_compared_with_its_provider_as_it_was(tmp_path):
    def provider(name, region):
        return Thing(name, {"region": region}, kind="provider")

    bench = bench_of(tmp_path, provider("p", "eu"), Thing("a", {}, {"provider": "p"}))
    asked = len(bench.world.requests)
    bench.up(provider("p", "us"), provider("q", "as"), Thing("a", {}, {"provider": "q", "depends_on": ["p"]}))
    compared = [item for item in bench.world.requests[asked:] if type(item).__name__ == "Diff" and item.name == "q"]
    assert [(item.old_inputs["region"], item.news["region"]) for item in compared] == [("eu", "as")]


def test_a_preview_can_do_without_the_previews_of_providers(tmp_path):
    bench = bench_of(tmp_path, Thing("a", {"size": 1}))
    things = (Thing("a", {"size": 2}), Thing("b", {"of": Ref("a")}))
    for previews, asked in ((True, ["Update", "Create"]), (False, [])):
        before = len(bench.world.requests)
        seen = bench.preview(*things, provider_previews=previews)
        kinds = [type(request).__name__ for request in bench.world.requests[before:]]
        assert seen.ops == {"a": ["update"], "b": ["create"]}
        assert [kind for kind in kinds if kind in ("Create", "Update")] == asked


def test_an_update_that_would_delete_more_than_was_named_tells_of_each_and_of_nothing_else(tmp_path):
    bench = bench_of(tmp_path, Thing("a"), Thing("b", {"of": Ref("a")}), Thing("c", {"of": Ref("b")}))
    seen = bench.up(Thing("x"), targets=frozenset({bench.state("a").urn}))
    assert len(seen.errors) == 2
    assert all("was not specified in --target list" in error for error in seen.errors)
    assert (changed(seen), bench.names(), seen.result.succeeded) == ([], ["a", "b", "c"], False)
