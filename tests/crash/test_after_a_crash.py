"""Whatever the next command is, and whatever stops it, a crash loses nothing and makes nothing twice."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from warm import client, keys

from cellctl.cell import Cell
from cellctl.errors import EngineError, Interrupted, Locked
from cellctl.events import Event, RunStarted
from cellctl.home import Home
from cellctl.leases import SqliteLeases
from cellctl.plan import Outcome
from cellctl.run.options import Interrupter, RunOptions
from cellctl.spec import CellSpec
from cellctl.state.backend import FileBackend, StackName
from cellctl.state.files import write_atomically
from cellctl_sandbox.testing.small_world import World

ENGINE = "crashes.disk:open_host"
TWO = [{"name": "a", "size": 1, "fixed": "x"}, {"name": "b", "size": 2, "of": "a"}]
LOST = {"b": {"after": True, "crash": True}}


class Small:
    """A cell of a small world."""

    def __init__(self, root: Path) -> None:
        self.root, self.home = root, Home(root)
        self.home.prepare()
        keys.give(root)
        self.label()
        self.declare()

    def label(self, **labels: str) -> None:
        spec = CellSpec.minimal("acme", cloud="aws", region="eu-west-1")
        metadata = spec.metadata.model_copy(update={"labels": labels})
        self.cell = Cell(spec.model_copy(update={"metadata": metadata}), home=self.home)

    def declare(self, behaviour: dict[str, object] | None = None) -> None:
        (self.root / "small.json").write_text(json.dumps({"things": TWO, "behaviour": behaviour or {}}))

    def disk(self, where: str, error: str, after: int) -> None:
        (self.root / "disk.json").write_text(json.dumps({"where": where, "error": error, "after": after}))

    def run(self, verb: str, interrupter: Interrupter | None = None, on_event=lambda event: None) -> Outcome:
        options = RunOptions(engine=ENGINE, start=client.operation)
        more = {"delete_data": True} if verb == "down" else {}
        act = getattr(self.cell, verb)
        return act(ask=lambda plan, _: True, options=options, interrupter=interrupter, on_event=on_event, **more)

    @property
    def objects(self) -> list[str]:
        return sorted(urn.rpartition("::")[2] for urn, _ in World(self.root).objects().values())

    def checkpoint(self):
        files = FileBackend(self.root / ".cellctl" / "state")
        return files.read(StackName(project="octopus-cells", stack="cell-acme")).checkpoint


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


def crashed(small: Small) -> None:
    """Let `up` create `b`, and die before anybody hears of it."""
    small.declare(LOST)
    assert small.run("up").failures[0].code == "operation_died"
    assert small.objects == ["a", "b"]
    small.declare()


@pytest.mark.parametrize("verb", ["up", "refresh", "down"])
def test_every_next_command_takes_over_what_a_killed_up_has_made(small: Small, verb: str) -> None:
    crashed(small)
    said: list[str] = []
    small.run(verb, on_event=lambda event: said.append(getattr(getattr(event, "diagnostic", None), "message", "")))
    assert any("b had been created when a run ended early; it is adopted" in line for line in said)
    assert small.objects == ([] if verb == "down" else ["a", "b"])
    assert small.checkpoint().pending == ()
    if verb == "refresh":
        assert small.run("up").result in ("nothing", "succeeded")
        assert small.objects == ["a", "b"]


def test_an_answer_that_was_lost_is_looked_up_by_the_next_run(small: Small) -> None:
    small.declare({"b": {"after": True, "lost": True}})
    assert small.run("up").result == "failed"
    assert [(item.kind, item.resource.name) for item in small.checkpoint().pending] == [("creating", "b")]
    small.declare()
    assert small.run("up").result in ("nothing", "succeeded")
    assert small.objects == ["a", "b"]
    assert small.checkpoint().pending == ()


def test_what_is_adopted_is_read_although_the_run_that_adopted_it_was_lost_too(small: Small) -> None:
    crashed(small)
    small.disk("write", "EIO", after=0)  # the state after the refresh of what was adopted
    with pytest.raises(EngineError):
        small.run("up")
    assert [row.outputs == row.inputs for row in small.checkpoint().resources if row.name == "b"] == [True]
    (small.root / "disk.json").unlink()
    assert small.run("up").result in ("nothing", "succeeded")
    assert [row.outputs == row.inputs for row in small.checkpoint().resources if row.name == "b"] == [False]
    assert small.objects == ["a", "b"]


def test_what_was_replaced_is_deleted_although_nothing_else_is_left_to_do(small: Small) -> None:
    alone = {"things": TWO[:1], "behaviour": {}}
    (small.root / "small.json").write_text(json.dumps(alone))
    small.run("up")
    small.label(fixed="y")
    (small.root / "small.json").write_text(json.dumps({**alone, "behaviour": {"a": {"after": True, "crash": True}}}))
    small.run("up")
    assert small.objects == ["a", "a"]
    (small.root / "small.json").write_text(json.dumps(alone))
    assert small.run("up").result == "succeeded"
    assert small.objects == ["a"]


@pytest.mark.parametrize("verb", ["up", "down"])
def test_a_replacement_whose_answer_was_lost_leaves_nothing_behind(small: Small, verb: str) -> None:
    small.run("up")
    small.label(fixed="y")
    small.declare({"a": {"after": True, "crash": True}})
    small.run("up")
    assert small.objects == ["a", "a", "b"]
    small.declare()
    assert small.run(verb).result == "succeeded"
    assert small.objects == ([] if verb == "down" else ["a", "b"])
    found = {urn.rpartition("::")[2]: body for urn, body in World(small.root).objects().values()}
    assert verb == "down" or found["a"]["fixed"] == "y"


def test_an_interrupt_while_repairing_loses_nothing(small: Small) -> None:
    crashed(small)
    interrupter = Interrupter()

    def heard(event: Event) -> None:
        if isinstance(event, RunStarted) and event.phase == "repair":
            interrupter.interrupt()

    with pytest.raises(Interrupted):
        small.run("up", interrupter=interrupter, on_event=heard)
    assert small.run("up").result in ("nothing", "succeeded")
    assert small.objects == ["a", "b"]


def test_a_living_owner_keeps_lease_and_lock_even_when_it_stands_still(small: Small) -> None:
    small.declare({"a": {"sleep_s": 30.0}})
    ended: list[object] = []
    interrupter = Interrupter()

    def first() -> None:
        try:
            ended.append(small.run("up", interrupter=interrupter))
        except Interrupted as error:
            ended.append(error)

    thread = threading.Thread(target=first)
    thread.start()
    until = time.monotonic() + 60
    while not (small.root / "reached-a").exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    (lock,) = (small.root / ".cellctl" / "state").rglob("locks/**/*.json")
    owner = json.loads(lock.read_text())["pid"]
    os.kill(owner, signal.SIGSTOP)
    try:
        with pytest.raises(Locked):
            small.run("up")
        lease = SqliteLeases(small.home.database).current("acme")
        assert lease is not None
        SqliteLeases(small.home.database).release(lease)  # as if that run had come from another home
        with pytest.raises(Locked, match=str(owner)):
            small.run("up")
        assert lock.exists()
        assert small.objects == []
    finally:
        os.kill(owner, signal.SIGKILL)
        thread.join()
    small.declare()
    assert small.run("up").result == "succeeded"
    assert small.objects == ["a", "b"]


# ---- disks that fail
@pytest.mark.parametrize("error", ["ENOSPC", "EROFS", "EIO"])
@pytest.mark.parametrize("where", ["write", "sync", "rename"])
def test_a_state_that_cannot_be_saved_ends_the_run_and_the_last_good_one_stays(
    small: Small, where: str, error: str
) -> None:
    small.disk(where, error, after=5 if error == "EIO" else 8)
    outcome = small.run("up")
    assert outcome.result == "failed"
    assert {failure.code for failure in outcome.failures} == {"state_unsaved"}
    assert os.strerror(getattr(errno, error)) in outcome.failures[0].message
    assert "run the same command" in outcome.failures[0].hint
    small.checkpoint()  # can be read
    assert list((small.root / ".cellctl" / "state").rglob("*.tmp")) == []
    (small.root / "disk.json").unlink()
    assert small.run("up").result == "succeeded"
    assert small.objects == ["a", "b"]
    assert small.checkpoint().pending == ()


def test_a_checkpoint_is_on_the_disk_before_it_takes_the_place_of_the_last_one(small: Small) -> None:
    small.disk("", "EIO", after=0)
    assert small.run("up").result == "succeeded"
    calls = (small.root / "disk.log").read_text().split()
    kept = [number for number, call in enumerate(calls) if call == "rename"]
    assert kept
    assert {tuple(calls[number - 2 : number + 2]) for number in kept} == {("write", "sync", "rename", "sync_folder")}


def test_a_disk_that_takes_nothing_at_all_is_told_before_anything_is_made(small: Small) -> None:
    small.disk("write", "ENOSPC", after=0)
    with pytest.raises(EngineError) as told:
        small.run("up")
    assert told.value.code == "state_unsaved"
    assert small.objects == []


def test_a_file_that_may_not_grow_keeps_its_content(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_atomically(path, b"good")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with pytest.raises(OSError, match="File too large"):
            write_atomically(path, b"x" * 10000)
    finally:
        signal.signal(signal.SIGXFSZ, handler)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [item.name for item in tmp_path.iterdir()] == ["state.json"]
    assert path.read_bytes() == b"good"


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 KiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=False, capture_output=True
    )
    if made.returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_and_a_read_only_file_system_leave_the_last_good_state(tiny: Path) -> None:
    path = tiny / "state.json"
    write_atomically(path, b"good" * 5000)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new" * 20000)
    assert path.read_bytes() == b"good" * 5000
    subprocess.run(["mount", "-o", "remount,ro", str(tiny)], check=True)
    with pytest.raises(OSError, match="Read-only"):
        write_atomically(path, b"new")
    assert [item.name for item in tiny.iterdir()] == ["state.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
