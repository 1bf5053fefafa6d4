"""Progress while an operation runs: a closed union of dataclasses, already redacted.

`at` is unix time in seconds; `simulated_at` is seconds since the sandbox's epoch, None for a real account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from cellctl.plan import Action, Diagnostic, Failure, Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """When something happened, in both times."""

    at: float
    simulated_at: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStarted:
    """The operation began; `phase` is `preview`, `unprotect`, `apply`, `destroy`, `refresh` or `verify`."""

    moment: Moment
    phase: str
    total: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanReady:
    """The preview has ended."""

    moment: Moment
    plan: Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceStarted:
    """A step on one resource began. `expected_s` is its p50 in cloud seconds."""

    moment: Moment
    urn: str
    type: str
    name: str
    action: Action
    parent: str = ""
    expected_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceProgress:
    """What a resource under way says of itself."""

    moment: Moment
    urn: str
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceDone:
    """A step on one resource ended well."""

    moment: Moment
    urn: str
    type: str
    name: str
    action: Action
    elapsed_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceFailed:
    """A step on one resource failed."""

    moment: Moment
    urn: str
    type: str
    name: str
    action: Action
    failure: Failure


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A diagnostic."""

    moment: Moment
    diagnostic: Diagnostic


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """Nothing has ended for a while; these URNs are under way."""

    moment: Moment
    running: tuple[str, ...]


Event: TypeAlias = (
    RunStarted | PlanReady | ResourceStarted | ResourceProgress | ResourceDone | ResourceFailed | Said | Heartbeat
)
