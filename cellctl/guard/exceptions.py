"""What `cellctl.yaml` says of guards: policies that do not hold somewhere, and times when nothing changes. Values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Operation = Literal["up", "down", "refresh"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyException:
    """Where a policy does not hold, who answers for it, and until when; `type`, `name` and `cell` are globs.

    `until` is the last day that it holds.
    """

    policy: str
    owner: str
    until: date
    type: str = "*"
    name: str = "*"
    cell: str = "*"
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Freeze:
    """A time when cells must not change, and which: those whose labels include `labels` and whose name fits `cell`.

    `since` and `until` are its first and last day in UTC, None for open. `outside_window`: only what interrupts people
    is refused, and only outside of each cell's own maintenance window. `operations`: what is frozen; `down` alone is
    a lock against deletion.
    """

    reason: str
    owner: str
    since: date | None = None
    until: date | None = None
    cell: str = "*"
    labels: Mapping[str, str] = field(default_factory=dict)
    operations: tuple[Operation, ...] = ("up", "down", "refresh")
    outside_window: bool = False
