"""Functions of the program that the engine calls: hooks and transforms, in this process and over sockets."""

import pulumi
import pytest
from pulumi import automation as auto
from sdk_loops import loops_closed

from cellctl_sandbox.engine.command import EmbeddedCommand
from cellctl_sandbox.testing.fake_provider import Behaviour, FakeFactory, World

# The SDK leaves the loop of a program open whose engine went away.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
KINDS = ("before_create", "after_create", "before_update", "after_update", "before_delete", "after_delete")


class Stage:
    """A stack whose program is a function of this test, and what its hooks saw."""

    def __init__(self, folder, *, over_sockets):
        self.folder, self.world, self.seen, self.over_sockets = folder, World(), [], over_sockets
        self.command = EmbeddedCommand({"fake": FakeFactory(self.world)})
        (folder / "Pulumi.yaml").write_text(
            f"name: proj\nruntime: python\nbackend:\n  url: file://{folder / 'state'}\n"
        )

    def stack(self, program):
        self.command.bind(None if self.over_sockets else program)
        env = {"PULUMI_CONFIG_PASSPHRASE": "correct horse"}
        workspace = auto.LocalWorkspace(
            work_dir=str(self.folder), program=program, env_vars=env, pulumi_command=self.command
        )
        return auto.Stack.create_or_select("dev", workspace)

    def hook(self, name, *, fails=False, **options):
        def run(args):
            self.seen.append((name, args.name, dict(args.new_inputs or {}).get("size")))
            if fails:
                raise RuntimeError("not today")

        return pulumi.ResourceHook(name, run, opts=pulumi.ResourceHookOptions(**options))


@pytest.fixture(params=[False, True], ids=["in process", "over sockets"])
def stage(request, tmp_path):
    with loops_closed():
        yield Stage(tmp_path, over_sockets=request.param)


def thing(name, props=None, **options):
    given = pulumi.ResourceOptions(version="1.0.0", **options)
    return pulumi.CustomResource("fake:index:Thing", name, {"arn": None, **(props or {})}, given)


def test_hooks_run_around_what_they_are_bound_to(stage):
    def program(size):
        def declare():
            bound = pulumi.ResourceHookBinding(**{kind: [stage.hook(kind)] for kind in KINDS})
            thing("b", {"of": thing("a", {"size": size}, hooks=bound).arn})

        return declare

    assert stage.stack(program(1)).preview().change_summary["create"] == 3
    assert stage.seen == []
    stage.stack(program(1)).up()
    stage.stack(program(2)).up()
    with pytest.raises(auto.CommandError, match="delete hooks"):
        stage.stack(program(2)).destroy()
    stage.stack(program(2)).destroy(run_program=True)
    assert stage.seen == [
        ("before_create", "a", 1),
        ("after_create", "a", 1),
        ("before_update", "a", 2),
        ("after_update", "a", 2),
        ("before_delete", "a", None),
        ("after_delete", "a", None),
    ]
    assert stage.world.objects == {}


def test_a_hook_that_fails_stops_what_comes_after_it(stage):
    def program(kind, **options):
        def declare():
            hook = stage.hook("h", fails=True, **options)
            made = thing("a", hooks=pulumi.ResourceHookBinding(**{kind: [hook]}))
            thing("b", {"of": made.arn})

        return declare

    with pytest.raises(auto.CommandError, match='before hook "h" failed: not today'):
        stage.stack(program("before_create")).up()
    assert stage.world.objects == {}
    with pytest.raises(auto.CommandError, match='after hook "h" failed: not today'):
        stage.stack(program("after_create")).up()
    assert list(stage.world.objects) == ["a-0"]
    assert stage.stack(program("before_create", ignore_errors=True)).up().summary.resource_changes["create"] == 1


def test_a_hook_on_errors_asks_for_another_try(stage):
    def declare():
        again = pulumi.ErrorHook("again", lambda args: args.errors == ["no capacity"] * len(args.errors))
        thing("a", hooks=pulumi.ResourceHookBinding(on_error=[again]))

    stage.world.behaviour["create", "a"] = Behaviour(error="no capacity", times=2)
    assert stage.stack(declare).up().summary.resource_changes["create"] == 2
    assert stage.world.of("create") == [("create", "a")] * 3


def test_transforms_change_properties_and_options(stage):
    def declare():
        def everywhere(args):
            props = {**args.props, "everywhere": True} if args.custom else args.props
            return pulumi.ResourceTransformResult(props=props, opts=args.opts)

        def own(args):
            args.opts.protect = True
            return pulumi.ResourceTransformResult(props={**args.props, "size": 9}, opts=args.opts)

        pulumi.runtime.register_resource_transform(everywhere)
        box = pulumi.ComponentResource("my:Box", "box", {}, pulumi.ResourceOptions(transforms=[everywhere]))
        first = thing("a", {"size": 1}, parent=box, transforms=[own])
        pulumi.export("of", thing("b", {"of": first.arn}).of)

    assert stage.stack(declare).preview().change_summary["create"] == 4
    up = stage.stack(declare).up()
    assert up.outputs["of"].value == "arn:fake:a-0"
    assert stage.world.objects["a-0"]["inputs"] == {"size": 9, "everywhere": True}
    assert stage.world.objects["b-0"]["inputs"] == {"of": "arn:fake:a-0", "everywhere": True}
    assert stage.stack(declare).up().summary.resource_changes == {"same": 4}
    with pytest.raises(auto.CommandError, match="protect"):
        stage.stack(declare).destroy()
