"""Leases in a home, and in a registry on both databases: one holder at a time, whatever dies, hangs or jumps."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest

from cellctl.errors import CellctlError, Locked, UsageError
from cellctl.leases import Holder, Lease, LeaseLost, Liveness, ObjectLeases, SqliteLeases, kept, liveness
from cellctl.leases.stored import StoredLeases
from cellctl.registry.database import Database
from cellctl.registry.leases import RegistryLeases
from cellctl.testing import FolderObjects
from cellctl_provider.azure.objects import BlobObjects
from cellctl_sandbox.standins.blobs import Blobs
from cellctl_sandbox.standins.web import Listener

STORES = ["home", "objects", "blobs", "sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
ROOT = Path(__file__).resolve().parents[2]

OPEN = """
import sys, time
from pathlib import Path
from cellctl.errors import Locked
from cellctl.leases import Holder
def opened(where):
    if where.endswith("/objects"):
        from cellctl.leases import ObjectLeases
        from cellctl.testing import FolderObjects
        return ObjectLeases(FolderObjects(Path(where)))
    if where.startswith("http://"):
        from cellctl.leases import ObjectLeases
        from cellctl_provider.azure.objects import BlobObjects
        return ObjectLeases(BlobObjects(where, lambda _client: "token"))
    if "://" not in where:
        from cellctl.leases import SqliteLeases
        return SqliteLeases(Path(where))
    from cellctl.registry.database import Database
    from cellctl.registry.leases import RegistryLeases
    return RegistryLeases(Database(where), "aws:1")
leases = opened(words[0])
"""

HOLD = f"""{OPEN}
say(leases.acquire("acme", Holder.current(command="cellctl up acme"), ttl_s=3600).token)
time.sleep(600)
"""

COUNT = f"""{OPEN}
counter, tokens = Path(words[1]), []
while len(tokens) < 12:
    try:
        lease = leases.acquire("acme", Holder.current())
    except Locked:
        time.sleep(0.002)
        continue
    value = int(counter.read_text())
    time.sleep(0.001)
    counter.write_text(str(value + 1))
    tokens.append(lease.token)
    leases.release(lease)
say(tokens)
"""


class Helper(Protocol):
    """Another process."""

    pid: int

    def heard(self) -> object: ...
    def kill(self) -> None: ...


class Crowd(Protocol):
    """Starts other processes."""

    def __call__(self, code: str, *words: str) -> Helper: ...


class Clocks:
    """Two clocks that tests turn."""

    def __init__(self) -> None:
        self.wall, self.boot = 1_000_000.0, 500.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += seconds


class Open(Protocol):
    """Opens a store once more."""

    def __call__(self, **clocks: Callable[[], float]) -> StoredLeases: ...


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest) -> str:
    """Return where the leases are."""
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cellctl.db"


@pytest.fixture
def blobs() -> Iterator[str]:
    """Return a folder of a container in Azure Blob Storage, served here."""
    serving = Listener(Blobs("states").answer)
    yield f"http://127.0.0.1:{serving.port}/states/.cellctl/leases"
    serving.close()


@pytest.fixture
def where(kind: str, path: Path, request: pytest.FixtureRequest) -> str:
    own = {"home": path, "objects": path.with_name("objects")}
    other = "blobs" if kind == "blobs" else "url"
    return str(own[kind]) if kind in own else str(request.getfixturevalue(other))


@pytest.fixture
def store(kind: str, where: str) -> Iterator[Open]:
    opened: list[Database] = []

    def open_(**clocks: Callable[[], float]) -> StoredLeases:
        if kind == "home":
            return SqliteLeases(Path(where), **clocks)
        if kind == "objects":
            return ObjectLeases(FolderObjects(Path(where)), **clocks)
        if kind == "blobs":
            return ObjectLeases(BlobObjects(where, lambda _client: "token"), **clocks)
        opened.append(Database(where))
        return RegistryLeases(opened[-1], "aws:1", **clocks)

    yield open_
    for database in opened:
        database.close()


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def leases(store: Open, clocks: Clocks) -> StoredLeases:
    return store(now=lambda: clocks.wall, since_boot=lambda: clocks.boot)


@pytest.fixture
def holding(where: str, crowd: Crowd) -> Helper:
    """Return another process that holds acme."""
    helper = crowd(HOLD, where)
    assert helper.heard() == 1
    return helper


def elsewhere(**changes: str | int) -> Holder:
    """Return a holder on another machine."""
    other = dataclasses.replace(
        Holder.current(command="cellctl up acme", since=999_880.0), host="ci-7", machine="m2", boot_id="b2"
    )
    return dataclasses.replace(other, **changes) if changes else other


def test_the_second_is_told_who_and_since_when(leases: StoredLeases) -> None:
    leases.acquire("acme", dataclasses.replace(elsewhere(), user="alice", pid=4711))
    with pytest.raises(Locked) as caught:
        leases.acquire("acme", Holder.current())
    assert caught.value.exit_code == 5
    message = str(caught.value)
    for part in ("acme", "alice on ci-7", "pid 4711", "cellctl up acme", "since 1970-01-12 13:44:40 UTC", "2 min ago"):
        assert part in message
    assert caught.value.hint
    assert leases.acquire("globex", Holder.current()).token == 1


def test_the_token_only_rises(leases: StoredLeases) -> None:
    tokens = []
    for _ in range(5):
        lease = leases.acquire("acme", Holder.current())
        tokens.append(lease.token)
        leases.release(lease)
    assert tokens == [1, 2, 3, 4, 5]


def test_one_process_cannot_take_a_cell_twice(leases: StoredLeases) -> None:
    leases.acquire("acme", Holder.current())
    with pytest.raises(Locked):
        leases.acquire("acme", Holder.current())


def test_processes_take_turns(where: str, tmp_path: Path, crowd: Crowd) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    helpers = [crowd(COUNT, where, str(counter)) for _ in range(4)]
    tokens = [token for helper in helpers for token in helper.heard()]
    assert counter.read_text() == "48"
    assert sorted(tokens) == list(range(1, 49))


def test_threads_and_event_loops_take_turns(store: Open) -> None:
    leases = store()

    def take(_: int) -> int:
        try:
            return leases.acquire("acme", Holder.current()).token
        except Locked:
            return 0

    async def crowd() -> list[int]:
        return await asyncio.gather(*(asyncio.to_thread(take, number) for number in range(8)))

    assert sorted(asyncio.run(crowd())) == [0] * 7 + [1]
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(take, range(8))) == {0}


def test_a_killed_holder_is_followed_at_once(store: Open, holding: Helper) -> None:
    leases = store()
    with pytest.raises(Locked, match=f"pid {holding.pid}"):
        leases.acquire("acme", Holder.current())
    held = leases.current("acme")
    assert held is not None
    assert held.token == 1
    holding.kill()
    assert leases.current("acme") is None
    assert leases.acquire("acme", Holder.current()).token == 2


def test_a_zombie_is_dead(path: Path) -> None:
    program = f"words = {[str(path)]!r}\nsay = lambda token: print(token, flush=True)\n{HOLD}"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "1"
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie that nobody has waited for
    assert SqliteLeases(path).acquire("acme", Holder.current()).token == 2
    process.communicate()


def test_a_stopped_holder_is_not_dead(store: Open, holding: Helper) -> None:
    os.kill(holding.pid, signal.SIGSTOP)
    with pytest.raises(Locked):
        store().acquire("acme", Holder.current())


def test_a_reused_pid_is_not_the_holder(leases: StoredLeases) -> None:
    leases.acquire("acme", dataclasses.replace(Holder.current(), process_start="1"), ttl_s=3600)
    assert leases.acquire("acme", Holder.current()).token == 2


def test_what_can_be_proven_of_a_holder() -> None:
    here = dataclasses.replace(Holder.current(), machine="m1", host="h1")
    assert liveness(here, here) is Liveness.ALIVE
    assert liveness(dataclasses.replace(here, pid=2**22 + 5), here) is Liveness.DEAD
    assert liveness(dataclasses.replace(here, boot_id="earlier"), here) is Liveness.DEAD
    assert liveness(dataclasses.replace(here, boot_id="earlier", machine="m2"), here) is Liveness.UNKNOWN
    assert liveness(dataclasses.replace(here, boot_id="earlier", host="h2"), here) is Liveness.UNKNOWN
    assert liveness(dataclasses.replace(here, pid_space="pid:[1]"), here) is Liveness.UNKNOWN
    nameless = dataclasses.replace(here, machine="")
    assert liveness(dataclasses.replace(nameless, boot_id="earlier"), nameless) is Liveness.UNKNOWN


def test_a_holder_elsewhere_is_followed_only_after_expiry(leases: StoredLeases, clocks: Clocks) -> None:
    lease = leases.acquire("acme", elsewhere(), ttl_s=60)
    clocks.pass_(59)
    with pytest.raises(Locked):
        leases.acquire("acme", Holder.current())
    lease = leases.heartbeat(lease)
    clocks.pass_(59)
    with pytest.raises(Locked):
        leases.acquire("acme", Holder.current())
    clocks.pass_(2)
    taken = leases.acquire("acme", Holder.current())
    assert taken.token == 2
    for attempt in (leases.heartbeat, leases.check):
        with pytest.raises(LeaseLost, match="has it now"):
            attempt(lease)
    leases.release(lease)
    leases.check(taken)


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0, 3e9])
def test_a_jump_of_the_wall_clock_frees_nobody_on_the_same_machine(
    leases: StoredLeases, clocks: Clocks, jump: float
) -> None:
    lease = leases.acquire("acme", Holder.current(), ttl_s=60)
    clocks.wall += jump
    with pytest.raises(Locked):
        leases.acquire("acme", Holder.current())
    leases.check(lease)
    clocks.wall -= jump
    clocks.boot += 61
    assert leases.acquire("acme", Holder.current()).token == 2


def test_a_lease_that_ran_out_is_not_held_but_may_be_taken_up_again(leases: StoredLeases, clocks: Clocks) -> None:
    lease = leases.acquire("acme", Holder.current(), ttl_s=60)
    clocks.pass_(61)
    assert leases.current("acme") is None
    with pytest.raises(LeaseLost):
        leases.check(lease)
    leases.check(leases.heartbeat(lease))


def test_no_file_is_made_by_looking(path: Path) -> None:
    assert SqliteLeases(path).current("acme") is None
    assert not path.exists()


def test_a_corrupt_or_forbidden_file_is_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "cellctl.db"
    broken.write_bytes(b"no database" * 500)
    with pytest.raises(UsageError, match="cannot be used") as caught:
        SqliteLeases(broken).acquire("acme", Holder.current())
    assert caught.value.hint
    with pytest.raises(UsageError, match="cannot be used"):
        SqliteLeases(tmp_path / "absent" / "cellctl.db").acquire("acme", Holder.current())


def test_a_writer_that_died_in_the_middle_leaves_nothing(path: Path) -> None:
    leases = SqliteLeases(path)
    lease = leases.acquire("acme", Holder.current())
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE leases SET token = 99")
    db.close()
    leases.check(lease)


def test_a_kept_lease_lives_beyond_its_time_and_is_released(store: Open) -> None:
    leases = store()
    lost: list[CellctlError] = []
    with kept(leases, leases.acquire("acme", Holder.current(), ttl_s=0.4), on_lost=lost.append) as lease:
        time.sleep(0.8)
        leases.check(lease)
    assert not lost
    assert leases.current("acme") is None


def test_a_lost_lease_is_said_at_once(store: Open) -> None:
    leases = store()
    said = threading.Event()
    lease = leases.acquire("acme", Holder.current(), ttl_s=0.4)
    with kept(leases, lease, on_lost=lambda error: said.set()):
        leases.release(lease)
        assert said.wait(2)


class Unreachable(SqliteLeases):
    """A store that cannot be reached."""

    def heartbeat(self, lease: Lease) -> Lease:
        raise UsageError("the disk is gone")


def test_an_unreachable_store_ends_the_work_before_the_lease_ends(path: Path) -> None:
    leases = Unreachable(path)
    told: list[float] = []
    began = time.monotonic()
    with kept(
        leases, leases.acquire("acme", Holder.current(), ttl_s=1.0), on_lost=lambda _: told.append(time.monotonic())
    ):
        time.sleep(1.1)
    assert len(told) == 1
    assert 0.2 < told[0] - began < 1.0
