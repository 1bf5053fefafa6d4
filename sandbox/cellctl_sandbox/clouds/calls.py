"""One call of a simulated cloud: faults strike, what it does is one transaction, then it waits until it is due."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cellctl.facts.model import Operation
from cellctl.state.values import Struct, bare_struct
from cellctl_provider.protocol import InitFailed, ProviderError
from cellctl_sandbox.clouds import faults
from cellctl_sandbox.clouds.behaviour import Behaviour
from cellctl_sandbox.clouds.clock import FOREVER, Cancelled, SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.records import CloudRecord, Tenancy, cell_of
from cellctl_sandbox.clouds.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


class Call:
    """One call while it is made."""

    def __init__(self, operation: Operation, behaviour: Behaviour, urn: str) -> None:
        self.operation = operation
        self.behaviour = behaviour
        self.urn = urn
        self._world: World | None = None
        self.now_s = 0.0
        self.due_s = 0.0
        self.number = 0
        self.timed_out = False
        self.fault: faults.FaultRule | None = None

    @property
    def world(self) -> World:
        """The objects, inside the call's transaction."""
        assert self._world is not None
        return self._world

    def open(self, world: World) -> None:
        """Begin the call's transaction."""
        self._world = world
        self.now_s = world.now_s

    def seen(self) -> faults.Call:
        """Return the call as fault rules see it."""
        return faults.Call(
            operation=self.operation,
            package=self.behaviour.package,
            type=self.behaviour.type,
            name=self.urn.rpartition("::")[2],
            cell=cell_of(self.urn),
        )

    def changed(self, record: CloudRecord | None) -> None:
        """Log the call."""
        log(self.world.rows, self, record.id if record else "", "ok")


class Caller:
    """Makes the calls of one provider, which works in `tenancy`."""

    def __init__(self, database: Database, clock: SimulatedClock, tenancy: Tenancy) -> None:
        self.tenancy = tenancy
        self._database = database
        self._clock = clock
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """End calls that hang."""
        self._cancelled.set()

    @contextmanager
    def call(
        self,
        operation: Operation,
        behaviour: Behaviour,
        urn: str,
        inputs: Struct,
        *,
        changed: tuple[str, ...] = (),
        timeout_s: float = 0.0,
    ) -> Iterator[Call]:
        """Open a simulated call: what the block does is one transaction, from whose end the call waits."""
        plain = bare_struct(inputs)
        call = Call(operation, behaviour, urn)
        with self._clock.call():
            self._strike(call)
            try:
                with self._database.transaction() as rows:
                    now = self._clock.settled(rows)
                    call.open(World(self._database, rows, self.tenancy, now))
                    call.world.purge()
                    duration = behaviour.facts.durations.of(operation, plain, changed=changed).p50
                    call.due_s = now + duration + (call.fault.delay_s if call.fault else 0.0)
                    yield call
                    limit = now + timeout_s if timeout_s else FOREVER
                    call.timed_out = call.due_s > limit
                    call.number = self._clock.enlist(rows, min(call.due_s, limit))
            except ProviderError as error:
                with self._database.transaction() as rows:
                    log(rows, call, "", f"{error.code}: {error.message}")
                raise

    def _strike(self, call: Call) -> None:
        """Let fault rules strike before anything changes."""
        if not self._database.rows("SELECT 1 FROM faults LIMIT 1"):
            return
        with self._database.transaction() as rows:
            call.fault = faults.strike(rows, call.seen())
        if call.fault is not None:
            try:
                self._before(call.fault)
            except ProviderError as error:
                with self._database.transaction() as rows:
                    call.now_s = call.due_s = self._clock.settled(rows)
                    log(rows, call, "", f"{error.code}: {error.message}")
                raise

    def _before(self, fault: faults.FaultRule) -> None:
        if fault.effect == "error":
            raise ProviderError(fault.text(), code=fault.error_code())
        if fault.effect == "crash" and fault.when == "before":
            self._clock.crash()
        if fault.effect == "hang":
            with self._database.transaction() as rows:
                self._clock.settled(rows)
                number = self._clock.enlist(rows, FOREVER)
            try:
                self._clock.wait(number, self._cancelled)
            except Cancelled:
                raise ProviderError("the call was cancelled while it hung", code="cancelled") from None

    def finish(self, call: Call, record: CloudRecord | None) -> None:
        """Wait until the call is due, then let what was struck happen."""
        fault = call.fault
        if fault is not None and fault.effect == "crash":
            self._clock.forget(call.number)
            self._clock.crash()
        with self._clock.call():
            self._clock.wait(call.number)
        if fault is not None and fault.effect == "lost":
            raise ProviderError(fault.message or "RequestError: the connection was lost", code="unreachable")
        reason = fault.text() if fault is not None and fault.effect == "partial" else ""
        if call.timed_out:
            reason = f"timeout while waiting for {call.behaviour.type} to be ready"
        if not reason:
            return
        if record is None or call.operation in ("delete", "read"):
            raise ProviderError(reason, code="internal")
        raise InitFailed(
            reason, id=record.id, properties=record.properties(), inputs=dict(record.inputs), reasons=(reason,)
        )


def log(rows: sqlite3.Connection, call: Call, object_id: str, outcome: str) -> None:
    """Write a line of the call log."""
    seen = call.seen()
    rows.execute(
        "INSERT INTO calls (at_s, due_s, pid, operation, package, type, urn, object, outcome) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (call.now_s, call.due_s, os.getpid(), seen.operation, seen.package, seen.type, call.urn, object_id, outcome),
    )
