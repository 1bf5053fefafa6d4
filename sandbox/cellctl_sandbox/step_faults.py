"""Fault rules for steps of provider `cellctl`: a rule with `type = "cellctl:aws:FileGateway"` strikes that step.

Effects mean what they mean for simulated types. What the steps call is struck on its own (`service_faults`).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from cellctl.state.values import Struct
from cellctl_provider.probes import Moment, Probe, unobserved
from cellctl_provider.protocol import (
    Check,
    Checked,
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
    Provider,
    ProviderError,
    ProviderFactory,
    Read,
    Update,
    Updated,
)
from cellctl_sandbox.clouds import faults
from cellctl_sandbox.clouds.clock import FOREVER, Cancelled, SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.records import cell_of


class StepFactory:
    """Makes instances of a provider, `cellctl` or a user's own, whose steps fault rules can strike."""

    def __init__(
        self, steps: ProviderFactory, database: Database, clock: SimulatedClock, probe: Probe = unobserved
    ) -> None:
        self._steps = steps
        self._database = database
        self._clock = clock
        self._probe = probe

    @property
    def package(self) -> str:
        """Package name."""
        return self._steps.package

    @property
    def version(self) -> str:
        """Version of the package."""
        return self._steps.version

    def __call__(self) -> Provider:
        """Return a fresh, unconfigured instance."""
        return Steps(self._steps(), self._database, self._clock, self._probe)


class Steps:
    """One provider, disturbed by fault rules; previews are left alone."""

    @property
    def holds_baton(self) -> bool:
        """Whether the provider gives the baton up where it waits (`cellctl_provider.baton`)."""
        return bool(getattr(self._steps, "holds_baton", False))

    def __init__(self, steps: Provider, database: Database, clock: SimulatedClock, probe: Probe) -> None:
        self._probe = probe
        self._steps = steps
        self._database = database
        self._clock = clock
        self._cancelled = threading.Event()

    def check_config(self, request: Check) -> Checked:
        """Validate provider configuration."""
        return self._steps.check_config(request)

    def diff_config(self, request: Diff) -> Diffed:
        """Compare provider configurations."""
        return self._steps.diff_config(request)

    def configure(self, request: Configure) -> None:
        """Take the configuration."""
        self._steps.configure(request)

    def check(self, request: Check) -> Checked:
        """Validate inputs."""
        return self._steps.check(request)

    def diff(self, request: Diff) -> Diffed:
        """Compare old state with new inputs."""
        return self._steps.diff(request)

    def create(self, request: Create) -> Created:
        """Create an object."""
        if request.preview:
            return self._steps.create(request)
        with self._disturbed("create", request.urn) as rule:
            made = self._steps.create(request)
            if rule is not None and rule.effect == "partial":
                raise _unfinished(rule, made.id, made.properties, request.properties)
        return made

    def read(self, request: Read) -> Found | None:
        """Look an object up."""
        with self._disturbed("read", request.urn):
            return self._steps.read(request)

    def update(self, request: Update) -> Updated:
        """Change an object."""
        if request.preview:
            return self._steps.update(request)
        with self._disturbed("update", request.urn) as rule:
            changed = self._steps.update(request)
            if rule is not None and rule.effect == "partial":
                raise _unfinished(rule, request.id, changed.properties, request.news)
        return changed

    def delete(self, request: Delete) -> None:
        """Delete an object."""
        with self._disturbed("delete", request.urn):
            self._steps.delete(request)

    def invoke(self, request: Invoke) -> Invoked:
        """Call a function."""
        with self._disturbed("invoke", f"::::{request.token}::{request.token.rpartition(':')[2]}"):
            return self._steps.invoke(request)

    def cancel(self) -> None:
        """End waits early, and calls that hang."""
        self._cancelled.set()
        self._steps.cancel()

    def close(self) -> None:
        """Release what the instance holds."""
        self._steps.close()

    @contextlib.contextmanager
    def _disturbed(self, operation: str, urn: str) -> Iterator[faults.FaultRule | None]:
        """Let a rule strike before or after the step in the block; yield it."""
        type_ = urn.split("::")[2].rpartition("$")[2]
        name = urn.rpartition("::")[2]
        package = type_.partition(":")[0]
        call = faults.Call(
            operation=operation,
            package=package,
            type=type_,
            name=name,
            cell=cell_of(urn),
            function=operation == "invoke",
        )
        with self._clock.call():
            rule = faults.struck(self._database, self._clock, call)
        if rule is not None:
            self._before(rule)
        self._probe(Moment(place="before_change", operation=operation, urn=urn))
        yield rule
        self._probe(Moment(place="after_change", operation=operation, urn=urn))
        if rule is not None and rule.effect == "crash":
            self._clock.crash()
        if rule is not None and rule.effect in ("lost", "partial"):
            raise ProviderError(rule.message or faults.LOST, code="unreachable")

    def _before(self, rule: faults.FaultRule) -> None:
        if rule.delay_s:
            self._clock.sleep(rule.delay_s)
        if rule.effect == "error":
            raise ProviderError(rule.text(), code=rule.error_code())
        if rule.effect == "crash" and rule.when == "before":
            self._clock.crash()
        if rule.effect == "hang":
            with self._database.transaction() as rows:
                self._clock.settled(rows)
                number = self._clock.enlist(rows, FOREVER)
            try:
                self._clock.wait(number, self._cancelled)
            except Cancelled:
                raise ProviderError("the step was cancelled while it hung", code="cancelled") from None


def _unfinished(rule: faults.FaultRule, id_: str, properties: Struct, inputs: Struct) -> InitFailed:
    """Return the error for an object that is there and not ready."""
    return InitFailed(rule.text(), id=id_, properties=properties, inputs=inputs, reasons=[rule.text()])
