"""A simulated cloud as a provider of the protocol. Check, Diff, previews and functions open no connection."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cellctl.facts.conditions import at
from cellctl.facts.model import Operation
from cellctl.state.values import Struct, Value, bare, bare_struct
from cellctl_provider.protocol import (
    Check,
    Checked,
    CheckFailure,
    Configure,
    Create,
    Created,
    Delete,
    Diff,
    Diffed,
    Found,
    InitFailed,
    Invoke,
    Invoked,
    ProviderError,
    Read,
    Update,
    Updated,
)
from cellctl_sandbox.clouds import checking, faults
from cellctl_sandbox.clouds.behaviour import Behaviour, NotSimulated, behaviour_of
from cellctl_sandbox.clouds.clock import FOREVER, Cancelled, SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.foresight import foreseen, given, previewed
from cellctl_sandbox.clouds.functions import call_function
from cellctl_sandbox.clouds.records import CloudRecord, Tenancy, cell_of
from cellctl_sandbox.clouds.sdk import version_of
from cellctl_sandbox.clouds.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_ACCOUNTS = {"aws": "000000000000", "azure-native": "00000000-0000-0000-0000-000000000000"}
DEFAULT_REGIONS = {"aws": "eu-west-1", "azure-native": "westeurope"}
DEFAULT_TENANT = "00000000-0000-0000-0000-0000000000aa"


class CloudFactory:
    """Makes simulated providers of one package (`aws` or `azure-native`) over one sandbox."""

    def __init__(self, package: str, database: Database) -> None:
        self._package = package
        self._database = database

    @property
    def package(self) -> str:
        """Package name."""
        return self._package

    @property
    def version(self) -> str:
        """Version of the installed SDK, which is the version a real plugin would have."""
        return version_of(self._package)

    def __call__(self) -> SimulatedCloud:
        """Return a fresh, unconfigured instance."""
        return SimulatedCloud(self._package, self._database, SimulatedClock.of(self._database))


class SimulatedCloud:
    """One configured provider."""

    def __init__(self, package: str, database: Database, clock: SimulatedClock) -> None:
        self._package = package
        self._database = database
        self._clock = clock
        self._cancelled = threading.Event()
        self._tenancy = Tenancy(
            package=package,
            account=DEFAULT_ACCOUNTS.get(package, ""),
            region=DEFAULT_REGIONS.get(package, ""),
            tenant=DEFAULT_TENANT,
        )

    # ---- configuration
    def check_config(self, request: Check) -> Checked:
        """Accept any configuration: the SDK has checked its types."""
        return Checked(inputs=dict(request.news))

    def diff_config(self, request: Diff) -> Diffed:
        """Another account or region replaces the provider and so everything it made."""
        old, new = bare_struct(request.old_inputs or request.olds), bare_struct(request.news)
        changed = tuple(sorted(key for key in {*old, *new} - {"version"} if old.get(key) != new.get(key)))
        replaces = tuple(key for key in changed if key in ("region", "allowedAccountIds", "subscriptionId"))
        return Diffed(changes="some" if changed else "none", diffs=changed, replaces=replaces)

    def configure(self, request: Configure) -> None:
        """Take account and region from the configuration."""
        values = {key.rpartition(":")[2]: value for key, value in request.variables.items()}
        values = {**values, **{key: _text(value) for key, value in bare_struct(request.args).items()}}
        base = self._tenancy
        self._tenancy = Tenancy(
            package=self._package,
            account=_account(self._package, values) or base.account,
            region=values.get("region") or values.get("location") or base.region,
            tenant=values.get("tenantId") or base.tenant,
            default_tags=_default_tags(values.get("defaultTags", "")),
        )

    # ---- resources
    def check(self, request: Check) -> Checked:
        """Validate inputs and fill in defaults."""
        try:
            return checking.check(behaviour_of(request.type or _type(request.urn)), request)
        except NotSimulated as error:
            return Checked(inputs=dict(request.news), failures=(CheckFailure(property="", reason=str(error)),))

    def diff(self, request: Diff) -> Diffed:
        """Compare inputs."""
        return checking.diff(self._behaviour(request.type, request.urn), request)

    def create(self, request: Create) -> Created:
        """Create an object and wait until it is ready."""
        behaviour = self._behaviour(request.type, request.urn)
        if request.preview:
            return Created(id="", properties=previewed(behaviour, request.properties))
        inputs = dict(request.properties)
        with self._call("create", behaviour, request.urn, inputs, timeout_s=request.timeout_s) as call:
            record = call.world.create(behaviour, request.urn, given(inputs), call.due_s)
            call.changed(record)
        self._finish(call, record)
        return Created(id=record.id, properties=record.properties())

    def read(self, request: Read) -> Found | None:
        """Look an object up; one that is being made is waited for."""
        behaviour = self._behaviour(request.type, request.urn)
        with self._call("read", behaviour, request.urn, request.inputs) as call:
            record = call.world.find(behaviour, request.id)
            call.due_s = max(call.due_s, record.born_s, record.gone_s or 0.0) if record else call.due_s
            call.changed(record)
        self._finish(call, record)
        if record is None or record.gone_s is not None:
            return None
        return Found(id=record.id, properties=record.properties(), inputs=dict(record.inputs))

    def update(self, request: Update) -> Updated:
        """Change an object in place and wait until it is ready."""
        behaviour = self._behaviour(request.type, request.urn)
        if request.preview:
            return Updated(properties=foreseen(behaviour, request))
        inputs = given(request.news)
        names = {*request.old_inputs, *inputs}
        changed = tuple(key for key in names if bare(request.old_inputs.get(key)) != bare(inputs.get(key)))
        with self._call("update", behaviour, request.urn, inputs, changed=changed, timeout_s=request.timeout_s) as call:
            record = call.world.find(behaviour, request.id)
            if record is not None and record.gone_s is None:
                call.due_s = max(call.due_s, record.born_s)
                record = call.world.update(behaviour, record, inputs)
            elif self._package == "azure-native":  # a PUT on what is gone makes it anew, empty
                record = call.world.create(behaviour, request.urn, inputs, call.due_s)
            else:
                raise ProviderError(f"ResourceNotFound: '{request.id}' does not exist", code="not_found")
            call.changed(record)
        self._finish(call, record)
        return Updated(properties=record.properties())

    def delete(self, request: Delete) -> None:
        """Delete an object and wait until it is gone."""
        behaviour = self._behaviour(request.type, request.urn)
        old = request.old_inputs or request.properties
        with self._call("delete", behaviour, request.urn, old, timeout_s=request.timeout_s) as call:
            record = call.world.find(behaviour, request.id)
            if record is None:
                call.due_s = call.now_s + behaviour.facts.durations.of("read").p50
            elif record.gone_s is not None:
                call.due_s = record.gone_s
            else:
                call.due_s = max(call.due_s, record.born_s)
                call.world.delete(behaviour, record, call.due_s)
            call.changed(record)
        self._finish(call, record)

    # ---- functions and the end
    def invoke(self, request: Invoke) -> Invoked:
        """Call a function; the answer is data and opens no connection."""
        try:
            return call_function(request, self._tenancy)
        except NotSimulated as error:
            raise ProviderError(str(error), code="invalid") from error

    def cancel(self) -> None:
        """End calls that hang; others finish by themselves and are recorded."""
        self._cancelled.set()

    def close(self) -> None:
        """Nothing is held: clock and database belong to the process."""

    # ---- one call
    def _behaviour(self, token: str, urn: str) -> Behaviour:
        try:
            return behaviour_of(token or _type(urn))
        except NotSimulated as error:
            raise ProviderError(str(error), code="invalid") from error

    @contextmanager
    def _call(
        self,
        operation: Operation,
        behaviour: Behaviour,
        urn: str,
        inputs: Struct,
        *,
        changed: tuple[str, ...] = (),
        timeout_s: float = 0.0,
    ) -> Iterator[_Call]:
        """Open a simulated call: what the block does is one transaction, from whose end the call waits."""
        plain = bare_struct(inputs)
        call = _Call(operation, behaviour, urn)
        with self._clock.call():
            self._strike(call)
            try:
                with self._database.transaction() as rows:
                    now = self._clock.settled(rows)
                    call.open(World(self._database, rows, self._tenancy, now))
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

    def _strike(self, call: _Call) -> None:
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
            os._exit(137)
        if fault.effect == "hang":
            with self._database.transaction() as rows:
                self._clock.settled(rows)
                number = self._clock.enlist(rows, FOREVER)
            try:
                self._clock.wait(number, self._cancelled)
            except Cancelled:
                raise ProviderError("the call was cancelled while it hung", code="cancelled") from None

    def _finish(self, call: _Call, record: CloudRecord | None) -> None:
        """Wait until the call is due, then let what was struck happen."""
        fault = call.fault
        if fault is not None and fault.effect == "crash":
            os._exit(137)
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


class _Call:
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


def log(rows: sqlite3.Connection, call: _Call, object_id: str, outcome: str) -> None:
    """Write a line of the call log."""
    seen = call.seen()
    rows.execute(
        "INSERT INTO calls (at_s, due_s, pid, operation, package, type, urn, object, outcome) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (call.now_s, call.due_s, os.getpid(), seen.operation, seen.package, seen.type, call.urn, object_id, outcome),
    )


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _text(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _account(package: str, values: Mapping[str, str]) -> str:
    if package != "aws":
        return values.get("subscriptionId", "")
    try:
        listed: Value = json.loads(values.get("allowedAccountIds") or "[]")
    except ValueError:
        return ""
    return str(listed[0]) if isinstance(listed, list) and listed else ""


def _default_tags(text: str) -> tuple[tuple[str, str], ...]:
    try:
        tags = at(json.loads(text or "{}"), "tags")
    except ValueError:
        return ()
    return tuple((key, str(value)) for key, value in tags.items()) if isinstance(tags, dict) else ()
