"""The same program gives the same steps, however it is run: transports, hosts, seeds, order."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pulumi
import pulumi_aws as aws
from pulumi import automation as auto

from cellctl_provider.hosts.plugin import PluginServer
from cellctl_sandbox.control import open_control
from cellctl_sandbox.engine.command import EmbeddedCommand
from cellctl_sandbox.host import open_host
from cellctl_sandbox.testing.engine_bench import Hidden, Ref, Thing, program_of
from cellctl_sandbox.testing.fake_provider import Behaviour, FakeFactory, World

WALL = ("timestamp", "durationSeconds", "sequence")


def program(size=1, fixed=1):
    """Return a program with a component, secrets, an explicit dependency and two things to replace."""
    things = (
        Thing("a", {"size": size, "pw": Hidden("s3cret")}),
        Thing("box", type="my:index:Box", kind="component", outputs={"n": 1}),
        Thing("b", {"fixed": fixed, "of": Ref("a")}, {"parent": "box"}),
        Thing("c", {"fixedOf": Ref("b")}, {"depends_on": ["a"], "delete_before_replace": True}),
        Thing("d", {"list": [1, {"k": Ref("c")}], "none": None}),
    )
    return program_of(things, {"of": Ref("d"), "pw": Ref("a", "pw")})


OPERATIONS = (
    ("preview", {}),
    ("up", {}),
    ("up", {"size": 2}),
    ("preview", {"size": 2, "fixed": 2}),
    ("up", {"fixed": 2}),
)


class Runs:
    """One stack driven through every kind of operation, and the events of each."""

    def __init__(self, folder, command, *, bound=True, parallel=1):
        self.folder, self.command, self.bound, self.parallel = folder, command, bound, parallel
        (folder / "Pulumi.yaml").write_text(f"name: proj\nruntime: python\nbackend:\n  url: file://{folder}/state\n")
        (folder / "Pulumi.dev.yaml").write_text(SALT)

    def stack(self, run):
        self.command.bind(run if self.bound else None)
        env = {"PULUMI_CONFIG_PASSPHRASE": "correct horse", "PULUMI_HOME": str(self.folder / "home")}
        workspace = auto.LocalWorkspace(
            work_dir=str(self.folder), program=run, env_vars=env, pulumi_command=self.command
        )
        return auto.Stack.create_or_select("dev", workspace)

    def events(self):
        """Run all operations; the events of each, without wall time."""
        streams = []
        for operation, given in OPERATIONS:
            seen = []
            self.command.sink = seen.append
            options = {} if operation == "preview" else {"parallel": self.parallel}
            getattr(self.stack(program(**given)), operation)(**options)
            streams.append([_timeless(event) for event in seen])
        return streams


SALT = "encryptionsalt: v1:PkKPljacaj8=:v1:/ohFwJfVCL5ywYyq:viw/snXL469aHacUf10Ld62gvsLhaQ==\n"


def _timeless(value):
    """Return events without wall time."""
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in WALL}
    if isinstance(value, list):
        return [_timeless(item) for item in value]
    return value


def _numbered(streams):
    """Return event streams with the ids of providers, which are random, numbered in the order of their first use."""
    text = json.dumps(streams)
    for number, found in enumerate(dict.fromkeys(re.findall(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", text))):
        if not found.startswith("04da6b54"):
            text = text.replace(found, f"id-{number}")
    return json.loads(text)


def _steps(streams):
    """Return the steps of each operation by resource, in order."""
    found = []
    for events in streams:
        by_urn = {}
        for event in events:
            body = event.get("resourcePreEvent") or event.get("resOutputsEvent")
            if body:
                by_urn.setdefault(body["metadata"]["urn"], []).append(body["metadata"])
        found.append(by_urn)
    return found


def in_process(*slow):
    """A command whose provider takes its time over the named resources."""
    world, waits = World(), Behaviour(meanwhile=lambda: time.sleep(0.02))
    world.behaviour = {(call, name): waits for call in ("check", "create", "update", "delete") for name in slow}
    return EmbeddedCommand({"fake": FakeFactory(world)})


def runs(folder, command, **options):
    folder.mkdir()
    return _numbered(Runs(folder, command, **options).events())


def test_two_runs_give_identical_event_streams_whatever_was_quick(tmp_path):
    first = runs(tmp_path / "one", in_process("a", "c"))
    assert first == runs(tmp_path / "two", in_process("b"))
    assert all(first)


def test_parallel_runs_give_identical_steps(tmp_path):
    alone = runs(tmp_path / "one", in_process())
    assert _steps(alone) == _steps(runs(tmp_path / "two", in_process(), parallel=16))


def test_sockets_and_the_in_process_path_give_identical_steps(tmp_path):
    direct = runs(tmp_path / "one", in_process())
    assert _steps(direct) == _steps(runs(tmp_path / "two", in_process(), bound=False))


def test_a_plugin_and_a_provider_of_this_process_give_identical_steps(tmp_path):
    """The plugin is a real one for the engine, a launched process: it prints the port of a server that is here."""
    direct = runs(tmp_path / "one", in_process())
    server = PluginServer(FakeFactory(World()))
    launcher = tmp_path / "two" / "home" / "plugins" / "resource-fake-v1.0.0" / "pulumi-resource-fake"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(f"#!/bin/sh\necho {server.port}\nexec cat >/dev/null\n")
    launcher.chmod(0o755)
    launched = _numbered(Runs(tmp_path / "two", EmbeddedCommand(plugins={"fake"})).events())
    server.close()
    assert _steps(direct) == _steps(launched)


def test_previews_are_in_the_same_order_every_time(tmp_path):
    previews = Runs(tmp_path, in_process())
    seen = []
    for _ in range(3):
        events = []
        previews.command.sink = events.append
        previews.stack(program()).preview()
        seen.append([_timeless(event) for event in events])
    assert seen[0] == seen[1] == seen[2]
    names = [
        event["resourcePreEvent"]["metadata"]["urn"].rpartition("::")[2]
        for event in seen[0]
        if "resourcePreEvent" in event
    ]
    assert names == ["proj-dev", "default_1_0_0", "a", "box", "b", "c", "d"]


# ---- the simulated clouds ----
def network(tag):
    def declare():
        ours = pulumi.ResourceOptions(provider=aws.Provider("aws", region="eu-west-1"))
        vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", tags={"t": tag}, opts=ours)
        for number in range(6):
            aws.ec2.Subnet(
                f"subnet-{number}", vpc_id=vpc.id, cidr_block=f"10.0.{number}.0/24", tags={"t": tag}, opts=ours
            )
            aws.ec2.SecurityGroup(f"group-{number}", name=f"g{number}", vpc_id=vpc.id, opts=ours)
        pulumi.export("vpc", vpc.id)

    return declare


def sandboxed(home, seed):
    """Return the events of a network that goes up, changes and goes down in a fresh sandbox, and its simulated time."""
    home.mkdir()
    control = open_control(home)
    control.reset(seed=seed)
    host = open_host(home=home, cell="acme", cloud="aws", clock="stepped")
    command = EmbeddedCommand(host.providers())
    stacks = Runs(home, command)
    streams = []
    for operation, tag in (("up", "1"), ("preview", "2"), ("up", "2"), ("refresh", "2"), ("destroy", "2")):
        seen = []
        command.sink = seen.append
        getattr(stacks.stack(network(tag)), operation)()
        streams.append([_timeless(event) for event in seen])
    host.close()
    return _numbered(streams), control.clock()["now_s"]


def test_two_sandboxes_of_one_seed_give_identical_event_streams_and_another_seed_others(tmp_path):
    """Sixteen at a time; the second run in a process of its own, where sets and maps are in another order."""
    first, other = sandboxed(tmp_path / "one", 7), sandboxed(tmp_path / "other", 8)
    code = "import json, sys; from pathlib import Path; from test_engine_determinism import sandboxed; "
    code += "json.dump(sandboxed(Path(sys.argv[1]), 7), sys.stdout)"
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "two")], cwd=Path(__file__).parent, capture_output=True, check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    ).stdout  # fmt: skip
    assert json.loads(json.dumps(first)) == json.loads(told)
    assert first != other
    begun = [event["resourcePreEvent"]["metadata"]["urn"] for event in first[0][0] if "resourcePreEvent" in event]
    assert len(begun) == 15
