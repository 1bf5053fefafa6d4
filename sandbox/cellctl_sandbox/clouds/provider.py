"""A simulated cloud as a provider of the protocol. Check, Diff, previews and functions open no connection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cellctl.state.values import bare, bare_struct, contains_unknown
from cellctl_provider.probes import Probe, unobserved
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
    Invoke,
    Invoked,
    ProviderError,
    Read,
    Update,
    Updated,
)
from cellctl_sandbox.clouds import checking, drift, links
from cellctl_sandbox.clouds.behaviour import Behaviour, NotSimulated, behaviour_of
from cellctl_sandbox.clouds.calls import Caller
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.configuration import configured, located, unconfigured
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.foresight import foreseen, given, previewed
from cellctl_sandbox.clouds.functions import Account, call_function
from cellctl_sandbox.clouds.outputs import moved, visible
from cellctl_sandbox.clouds.records import cell_of
from cellctl_sandbox.clouds.sdk import version_of
from cellctl_sandbox.clouds.stages import Timeline
from cellctl_sandbox.clouds.trouble import Services
from cellctl_sandbox.clouds.view import records

if TYPE_CHECKING:
    pass


class CloudFactory:
    """Makes simulated providers of one package (`aws` or `azure-native`) over one sandbox."""

    def __init__(
        self, package: str, database: Database, probe: Probe = unobserved, services: Services | None = None
    ) -> None:
        self._package = package
        self._database = database
        self._probe = probe
        self._services = services

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
        clock = SimulatedClock.of(self._database)
        return SimulatedCloud(self._package, self._database, clock, self._probe, self._services)


class SimulatedCloud:
    """One configured provider. It waits for simulated time only, and gives the baton up meanwhile."""

    holds_baton = True

    def __init__(
        self,
        package: str,
        database: Database,
        clock: SimulatedClock,
        probe: Probe = unobserved,
        services: Services | None = None,
    ) -> None:
        self._package = package
        self._database, self._clock = database, clock
        self._location = ""
        self._caller = Caller(database, clock, unconfigured(package), probe, services)

    # ---- configuration
    def check_config(self, request: Check) -> Checked:
        """Accept any configuration: the SDK has checked its types."""
        return Checked(inputs=dict(request.news))

    def diff_config(self, request: Diff) -> Diffed:
        """Another account or region replaces the provider and so everything it made."""
        old, new = bare_struct(request.old_inputs or request.olds), bare_struct(request.news)
        changed = tuple(sorted(key for key in {*old, *new} - {"version"} if old.get(key) != new.get(key)))
        known = (key for key in changed if not contains_unknown(new.get(key)))
        replaces = tuple(key for key in known if key in ("region", "allowedAccountIds", "subscriptionId"))
        return Diffed(changes="some" if changed else "none", diffs=changed, replaces=replaces)

    def configure(self, request: Configure) -> None:
        """Take account and region from the configuration."""
        self._location = located(request.variables, bare_struct(request.args))
        self._caller.tenancy = configured(self._caller.tenancy, request.variables, bare_struct(request.args))

    # ---- resources
    def check(self, request: Check) -> Checked:
        """Validate inputs and fill in defaults."""
        try:
            return checking.check(behaviour_of(request.type or _type(request.urn)), request, self._located)
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
        with self._caller.call("create", behaviour, request.urn, inputs, timeout_s=request.timeout_s) as call:
            record = call.world.create(behaviour, request.urn, given(inputs), call.course)
            call.course = record.timeline
            drift.born(call.world, behaviour, record)
            call.done(record)
        self._caller.finish(call, record)
        self._caller.made(behaviour, record)
        return Created(id=record.id, properties=record.properties())

    def read(self, request: Read) -> Found | None:
        """Look an object up; one that is being made is waited for."""
        behaviour = self._behaviour(request.type, request.urn)
        with self._caller.call("read", behaviour, request.urn, request.inputs) as call:
            record = call.world.find(behaviour, request.id)
            if record is None and not request.inputs:
                record = call.world.imported(behaviour, request.id)
            found_s = links.readable(call.world, behaviour, record, call.course.begin_s) if record else None
            if record is not None and found_s is not None:
                call.not_before(found_s)
                call.not_done_before(max(record.born_s, record.gone_s or 0.0))
            call.done(record if found_s is not None else None)
        self._caller.finish(call, record)
        if record is None or found_s is None or record.gone_s is not None:
            return None
        properties = moved(behaviour, visible(behaviour, record, call.course.due_s), call.course.due_s)
        return Found(id=record.id, properties=properties, inputs=dict(record.inputs))

    def update(self, request: Update) -> Updated:
        """Change an object in place and wait until it is ready."""
        behaviour = self._behaviour(request.type, request.urn)
        if request.preview:
            return Updated(properties=foreseen(behaviour, request))
        inputs = given(request.news)
        names = {*request.old_inputs, *inputs}
        changed = tuple(key for key in names if bare(request.old_inputs.get(key)) != bare(inputs.get(key)))
        with self._caller.call(
            "update", behaviour, request.urn, inputs, changed=changed, timeout_s=request.timeout_s
        ) as call:
            record = call.world.find(behaviour, request.id)
            if record is not None and record.gone_s is None:
                call.not_before(record.timeline.due_s)
                if not record.urn:  # an import: what no program had made belongs to a cell from its first change on
                    record = replace(record, urn=request.urn, cell=cell_of(request.urn))
                record = call.world.update(behaviour, record, inputs, call.course)
            elif self._package == "azure-native":  # a PUT on what is gone makes it anew, empty
                record = call.world.create(behaviour, request.urn, inputs, call.course)
            else:
                raise ProviderError(f"ResourceNotFound: '{request.id}' does not exist", code="not_found")
            call.course = record.timeline
            call.done(record)
        self._caller.finish(call, record)
        return Updated(properties=record.properties())

    def delete(self, request: Delete) -> None:
        """Delete an object and wait until it is gone."""
        behaviour = self._behaviour(request.type, request.urn)
        old = request.old_inputs or request.properties
        with self._caller.call("delete", behaviour, request.urn, old, timeout_s=request.timeout_s) as call:
            record = call.world.find(behaviour, request.id)
            if record is None or record.gone_s is not None:
                call.course = Timeline(
                    call.course.begin_s, record.gone_s if record and record.gone_s else call.looked_s
                )
            else:
                call.not_before(record.timeline.due_s)
                call.world.delete(behaviour, record, call.course)
            call.done(record)
        self._caller.finish(call, record)

    # ---- functions and the end
    def invoke(self, request: Invoke) -> Invoked:
        """Call a function: the answer is data, or told of an object of the account."""
        self._caller.function(request.token)
        try:
            account = Account(self._database, self._clock.now())
            return call_function(request, self._caller.tenancy, account)
        except NotSimulated as error:
            raise ProviderError(str(error), code="invalid") from error

    def cancel(self) -> None:
        """End calls that hang; others finish by themselves and are recorded."""
        self._caller.cancel()

    def close(self) -> None:
        """Nothing is held: clock and database belong to the process."""

    def _located(self, group: str) -> str:
        """Return where resources of a group are by default: where the provider was told, else where the group is.

        A group itself (no name) is then where the sandbox is.
        """
        place = self._caller.tenancy
        if self._location or not group:
            return self._location or place.region
        wanted = f"/subscriptions/{place.account}/resourceGroups/{group}".lower()
        found = (item for item in records(self._database, checking.GROUP) if item.id.lower() == wanted)
        return next((str(bare(item.inputs.get("location")) or "") for item in found), "")

    def _behaviour(self, token: str, urn: str) -> Behaviour:
        try:
            return behaviour_of(token or _type(urn))
        except NotSimulated as error:
            raise ProviderError(str(error), code="invalid") from error


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]
