"""Interrupts, kills, parallelism, saves that fail, secrets, order: what the engine is like while it runs."""

import gc
import inspect
import json
import signal
import subprocess
import sys
import threading

import pytest

from cellctl.state import pending
from cellctl.state.events import StepEvent, SummaryEvent, read_event
from cellctl.state.values import is_secret
from cellctl_sandbox.engine import sdk
from cellctl_sandbox.testing import engine_bench
from cellctl_sandbox.testing.engine_bench import EngineBench, Hidden, Ref, Thing
from cellctl_sandbox.testing.fake_provider import Behaviour, World

CHAIN = (Thing("a"), Thing("b", {"of": Ref("a")}), Thing("c", {"of": Ref("b")}))


def test_an_interrupt_finishes_what_is_under_way_and_starts_nothing_new(tmp_path):
    bench = EngineBench(tmp_path)
    bench.world.behaviour["create", "b"] = Behaviour(meanwhile=bench.engine.interrupt)
    seen = bench.up(*CHAIN)
    assert seen.result.cancelled
    assert not seen.result.succeeded
    assert seen.errors == ["update canceled"]
    assert bench.names() == ["a", "b"]
    assert bench.checkpoint().pending == ()
    assert bench.world.cancelled.is_set()
    bench.world.behaviour.clear()
    assert [call for call in bench.up(*CHAIN).calls if call[0] == "create"] == [("create", "c")]


def test_an_interrupted_destroy_says_so_and_keeps_the_rest(tmp_path):
    bench = EngineBench(tmp_path)
    bench.up(*CHAIN)
    bench.world.behaviour["delete", "c"] = Behaviour(meanwhile=bench.engine.interrupt)
    seen = bench.destroy()
    assert seen.result.cancelled
    assert not seen.result.succeeded
    assert bench.names() == ["a", "b"]


def test_up_runs_sixteen_calls_at_a_time_and_not_more(tmp_path):
    bench = EngineBench(tmp_path)
    together = threading.Barrier(16, timeout=20)
    inside, most, lock = 0, 0, threading.Lock()

    def meanwhile():
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        together.wait()
        with lock:
            inside -= 1

    things = [Thing(f"t{n}") for n in range(32)]
    for thing in things:
        bench.world.behaviour["create", thing.name] = Behaviour(meanwhile=meanwhile)
    assert bench.up(*things).result.succeeded
    assert most == 16


def test_deletes_run_at_once_but_never_before_their_dependents(tmp_path):
    bench = EngineBench(tmp_path)
    leaves = [Thing(f"leaf{n}", {"of": Ref("root")}) for n in range(8)]
    bench.up(Thing("root"), *leaves)
    together = threading.Barrier(8, timeout=20)
    for leaf in leaves:
        bench.world.behaviour["delete", leaf.name] = Behaviour(meanwhile=together.wait)
    seen = bench.destroy()
    assert seen.result.succeeded
    assert [name for call, name in seen.calls if call == "delete"][-1] == "root"


def test_a_failure_waits_for_its_siblings_and_records_them(tmp_path):
    bench = EngineBench(tmp_path)
    begun, failed = threading.Event(), threading.Event()

    def slow():
        begun.set()
        failed.wait(10)

    bench.world.behaviour["create", "slow"] = Behaviour(meanwhile=slow)
    bench.world.behaviour["create", "bad"] = Behaviour(error="quota exceeded", meanwhile=lambda: begun.wait(10))
    threading.Timer(0.3, failed.set).start()
    seen = bench.up(Thing("slow"), Thing("bad"), Thing("after", {"of": Ref("bad")}))
    assert seen.errors == ["quota exceeded"]
    assert bench.names() == ["slow"]


def test_what_is_pending_in_a_replacement_says_when_its_old_copy_was_made(tmp_path):
    bench, pending = EngineBench(tmp_path), []
    bench.up(Thing("a", {"fixed": 1}))
    made = bench.state("a").created
    bench.world.behaviour["create", "a"] = Behaviour(meanwhile=lambda: pending.extend(bench.checkpoint().pending))
    bench.up(Thing("a", {"fixed": 2}))
    assert [(item.kind, item.resource.created) for item in pending] == [("creating", made)]
    assert bench.state("a").created > made


def test_two_previews_are_the_same_event_by_event(tmp_path):
    bench = EngineBench(tmp_path)
    things = [Thing(f"t{n}", {"n": n}) for n in range(12)] + [Thing("last", {"of": Ref("t3")})]

    def once():
        return [
            {key: item for key, item in event.items() if key != "timestamp"} for event in bench.preview(*things).events
        ]

    first = once()
    assert [*first[:-2]] == [*once()[:-2]]
    assert [event["sequence"] for event in first] == list(range(len(first)))


# ---- secrets ----
def test_no_secret_leaves_the_engine_in_clear(tmp_path):
    bench = EngineBench(tmp_path)
    things = (
        Thing("a", {"pw": Hidden("hunter2"), "password": Hidden("hunter2")}),
        Thing("b", {"mixed": Ref("a", "pw")}),
    )
    seen = bench.up(*things, outputs={"pw": Ref("a", "password")})
    assert seen.result.succeeded, seen.errors
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path
    assert "hunter2" not in json.dumps(seen.events)
    assert is_secret(seen.result.outputs["pw"])
    assert is_secret(bench.state("b").inputs["mixed"])


def test_events_read_back_as_typed_values(tmp_path):
    bench = EngineBench(tmp_path)
    events = [read_event(event) for event in bench.up(*CHAIN).events]
    steps = [event for event in events if isinstance(event, StepEvent)]
    assert [(step.phase, step.op) for step in steps if step.urn.endswith("::b")] == [
        ("pre", "create"),
        ("outputs", "create"),
    ]
    summary = next(event for event in events if isinstance(event, SummaryEvent))
    assert summary.changes == {"create": 4}
    assert summary.result == "succeeded"


# ---- saves that fail ----
@pytest.mark.parametrize("at", range(1, 8))
def test_a_disk_that_fills_up_stops_the_run_and_loses_nothing_that_was_saved(tmp_path, at):
    class Full(EngineBench):
        saves = 0

        def save(self, text):
            self.saves += 1
            if self.saves >= at:
                raise OSError(28, "No space left on device")
            super().save(text)

    bench = Full(tmp_path)
    seen = bench.up(*CHAIN)
    assert not seen.result.succeeded
    assert "the state could not be saved: No space left on device" in seen.errors
    made = set(bench.world.objects)

    again = EngineBench(tmp_path, bench.world)
    state = again.checkpoint()
    known = {item.id for item in state.resources} | {item.resource.name for item in state.pending}
    assert all(id_ in known or id_.rpartition("-")[0] in known for id_ in made)
    assert len(made) <= (at + 1) // 2


# ---- kills ----
KILLED = """
import os, signal, sys
from pathlib import Path
from cellctl_sandbox.testing import engine_bench
from cellctl_sandbox.testing.engine_bench import EngineBench, Ref, Thing
from cellctl_sandbox.testing.fake_provider import Behaviour

def play(folder, call, when):
    bench = EngineBench(folder)
    kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
    bench.up(Thing("a", {"size": 1}))
    bench.world.behaviour[call, "b" if call == "create" else "a"] = Behaviour(**{when: kill})
    things = [Thing("a", {"size": 2 if call == "update" else 1}), Thing("b", {"of": Ref("a")})]
    bench.up(*([] if call == "delete" else things))

engine_bench.SALT = sys.argv[1]
engine_bench.PassphraseSealer("bench", sys.argv[1])
for folder in sys.argv[2:]:
    pid = os.fork()
    if not pid:
        play(Path(folder), *Path(folder).name.split("-"))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
KILLS = [
    ("create", "meanwhile", ["a"], ("creating", "b")),
    ("create", "then", ["a"], ("creating", "b")),
    ("update", "meanwhile", ["a"], ("updating", "a")),
    ("delete", "meanwhile", ["a"], ("deleting", "a")),
]


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folders of runs that were killed, by call and when: processes forked from one that has imported all."""
    folders = {kill[:2]: tmp_path_factory.mktemp("killed") / "-".join(kill[:2]) for kill in KILLS}
    for folder in folders.values():
        folder.mkdir()
    argv = [sys.executable, "-c", KILLED, engine_bench.SALT, *map(str, folders.values())]
    told = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120).stdout
    assert told.split() == [str(-signal.SIGKILL)] * len(KILLS)
    return folders


@pytest.mark.parametrize(("call", "when", "names", "left"), KILLS)
def test_a_kill_leaves_a_sound_state_that_says_what_was_under_way(killed, call, when, names, left):
    world = World(objects={"a-0": {"inputs": {"size": 1}, "outputs": {}}}, counts={"a": 1})
    bench = EngineBench(killed[call, when], world)
    assert bench.names() == names
    assert [(item.kind, item.resource.name) for item in bench.checkpoint().pending] == [left]
    assert bool(pending.pending_creates(bench.checkpoint())) == (call == "create")

    seen = bench.up(Thing("a", {"size": 1}), Thing("b", {"of": Ref("a")}))
    assert seen.result.succeeded, seen.errors
    assert any(f"interrupted while {left[0]}" in warning for warning in seen.warnings)
    # A pending create stays until somebody looked the object up; the others were simply done again.
    assert [item.kind for item in bench.checkpoint().pending] == (["creating"] if call == "create" else [])
    bench.refresh(clear_pending_creates=True)
    assert bench.checkpoint().pending == ()


def test_nothing_of_a_stack_is_left_when_others_have_run(tmp_path):
    """Stacks and names differ, so that whatever is kept for each shows: engine, SDK and state alike."""

    def alive_after(numbers):
        for number in numbers:
            (tmp_path / str(number)).mkdir()
            names = [f"{kind}{number}" for kind in ("a", "box", "b")]
            box = Thing(names[1], type="my:index:Box", kind="component")
            things = (
                Thing(names[0], {"pw": Hidden("x")}),
                box,
                Thing(names[2], {"of": Ref(names[0])}, {"parent": names[1]}),
            )
            bench = EngineBench(tmp_path / str(number))
            assert bench.preview(*things).result.succeeded
            assert bench.up(*things).result.succeeded
        del bench, things, box
        gc.collect()
        return len(gc.get_objects())

    before = alive_after(range(8))
    assert alive_after(range(8, 20)) - before < 12  # not one object for each


# ---- the SDK ----
class _Deaf:
    """A monitor and engine that answers everything with nothing."""

    def __getattr__(self, name):
        from google.protobuf import empty_pb2
        from pulumi.runtime.proto import resource_pb2

        answers = {
            "RegisterResource": resource_pb2.RegisterResourceResponse(urn="urn:pulumi:s::p::pulumi:pulumi:Stack::p-s"),
            "GetDeploymentInfo": resource_pb2.DeploymentInfo(),
            "SupportsFeature": resource_pb2.SupportsFeatureResponse(hasSupport=True),
        }
        return lambda _request, *_rest: answers.get(name, empty_pb2.Empty())


def test_the_names_of_the_sdk_that_the_engine_needs_are_there():
    """Fails when the SDK moves something private: then look at `engine/sdk.py`."""
    from pulumi.runtime import _callbacks, resource, settings

    assert sdk.CHANNEL_OPTIONS
    assert set(sdk.FEATURES.values()) <= set(sdk.resource_pb2.ResourceMonitorFeature.values())
    assert sdk.CALLBACKS_BEGIN in inspect.getsource(_callbacks)
    assert "registering resource: ty={ty}, name={name}, custom={custom}, remote={remote}" in inspect.getsource(resource)
    assert "Calling function: tok={tok}" in inspect.getsource(sys.modules["pulumi.runtime.invoke"])
    stub = object()
    assert settings.Settings("p", "s", monitor=stub, engine=stub).monitor is stub
    for name in ("RegisterResource", "RegisterResourceOutputs", "ReadResource", "Invoke", "SignalAndWaitForShutdown"):
        from cellctl_sandbox.engine.monitor import Monitor

        assert hasattr(Monitor, name)


def test_only_programs_that_this_engine_runs_itself_go_without_source_positions():
    """The SDK makes them at a fifth of a preview's CPU; who talks over sockets still sends them."""
    from pulumi.runtime import resource

    class Made:
        def __init__(self, depth):
            self.positions = Made(depth - 1).positions if depth else resource._get_stack_trace()

    inside = []
    run = sdk.run_program(
        lambda: inside.append(Made(3).positions), project="p", stack="s", monitor=_Deaf(), engine=_Deaf(), config={},
        secret_keys=[], parallel=1, dry_run=True,
    )  # fmt: skip
    assert not run.error
    assert [len(item.frames) for item in inside] == [0]
    assert Made(3).positions.frames


def test_every_method_of_the_monitor_protocol_is_answered():
    """A method that a newer SDK calls must be refused by name, not be an AttributeError."""
    from pulumi.runtime.proto import resource_pb2_grpc

    from cellctl_sandbox.engine.monitor import Monitor

    methods = {name for name in vars(resource_pb2_grpc.ResourceMonitorServicer) if not name.startswith("_")}
    assert methods <= set(dir(Monitor))


def test_a_provider_that_raises_anything_fails_its_step_and_shows_no_traceback(tmp_path):
    bench = EngineBench(tmp_path)

    def crash():
        raise KeyError("hunter2")

    bench.world.behaviour["create", "b"] = Behaviour(meanwhile=crash)
    seen = bench.up(*CHAIN)
    assert seen.errors == ["the provider failed unexpectedly (KeyError)"]
    assert bench.names() == ["a"]
    bench.world.behaviour = {("diff", "a"): Behaviour(meanwhile=crash)}
    assert bench.up(*CHAIN).errors == ["the provider failed unexpectedly (KeyError)"]


def test_an_interrupt_that_comes_early_is_not_lost(tmp_path):
    bench = EngineBench(tmp_path)
    bench.engine.interrupt()
    assert bench.up(Thing("a")).result.succeeded
    bench.engine.interrupt(later=True)
    seen = bench.up(*CHAIN)
    assert seen.result.cancelled
    assert not seen.result.succeeded
    assert bench.names() == ["a"]
