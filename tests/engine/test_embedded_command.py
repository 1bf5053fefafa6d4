"""The engine behind the unmodified Automation API: stacks, configuration, errors, refusals, a damaged checkpoint."""

import json
from concurrent.futures import ThreadPoolExecutor

import grpc
import pulumi
import pytest
from pulumi import automation as auto
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, language_pb2_grpc
from pulumi.runtime.settings import register_package
from sdk_loops import loops_closed

from cellctl.engine.workspace import Workspaces
from cellctl.state import sealing
from cellctl.state.backend import FileBackend, StackName
from cellctl_sandbox.engine.command import EmbeddedCommand
from cellctl_sandbox.engine.errors import UnsupportedFeature
from cellctl_sandbox.testing.engine_bench import Hidden, Ref, Thing, program_of
from cellctl_sandbox.testing.fake_provider import Behaviour, FakeFactory, World

PROGRAM = program_of(
    (Thing("a", {"size": 1, "pw": Hidden("s3cret")}), Thing("b", {"of": Ref("a")})),
    {"arn": Ref("b"), "pw": Ref("a", "pw")},
)


class Site:
    """One project folder with its own backend and command."""

    def __init__(self, folder):
        self.folder, self.world, self.events = folder, World(), []
        self.command = EmbeddedCommand({"fake": FakeFactory(self.world)}, program=PROGRAM, sink=self.events.append)
        (folder / "Pulumi.yaml").write_text(
            f"name: proj\nruntime: python\nbackend:\n  url: file://{folder / 'state'}\n"
        )
        self.env = {"PULUMI_CONFIG_PASSPHRASE": "correct horse"}
        self.backend = FileBackend(folder / "state")
        self.name = StackName(project="proj", stack="dev")

    def workspace(self, **env):
        given = {key: value for key, value in {**self.env, **env}.items() if value is not None}
        return auto.LocalWorkspace(
            work_dir=str(self.folder), program=PROGRAM, env_vars=given, pulumi_command=self.command
        )

    def stack(self, name="dev", **env):
        return auto.Stack.create_or_select(name, self.workspace(**env))

    def cli(self, *argv, **env):
        return self.command.run([*argv, "--stack", "dev"], str(self.folder), {**self.env, **env}).stdout


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def test_a_stack_goes_through_its_life(site):
    stack = site.stack()
    assert stack.preview().change_summary == {"create": 4} or stack.preview().change_summary["create"] == 3
    up = stack.up(message="first")
    assert up.summary.result == "succeeded"
    assert up.outputs["arn"].value == "arn:fake:b-0"
    assert up.outputs["pw"].secret
    assert up.outputs["pw"].value == "s3cret"
    assert stack.up().summary.resource_changes == {"same": 3}
    assert stack.refresh().summary.kind == "refresh"
    assert [entry.message for entry in stack.history()] == ["", "", "first"]
    assert stack.destroy(remove=True).summary.result == "succeeded"
    assert site.workspace().list_stacks() == []
    assert not (site.folder / "Pulumi.dev.yaml").exists()


def test_previews_and_ups_agree_on_what_happens(site):
    stack = site.stack()
    planned = stack.preview().change_summary
    assert {
        str(getattr(op, "value", op)): count for op, count in planned.items()
    } == stack.up().summary.resource_changes


def test_configuration_reaches_the_program_and_is_sealed(site):
    seen = {}

    def program():
        config = pulumi.Config()
        seen["plain"], seen["secret"] = config.get("plain"), config.get("token")
        seen["object"] = config.get_object("obj")

    site.command.bind(program)
    stack = site.stack()
    stack.set_config("plain", auto.ConfigValue("v"))
    stack.set_config("token", auto.ConfigValue("t0p", secret=True))
    stack.set_config("obj.a.b", auto.ConfigValue("1"), path=True)
    stack.set_config("obj.list[0]", auto.ConfigValue("x"), path=True)
    stack.preview()
    assert seen == {"plain": "v", "secret": "t0p", "object": {"a": {"b": 1}, "list": ["x"]}}
    assert "t0p" not in (site.folder / "Pulumi.dev.yaml").read_text()
    assert "t0p" not in json.dumps(site.events)
    assert stack.get_config("token").secret
    stack.remove_config("plain")
    assert "proj:plain" not in stack.get_all_config()
    with pytest.raises(auto.CommandError, match="not found"):
        stack.get_config("plain")


def test_the_settings_file_is_written_as_the_cli_writes_it(site):
    stack = site.stack()
    plain = {"z": "007", "b": "true", "a": "two\nlines", "other:k": "word"}
    stack.set_all_config({key: auto.ConfigValue(value) for key, value in plain.items()})
    stack.set_config("c", auto.ConfigValue("~"))
    written = (site.folder / "Pulumi.dev.yaml").read_text().partition("config:\n")[2]
    expected = ["other:k: word", "proj:a: |-", "  two", "  lines", 'proj:b: "true"', 'proj:z: "007"', 'proj:c: "~"']
    assert written.splitlines() == [f"  {line}" for line in expected]
    assert stack.get_config("a").value == "two\nlines"
    with pytest.raises(auto.CommandError, match="configuration key"):
        stack.set_config("too:many:parts", auto.ConfigValue("v"))
    stack.set_config("proj:config:d", auto.ConfigValue("v"))
    stack.remove_all_config(["z", "a", "d", "none"])
    assert set(stack.get_all_config()) == {"proj:b", "proj:c", "other:k"}


def test_a_destroy_of_what_is_not_there_begins_nothing(site):
    stack = site.stack()
    stack.up()
    site.events.clear()
    with pytest.raises(auto.CommandError, match="error: no resource named 'urn:nobody' found"):
        stack.destroy(target=["urn:nobody"])
    assert [sorted(event)[0] for event in site.events] == ["cancelEvent"]
    assert [entry.result for entry in stack.history()] == ["failed", "succeeded"]


def test_export_and_import_carry_the_state(site):
    stack = site.stack()
    stack.up()
    deployment = stack.export_stack()
    assert "s3cret" in json.dumps(deployment.deployment)
    deployment.deployment["resources"] = [
        item for item in deployment.deployment["resources"] if not item["urn"].endswith("::b")
    ]
    stack.import_stack(deployment)
    assert stack.up().summary.resource_changes == {"create": 1, "same": 2}


def test_a_rename_takes_urns_settings_and_history_along(site):
    stack = site.stack()
    stack.up()
    stack.rename("other")
    renamed = auto.Stack.select("other", site.workspace())
    assert renamed.up().summary.resource_changes == {"same": 3}
    assert len(renamed.history()) == 2


def test_state_edits(site):
    stack = site.stack()
    stack.up()
    urn = "urn:pulumi:dev::proj::fake:index:Thing::b"
    site.cli("state", "protect", "--all", "--yes")
    with pytest.raises(auto.CommandError, match="protected"):
        stack.destroy()
    with pytest.raises(auto.CommandError, match="is protected"):
        site.cli("state", "delete", urn, "--yes")
    site.cli("state", "unprotect", "--all", "--yes")
    with pytest.raises(auto.CommandError, match="depend on it"):
        site.cli("state", "delete", urn.replace("::b", "::a"), "--yes")
    site.cli("state", "rename", urn, "c", "--yes")
    assert site.backend.read(site.name).checkpoint.find(urn.replace("::b", "::c"))
    site.cli("state", "delete", urn.replace("::b", "::c"), "--yes")
    assert stack.up().summary.resource_changes == {"create": 1, "same": 2}
    site.cli("state", "protect", urn, "--yes")
    with pytest.raises(auto.CommandError, match="is protected"):
        site.cli("state", "rm", urn.replace("::b", "::a"), "--target-dependents", "--yes")
    site.cli("state", "rm", urn.replace("::b", "::a"), "--target-dependents", "--force", "--yes")
    assert [item.name for item in site.backend.read(site.name).checkpoint.resources] == ["proj-dev", "default_1_0_0"]
    with pytest.raises(auto.CommandError, match="--all"):
        site.cli("state", "delete", "--yes")
    site.cli("state", "delete", "--all", "--yes")
    assert site.backend.read(site.name).checkpoint.resources == ()


def test_tags_go_along_with_a_stack_and_end_with_it(site):
    stack = site.stack()
    site.cli("stack", "tag", "set", "team", "x")
    site.cli("stack", "tag", "set", "ring", "1")
    assert site.cli("stack", "tag", "get", "team") == "x"
    site.cli("stack", "tag", "rm", "ring")
    stack.rename("prod")
    renamed = auto.Stack.select("prod", site.workspace())
    assert renamed.list_tags() == {"team": "x"}
    with pytest.raises(auto.StackNotFoundError):
        site.cli("stack", "tag", "ls")
    renamed.workspace.remove_stack("prod")
    assert site.stack("prod").list_tags() == {}
    with pytest.raises(auto.CommandError, match="stack tag 'team' not found"):
        site.command.run(["stack", "tag", "get", "team", "--stack", "prod"], str(site.folder), site.env)


def test_a_rename_of_no_stack_says_so_before_it_looks_at_the_other_name(site):
    site.stack("prod")
    with pytest.raises(auto.StackNotFoundError):
        site.cli("stack", "rename", "prod")


def test_repair_puts_a_state_in_order_and_forgets_what_is_not_there(site):
    stack = site.stack()
    stack.up()
    sound = site.backend.checkpoint_path(site.name).read_text()
    site.cli("state", "repair", "--yes")
    document = json.loads(sound)
    resources = document["checkpoint"]["latest"]["resources"]
    resources.reverse()
    next(item for item in resources if item["urn"].endswith("::b"))["dependencies"] = ["urn:pulumi:dev::proj::t::gone"]
    site.backend.checkpoint_path(site.name).write_text(json.dumps(document))
    with pytest.raises(auto.CommandError, match="not sound"):
        stack.refresh()
    site.cli("state", "repair", "--yes")
    assert stack.refresh().summary.resource_changes == {"same": 3}
    assert stack.up().summary.resource_changes == {"same": 3}


# ---- errors ----
def test_errors_have_the_classes_of_the_automation_api(site):
    with pytest.raises(auto.StackNotFoundError):
        auto.Stack.select("nobody", site.workspace())
    stack = site.stack()
    with pytest.raises(auto.StackAlreadyExistsError):
        auto.Stack.create("dev", site.workspace())
    lock = site.backend.locks(site.name).acquire()
    with pytest.raises(auto.ConcurrentUpdateError):
        stack.up()
    stack.preview()
    stack.cancel()
    site.backend.locks(site.name).release(lock.key)
    site.world.behaviour["create", "a"] = Behaviour(error="quota exceeded")
    with pytest.raises(auto.CommandError, match="quota exceeded"):
        stack.up()
    assert stack.history()[0].result == "failed"
    assert site.backend.locks(site.name).held() == ()


def test_an_exception_of_the_program_is_an_inline_source_error(site):
    site.command.bind(program_of((Thing("boom", kind="raise"),), {}))
    with pytest.raises(auto.InlineSourceRuntimeError, match="boom"):
        site.stack().up()


@pytest.mark.parametrize(("passphrase", "told"), [("wrong", "incorrect passphrase"), (None, "passphrase must be set")])
def test_a_wrong_or_missing_passphrase_changes_nothing(site, passphrase, told):
    site.stack().up()
    before = site.backend.checkpoint_path(site.name).read_bytes()
    stack = auto.Stack.select("dev", site.workspace(PULUMI_CONFIG_PASSPHRASE=passphrase))
    with pytest.raises(auto.CommandError, match=told):
        stack.up()
    assert site.backend.checkpoint_path(site.name).read_bytes() == before


def test_expect_no_changes_has_its_own_exit_code(site):
    stack = site.stack()
    with pytest.raises(auto.CommandError, match="code: 7"):
        stack.up(expect_no_changes=True)
    stack.up(expect_no_changes=True)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("nonsense",), "unknown command"),
        (("up", "--nonsense"), "unknown flag: --nonsense"),
        (("stack", "output", "nope"), "does not have output property"),
        (("preview", "--parallel", "many"), "invalid argument"),
    ],
)
def test_what_is_not_a_command_is_refused(site, argv, told):
    site.stack()
    with pytest.raises(auto.CommandError, match=told):
        site.cli(*argv)


@pytest.mark.parametrize(
    ("given", "feature"), [({"plan": "p.json"}, "update plans"), ({"policy_packs": ["p"]}, "policy packs")]
)
def test_a_feature_that_is_not_there_is_named_before_anything_changes(site, given, feature):
    stack = site.stack()
    with pytest.raises(UnsupportedFeature, match=feature):
        stack.up(**given)
    assert site.world.calls == []


def test_a_backend_that_is_not_there_is_named(site):
    with pytest.raises(UnsupportedFeature, match="s3"):
        site.stack(PULUMI_BACKEND_URL="s3://bucket")


class Remote(pulumi.ComponentResource):
    """A component that a provider would construct."""

    def __init__(self):
        super().__init__("fake:index:Remote", "far", {}, None, remote=True)


def parameterised():
    reference = register_package("fake", "1.0.0", "", "other", "1.0.0", "")
    pulumi.CustomResource("fake:index:Thing", "p", {}, package_ref=reference)


REFUSED = {
    "parameterised packages": parameterised,
    "dynamic providers": lambda: pulumi.CustomResource("pulumi-python:dynamic:Resource", "own", {}),
    "remote components": Remote,
    r"methods of components \(Call\)": lambda: pulumi.runtime.call("fake:index:method", {}),
    "the provider 'other'": lambda: pulumi.CustomResource("other:index:Thing", "x", {}),
}


@pytest.mark.parametrize("over_sockets", [False, True])
@pytest.mark.parametrize("feature", REFUSED)
def test_what_a_program_asks_for_at_its_fifth_resource_is_refused_before_the_first(site, feature, over_sockets):
    def declared():
        program_of((Thing("a"), Thing("b"), Thing("c"), Thing("d", {"of": Ref("a")})), {})()
        REFUSED[feature]()

    stack = site.stack()
    before = site.backend.read(site.name).checkpoint.resources, site.backend.history(site.name)
    site.command.bind(None if over_sockets else declared)
    with loops_closed(), pytest.raises(UnsupportedFeature, match=feature):
        stack.up(program=declared)
    assert site.world.calls == []
    assert (site.backend.read(site.name).checkpoint.resources, site.backend.history(site.name)) == before
    site.command.bind(program_of((Thing("a"),), {}))
    assert stack.up().summary.result == "succeeded"


# ---- a damaged checkpoint ----
def test_a_damaged_checkpoint_is_told_and_the_previous_one_used(site):
    stack = site.stack()
    stack.up()
    path = site.backend.checkpoint_path(site.name)
    path.write_bytes(path.read_bytes()[:200])
    assert stack.up().summary.resource_changes["same"] >= 2
    path.write_bytes(b"")
    site.cli("stack", "export")
    assert [warning.path for warning in site.command.warnings] == [path]


# ---- the same through sockets ----
def test_a_dialled_program_does_what_a_bound_one_does(site):
    stack = site.stack()
    bound = [event for event in site.events if "resourcePreEvent" in event]
    stack.preview()
    bound = sorted(
        str(event["resourcePreEvent"]["metadata"]["urn"]) for event in site.events if "resourcePreEvent" in event
    )
    site.events.clear()
    site.command.bind(None)
    stack.preview()
    dialled = sorted(
        str(event["resourcePreEvent"]["metadata"]["urn"]) for event in site.events if "resourcePreEvent" in event
    )
    assert bound == dialled
    assert stack.up().summary.result == "succeeded"


def test_a_language_server_that_fails_is_an_error_not_a_crash(site):
    stack = site.stack()
    site.command.bind(None)
    with pytest.raises(auto.CommandError, match="language server failed"):
        site.cli("up", "--yes", "--skip-preview", "--client=127.0.0.1:1")
    assert site.backend.locks(site.name).held() == ()
    assert stack.history()[0].result == "failed"


# ---- the key ----
class FailsTwice(language_pb2_grpc.LanguageRuntimeServicer):
    """A language server whose program raises, and which fails itself while it cleans up."""

    def Run(self, request, context):
        with grpc.insecure_channel(request.args[0]) as channel:
            log = engine_pb2_grpc.EngineStub(channel).Log
            log(engine_pb2.LogRequest(severity="ERROR", message="python inline source runtime error: boom"))
        context.abort(grpc.StatusCode.UNKNOWN, "Exception calling application: invalid state")


def test_a_language_server_that_fails_after_its_program_tells_of_the_program(site):
    stack = site.stack()
    site.command.bind(None)
    server = grpc.server(ThreadPoolExecutor(1))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(FailsTwice(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with pytest.raises(auto.CommandError) as raised:
        site.cli("up", "--yes", "--skip-preview", f"--client=127.0.0.1:{port}")
    server.stop(0)
    assert "an unhandled error occurred: python inline source runtime error: boom" in str(raised.value)
    assert "invalid state" not in str(raised.value)
    assert stack.history()[0].result == "failed"


def test_a_process_derives_the_key_of_a_stack_once(site):
    """A derivation costs as much CPU as a whole preview; each of these commands opens the stack's secrets."""
    sealing.derive_key.cache_clear()
    before = sealing.derive_key.cache_info().misses
    stack = site.stack()
    stack.set_config("proj:token", auto.ConfigValue("hunter2", secret=True))
    stack.preview()
    stack.up()
    assert stack.outputs()["pw"].value == "s3cret"
    stack.refresh()
    stack.export_stack()
    stack.destroy()
    assert sealing.derive_key.cache_info().misses - before == 1


def test_new_stacks_of_a_home_share_one_derivation_and_a_new_key_shares_none_of_the_old_ones(tmp_path):
    program = program_of((Thing("p", kind="provider"), Thing("a", {"pw": Hidden("s3")}, {"provider": "p"})), {})
    spaces = Workspaces(tmp_path / "home")

    def made(name):
        folder = spaces.prepare(name, {}, share_salt=True)
        command = EmbeddedCommand({"fake": FakeFactory(World())}, program=program)
        variables = {
            "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(spaces.key_file),
        }
        workspace = auto.LocalWorkspace(
            work_dir=str(folder), program=program, env_vars=variables, pulumi_command=command
        )
        assert auto.Stack.create(name, workspace).up().summary.resource_changes["create"] == 3

    before = sealing.derive_key.cache_info().misses
    for name in ("cell-anna", "cell-bert", "cell-cleo"):
        made(name)
    assert sealing.derive_key.cache_info().misses - before == 1
    spaces.key_file.unlink()
    made("cell-dora")
