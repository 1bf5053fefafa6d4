"""The virtual clock: a call that starts at simulated t is due at t + duration.

Simulated time advances only while every running operation waits for the cloud: each participant (a process with calls
under way) has a waiter, makes no call and is quiet (`quiet`). Clock, participants and waiters are rows, so that any
number of processes share one time; who is dead or stopped is not waited for. `paced` time runs `scale` times as fast as
real time while it runs; `stepped` time jumps to the next waiter.

One invariant makes this safe without messages: a participant with a waiter that is due is never quiet. It wakes, takes
the waiter away and drops `quiet` in one transaction, so that time stands still until it waits again.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from cellctl_provider import baton
from cellctl_provider.protocol import ProviderError
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.keeper import LINGER_S, STOPPED_S, Keeper
from cellctl_sandbox.clouds.quiet import alive, own_start

PATIENCE_S = 300.0
"""CPU seconds that other threads of a process may use without a pause before what waits for simulated time fails."""
FOREVER = 1e18
"""A due time that never comes: a call that hangs. Time does not advance to it."""
_EPSILON = 1e-6


KILLED = 137
"""Exit code of a process that a fault ends: that of SIGKILL."""


class Cancelled(Exception):
    """The wait was ended early."""


def end_process() -> NoReturn:
    """End this process as a kill does."""
    os._exit(KILLED)


@dataclass(slots=True)
class _Waiter:
    due_s: float
    event: threading.Event
    failure: str = ""
    place: baton.Place | None = None


class SimulatedClock:
    """One process's part of the clock of one sandbox.

    `pace` is the scale that this process wants while it takes part, 0 for stepped, None for the sandbox's own setting;
    where processes disagree the fastest wins. `patience_s` are the CPU seconds after which a thread that computes
    without end is told of instead of waited for. `crash` is what a fault of that effect does: it ends the process, or
    what stands for one in a test.
    """

    _known: dict[int, SimulatedClock] = {}  # noqa: RUF012  by id of the database, guarded by _registry
    _registry = threading.Lock()

    def __init__(self, database: Database) -> None:
        self.database = database
        self._token = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._state = threading.Condition()
        self._waiters: dict[int, _Waiter] = {}
        self._next = 0
        self._calls = 0
        self._lined = 0  # of them: woken, and in line for the baton
        self._attached = False
        self._stopped = False
        self._last_active = 0.0
        self._thread: threading.Thread | None = None
        self._keeper = Keeper(self)
        self.pace: float | None = None
        self.patience_s = PATIENCE_S
        self.crash: Callable[[], NoReturn] = end_process

    @classmethod
    def of(cls, database: Database) -> SimulatedClock:
        """Return this process's clock of a database."""
        with cls._registry:
            found = cls._known.get(id(database))
            if found is None or found.database is not database:
                found = cls._known[id(database)] = cls(database)
            return found

    # ---- what anybody may ask
    def now(self) -> float:
        """Return simulated seconds since the sandbox's epoch."""
        query = "SELECT now_s, running, mark, (SELECT min(due_s) FROM waiters WHERE due_s < ?) FROM clock"
        row = self.database.rows(query, (FOREVER,))[0]
        now, running, mark, due = (0.0 if item is None else float(str(item)) for item in row)
        if not running or not due:
            return now
        with self.database.reading() as rows:
            scale = _scale(rows)
        return min(due, now + max(0.0, time.monotonic() - mark) * scale)

    def sleep(self, seconds: float) -> None:
        """Wait `seconds` of simulated time."""
        if seconds <= 0:
            return
        with self.call():
            with self.database.transaction() as rows:
                due = self.settled(rows) + seconds
                number = self.enlist(rows, due)
            self.wait(number)

    # ---- what provider calls use
    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Mark that a call is being made: simulated time stands still in here except in `wait`."""
        with self._state:
            self._calls += 1
            self._last_active = time.monotonic()
        try:
            yield
        finally:
            with self._state:
                self._calls -= 1
                self._last_active = time.monotonic()

    def settled(self, rows: sqlite3.Connection) -> float:
        """Attach this process and return the simulated time, which stands still until it waits.

        Call it first in a transaction that makes a simulated call, inside `call`.
        """
        now = advance(rows, time.monotonic())
        rows.execute("UPDATE clock SET running = 0")
        rows.execute(
            "INSERT INTO participants VALUES (?, ?, ?, 0, ?, ?) "
            "ON CONFLICT (token) DO UPDATE SET quiet = 0, beat = excluded.beat, pace = excluded.pace",
            (self._token, os.getpid(), own_start(os.getpid()), time.monotonic(), self.pace),
        )
        with self._state:
            self._attached = True
            self._start()
        return now

    def enlist(self, rows: sqlite3.Connection, due_s: float) -> int:
        """Add a waiter in the caller's transaction and return its number; `wait` for it after the commit."""
        with self._state:
            self._next += 1
            number = self._next
        rows.execute("INSERT INTO waiters VALUES (?, ?, ?)", (self._token, number, due_s))
        with self._state:
            self._waiters[number] = _Waiter(due_s, threading.Event())
        return number

    def wait(self, number: int, cancel: threading.Event | None = None) -> None:
        """Wait until a waiter of this process is due.

        Raises:
            Cancelled: `cancel` was set first.
            ProviderError: A thread of this process computes without end, so that simulated time stands still.
        """
        place = baton.current()
        with self._state:
            waiter = self._waiters[number]
            waiter.place = place
            self._calls -= 1
            self._state.notify_all()
        if place is not None:
            place.park()
        try:
            while not waiter.event.wait(None if cancel is None else 0.1):
                if cancel is not None and cancel.is_set():
                    raise Cancelled
        finally:
            with self._state:
                woken = waiter.event.is_set()
                self._calls += not woken  # who wakes a thread counts it
                self._lined += not woken and place is not None
                left = self._waiters.pop(number, None)
                self._last_active = time.monotonic()
            if place is not None:
                place.line_up()
                place.wait()
                with self._state:
                    self._lined -= 1
            if left is not None and (waiter.failure or not woken):
                with self.database.transaction() as rows:
                    rows.execute("DELETE FROM waiters WHERE token = ? AND number = ?", (self._token, number))

        if waiter.failure:
            raise ProviderError(waiter.failure, code="internal")

    def forget(self, number: int) -> None:
        """Take a waiter away that nobody will wait for."""
        with self._state:
            self._waiters.pop(number, None)
        with self.database.transaction() as rows:
            rows.execute("DELETE FROM waiters WHERE token = ? AND number = ?", (self._token, number))

    def stop(self) -> None:
        """Leave for good: end the keeper's thread and forget this clock. Whoever needs time again opens another."""
        self.close()
        with self._state:
            self._stopped = True
            thread = self._thread
            self._state.notify_all()
        if thread is not None:
            thread.join()
        with self._registry:
            self._known.pop(id(self.database), None)

    def close(self) -> None:
        """Leave: waiters of this process are forgotten."""
        with self._state:
            if not self._attached:
                return
            self._attached = False
            self._waiters.clear()
        with self.database.transaction() as rows:
            leave(rows, self._token)

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._keeper.run, name="cellctl-clock", daemon=True)
            self._thread.start()

    # ---- what the keeper's thread uses
    def situation(self) -> tuple[str, float]:
        """Return `waiting`, `busy` or `idle`, and the first due time (waiting) or for how long (idle).

        Who holds the baton may wait for one that waits outside of the line: then those in line do not count.
        """
        with self._state:
            asleep = [waiter for waiter in self._waiters.values() if not waiter.event.is_set()]
            dues = [waiter.due_s for waiter in asleep]
            lined = self._lined if any(waiter.place is None for waiter in asleep) else 0
            if self._calls > lined or (self._waiters and not dues):
                return "busy", 0.0
            if dues:
                return "waiting", min(dues)
            return "idle", LINGER_S if self._stopped else time.monotonic() - self._last_active

    def held_up(self) -> bool:
        """Tell whether a thread with the baton works, which is not always seen: it may read from a socket.

        A stand-in's own waiter lets time advance: the thread may wait for that one.
        """
        with self._state:
            return baton.at_work() and all(item.place is not None for item in self._waiters.values())

    def pause(self, seconds: float) -> None:
        """Wait in real time, shorter if a call begins to wait."""
        with self._state:
            self._state.wait(seconds)

    def turn(self, rows: sqlite3.Connection) -> tuple[list[int], bool]:
        """Say that this process waits, let time advance, take away what is due; return numbers, and if time runs."""
        mono = time.monotonic()
        rows.execute("UPDATE participants SET quiet = 1, beat = ? WHERE token = ?", (mono, self._token))
        now = advance(rows, mono)
        due = rows.execute(
            "SELECT number FROM waiters WHERE token = ? AND due_s <= ? ORDER BY due_s, number",
            (self._token, now + _EPSILON),
        ).fetchall()
        if due:
            rows.execute("DELETE FROM waiters WHERE token = ? AND due_s <= ?", (self._token, now + _EPSILON))
            rows.execute("UPDATE participants SET quiet = 0 WHERE token = ?", (self._token,))
            rows.execute("UPDATE clock SET running = 0")
        running = rows.execute("SELECT running FROM clock").fetchone()[0]
        return [int(number) for (number,) in due], bool(running)

    def fire(self, numbers: list[int]) -> None:
        """Wake the threads whose waiters are due."""
        with self._state:
            for number in numbers:
                waiter = self._waiters.get(number)
                if waiter is not None:
                    self._wake(waiter)

    def give_up(self, why: str) -> None:
        """Let everything that waits for simulated time fail."""
        with self._state:
            for waiter in self._waiters.values():
                waiter.failure = why
                if not waiter.event.is_set():
                    self._wake(waiter)

    def _wake(self, waiter: _Waiter) -> None:
        """Let a thread go on: it makes a call from now on, also while it waits for the baton."""
        self._calls += 1
        self._lined += waiter.place is not None
        waiter.event.set()
        if waiter.place is not None:
            waiter.place.line_up()

    def depart_if_idle(self) -> bool:
        """Leave the clock if nothing happened for a while; return whether it did."""
        with self.database.transaction() as rows, self._state:  # in this order everywhere
            lingers = not self._stopped and time.monotonic() - self._last_active < LINGER_S
            if self._calls or self._waiters or lingers:
                return False
            attached, self._attached = self._attached, False
            self._thread = None
            if attached:
                leave(rows, self._token)
        return True

    def beat(self) -> None:
        """Give a sign of life while nothing else is written."""
        with self.database.transaction() as rows:
            rows.execute("UPDATE participants SET beat = ? WHERE token = ?", (time.monotonic(), self._token))

    def others_work(self) -> bool:
        """Tell whether time stands still anyway, because of another process; read-only, so cheap to ask often."""
        query = "SELECT (SELECT count(*) FROM participants WHERE quiet = 0 AND token != ?), now_s FROM clock"
        working, now = self.database.rows(query, (self._token,))[0]
        _, due = self.situation()
        return bool(working) and due > float(str(now)) + _EPSILON


def leave(rows: sqlite3.Connection, token: str) -> None:
    """Take a participant and its waiters away."""
    advance(rows, time.monotonic())
    rows.execute("DELETE FROM waiters WHERE token = ?", (token,))
    rows.execute("DELETE FROM participants WHERE token = ?", (token,))


def advance(rows: sqlite3.Connection, mono: float) -> float:
    """Let simulated time advance as far as it may at real time `mono`, and return it."""
    now, running, mark = rows.execute("SELECT now_s, running, mark FROM clock").fetchone()
    now, scale = float(now), _scale(rows)
    first = _first_due(rows, mono)
    if first is None or first <= now + _EPSILON:
        if running:
            rows.execute("UPDATE clock SET running = 0")
        return now
    if not scale:
        rows.execute("UPDATE clock SET now_s = ?, running = 0", (first,))
        return first
    if running:
        now = min(first, now + max(0.0, mono - float(mark)) * scale)
    rows.execute("UPDATE clock SET now_s = ?, running = 1, mark = ?", (now, mono))
    return now


def _scale(rows: sqlite3.Connection) -> float:
    """Return simulated seconds in one real second, 0 for stepped."""
    mode, scale, stepped, fastest = rows.execute(
        "SELECT mode, scale, (SELECT count(*) FROM participants WHERE pace = 0), "
        "(SELECT max(pace) FROM participants) FROM clock"
    ).fetchone()
    if stepped:
        return 0.0
    if fastest is not None:
        return float(fastest)
    return 0.0 if mode == "stepped" else float(scale)


def _first_due(rows: sqlite3.Connection, mono: float) -> float | None:
    """Return the first time anybody waits for, None while somebody works or nobody waits."""
    listed = rows.execute("SELECT token, pid, started, quiet, beat FROM participants").fetchall()
    for token, pid, started, quiet, beat in listed:
        if int(pid) != os.getpid() and not alive(int(pid), str(started)):
            rows.execute("DELETE FROM waiters WHERE token = ?", (token,))
            rows.execute("DELETE FROM participants WHERE token = ?", (token,))
        elif not quiet and mono - beat < STOPPED_S:
            return None
    query = (
        "SELECT min(due_s) FROM waiters WHERE due_s < ? AND token IN (SELECT token FROM participants WHERE beat > ?)"
    )
    row = rows.execute(query, (FOREVER, mono - STOPPED_S)).fetchone()
    return None if row[0] is None else float(row[0])
