"""One call of a simulated cloud: faults strike, what it does is one transaction, then it waits until it is due."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from cellctl.facts.model import Operation
from cellctl.state.values import Struct, bare_struct
from cellctl_provider.probes import Moment, Probe, unobserved
from cellctl_provider.protocol import ErrorCode, InitFailed, ProviderError
from cellctl_sandbox.clouds import drift, faults, making, rates, stages
from cellctl_sandbox.clouds.behaviour import Behaviour
from cellctl_sandbox.clouds.clock import FOREVER, Cancelled, SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.outputs import visible
from cellctl_sandbox.clouds.records import CloudRecord, Tenancy, cell_of
from cellctl_sandbox.clouds.stages import Timeline
from cellctl_sandbox.clouds.trouble import Services
from cellctl_sandbox.clouds.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator


_AGAIN_S = 1.0
"""A service that does not find something yet looks again at the earliest after this (simulated)."""


class Call:
    """One call while it is made; `course` says when it began, when it is due, and what happens in between."""

    def __init__(self, operation: Operation, behaviour: Behaviour, urn: str) -> None:
        self.operation = operation
        self.behaviour = behaviour
        self.urn = urn
        self._world: World | None = None
        self.course = Timeline()
        self.until_s = FOREVER
        self.number = 0
        self.fault: faults.FaultRule | None = None

    @property
    def world(self) -> World:
        """The objects, inside the call's transaction."""
        assert self._world is not None
        return self._world

    def open(self, world: World) -> None:
        """Begin the call's transaction."""
        self._world = world

    def not_before(self, second: float) -> None:
        """Begin later: the object is still busy, or not found yet."""
        self.course = self.course.at(max(self.course.begin_s, second))

    def not_done_before(self, second: float) -> None:
        """End later: the object is still being made, or deleted."""
        self.course = replace(self.course, due_s=max(self.course.due_s, second))

    @property
    def looked_s(self) -> float:
        """When the call is over if it finds nothing to do."""
        return self.course.begin_s + self.behaviour.facts.durations.of("read").p50

    def seen(self) -> faults.Call:
        """Return the call as fault rules see it."""
        return faults.Call(
            operation=self.operation,
            package=self.behaviour.package,
            type=self.behaviour.type,
            name=self.urn.rpartition("::")[2],
            cell=cell_of(self.urn),
        )

    def done(self, record: CloudRecord | None) -> None:
        """Log the call and the requests that were refused before it was let in."""
        for attempt in self.world.attempts:
            log(self.world.rows, self, (attempt.at_s, attempt.again_s), f"repeated: {attempt.said}")
        course = self.course
        log(self.world.rows, self, (course.begin_s, course.due_s), "ok", object_id=record.id if record else "")


class Caller:
    """Makes the calls of one provider, which works in `tenancy`."""

    def __init__(
        self,
        database: Database,
        clock: SimulatedClock,
        tenancy: Tenancy,
        probe: Probe = unobserved,
        services: Services | None = None,
    ) -> None:
        self.tenancy = tenancy
        self._services = services
        self._probe = probe
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
            self._strike(call, timeout_s)
            self._probe(Moment(place="before_change", operation=operation, urn=urn))
            try:
                with self._database.transaction() as rows:
                    now = self._clock.settled(rows)
                    call.open(World(self._database, rows, self.tenancy, now))
                    call.world.purge()
                    drift.happen(call.world)
                    call.course = self._course(call, plain, changed)
                    yield call
                    call.until_s = min(call.course.due_s, now + timeout_s if timeout_s else FOREVER)
                    call.number = self._clock.enlist(rows, call.until_s)
            except ProviderError as error:
                self._failed(call, error)
                raise

    def _course(self, call: Call, inputs: Struct, changed: tuple[str, ...]) -> Timeline:
        """Return when the cloud lets the call in and what it does then."""
        world, type_ = call.world, call.behaviour.type
        begin, refusals = rates.admit(world, type_, call.operation)
        world.attempts += refusals
        key = f"{call.operation}/{self.tenancy.package}/{self.tenancy.account}/{call.urn}"
        course = stages.timeline(
            call.behaviour,
            call.operation,
            inputs,
            begin_s=begin,
            seed=world.seed,
            key=f"{key}/{world.counted(key)}",
            changed=changed,
            ambient=world.ambient,
        )
        return course if call.fault is None else _disturbed(course, call.fault)

    def _failed(self, call: Call, error: ProviderError) -> None:
        with self._database.transaction() as rows:
            now = self._clock.settled(rows)
            log(rows, call, (now, now), f"{error.code}: {error.message}")

    def _strike(self, call: Call, timeout_s: float) -> None:
        """Let fault rules strike before anything changes."""
        call.fault = faults.struck(self._database, self._clock, call.seen())
        if call.fault is not None:
            try:
                self._before(call.fault, timeout_s)
            except ProviderError as error:
                self._failed(call, error)
                raise

    def _before(self, fault: faults.FaultRule, timeout_s: float = 0.0) -> None:
        if fault.effect == "error":
            raise ProviderError(fault.text(), code=fault.error_code())
        if fault.effect == "crash" and fault.when == "before":
            self._clock.crash()
        if fault.effect == "hang":
            with self._database.transaction() as rows:
                now = self._clock.settled(rows)
                number = self._clock.enlist(rows, now + timeout_s if timeout_s else FOREVER)
            try:
                self._clock.wait(number, self._cancelled)
            except Cancelled:
                raise ProviderError("the call was cancelled while it hung", code="cancelled") from None
            raise ProviderError(f"the call hung: no answer within {timeout_s:g} s", code="internal")

    def finish(self, call: Call, record: CloudRecord | None) -> None:
        """Wait until the call is due, then let what was struck happen."""
        fault = call.fault
        self._probe(Moment(place="after_change", operation=call.operation, urn=call.urn))
        if fault is not None and fault.effect == "crash":
            self._clock.forget(call.number)
            self._clock.crash()
        with self._clock.call():
            self._clock.wait(call.number)
        if fault is not None and fault.effect == "lost":
            raise ProviderError(fault.message or faults.LOST, code="unreachable")
        if fault is not None and fault.effect == "partial":
            raise _unfinished(call, record, fault.text(), "internal")
        if call.until_s < call.course.due_s:
            raise _unfinished(call, record, f"timeout while waiting for {call.behaviour.type} to be ready", "internal")
        failing = call.course.failing
        if failing is not None and failing.leaves:
            raise _unfinished(call, record, failing.message, failing.error)
        if failing is not None:
            raise ProviderError(failing.message, code=failing.error)
        if self._services is not None and record is not None and call.operation in ("create", "update"):
            self._set_to_work(call, record, self._services)

    def function(self, token: str) -> None:
        """Let fault rules strike a call of a function, before it is answered.

        Raises:
            ProviderError: A rule lets it fail.
        """
        asked = faults.Call(
            operation="invoke",
            package=self.tenancy.package,
            type=token,
            name=token.rpartition(":")[2],
            cell="",
            function=True,
        )
        with self._clock.call():
            fault = faults.struck(self._database, self._clock, asked)
            if fault is not None:
                self._before(fault)
        if fault is None:
            return
        self._clock.sleep(fault.delay_s)
        if fault.effect == "crash":
            self._clock.crash()
        if fault.effect == "lost":
            raise ProviderError(fault.message or faults.LOST, code="unreachable")

    def made(self, behaviour: Behaviour, record: CloudRecord) -> None:
        """Let the service make what belongs to an object that is there now."""
        if behaviour.makes:
            with self._clock.call(), self._database.transaction() as rows:
                world = World(self._database, rows, record.tenancy, self._clock.settled(rows))
                making.make(world, behaviour, record)

    def _set_to_work(self, call: Call, record: CloudRecord, services: Services) -> None:
        """Let the service do its work with what was made; where it cannot, the provider waits and says so."""
        waited = 0.0
        while (trouble := services.trouble(record)) is not None:
            left = trouble.after_s - waited
            if left <= 0:
                raise _unfinished(call, record, trouble.why, "internal")
            pause = min(left, max(_AGAIN_S, trouble.settles_s - self._clock.now())) if trouble.settles_s else left
            self._clock.sleep(pause)
            waited += pause


def _disturbed(course: Timeline, fault: faults.FaultRule) -> Timeline:
    """Return a course as a rule wants it: ended later, or found by nobody for a while after its end."""
    if fault.effect == "stale":
        return replace(course, settled_s=course.due_s + fault.delay_s, unseen=True)
    return course.longer(fault.delay_s)


def _unfinished(call: Call, record: CloudRecord | None, reason: str, code: ErrorCode) -> ProviderError:
    """Return the error for an object that is there and not ready; it has what has appeared until then."""
    if record is None or call.operation in ("delete", "read"):
        return ProviderError(reason, code=code)
    properties = visible(call.behaviour, record, call.until_s)
    return InitFailed(reason, id=record.id, properties=properties, inputs=dict(record.inputs), reasons=(reason,))


def log(rows: sqlite3.Connection, call: Call, took: tuple[float, float], outcome: str, *, object_id: str = "") -> None:
    """Write a line of the call log; `took` is from when to when."""
    seen = call.seen()
    rows.execute(
        "INSERT INTO calls (at_s, due_s, pid, operation, package, type, urn, object, outcome) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*took, os.getpid(), seen.operation, seen.package, seen.type, call.urn, object_id, outcome),
    )
