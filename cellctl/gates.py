"""What must hold before a gateway may serve cells, and what was found: values only.

A gateway is brought into service by somebody who saw every gate hold; nothing is placed on it before.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

GateName = Literal["connected", "shares", "name", "write", "cache"]
SOON_DAYS = 120
"""Days before the end of a gateway's software from which it is warned of (reference octopus.md 2.9)."""

GATES: tuple[GateName, ...] = get_args(GateName)

TITLES: Mapping[GateName, str] = {
    "connected": "the gateway is connected",
    "shares": "every share is available",
    "name": "its name leads to it",
    "write": "a file written through a share is in its bucket",
    "cache": "nothing waits in its cache",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareTarget:
    """One share and its bucket."""

    name: str
    arn: str
    bucket: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayTarget:
    """A gateway as its stack says it is. `control` is the range from which cellctl dials.

    `account` refers to the secret of a domain's user, `` where shares know clients by address.
    `probe` is a share that no cell has, None where none is known; `unproven` are those that may hold somebody's files.
    """

    name: str
    region: str
    arn: str
    host: str
    protocol: str
    control: str
    shares: tuple[ShareTarget, ...]
    probe: ShareTarget | None
    unproven: tuple[ShareTarget, ...] = ()
    account: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """One gate as it was found. `message` is one sentence without secrets; `hint` says what helps if it is shut."""

    gate: GateName
    passed: bool
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayFacts:
    """What the service says of a gateway; `` and None where it says nothing.

    `deprecated` and `updates_end` are ISO dates: from the first on the software is not supported, from the second on
    it gets no updates. `window` is when it may be restarted, `dirty_percent` how much of its cache is not in S3.
    """

    software: str = ""
    deprecated: str = ""
    updates_end: str = ""
    window: str = ""
    dirty_percent: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A gateway and its gates; with `serve` it goes into service if they all hold.

    `clean`: ARNs of shares that were unproven, and that nobody may use and whose buckets hold nothing. `doubt`: why
    that could not be looked at, as a sentence or ``.
    """

    gateway: str
    gates: tuple[Gate, ...]
    facts: GatewayFacts = field(default_factory=GatewayFacts)
    serve: bool = False
    clean: tuple[str, ...] = ()
    doubt: str = ""

    @property
    def passed(self) -> bool:
        """Whether every gate was tried and holds."""
        return {one.gate for one in self.gates if one.passed} == set(GATES)

    @property
    def shut(self) -> tuple[Gate, ...]:
        """The gates that do not hold."""
        return tuple(one for one in self.gates if not one.passed)


def ends_soon(date: str, today: str) -> str:
    """Return that support ended or soon ends (`ends on 2026-12-24, in 25 days`), `` where that is far, or not said."""
    if not date:
        return ""
    left = (datetime.date.fromisoformat(date) - datetime.date.fromisoformat(today)).days
    if left > SOON_DAYS:
        return ""
    return f"ended on {date}" if left <= 0 else f"ends on {date}, in {left} days"


def judged_of(row: Mapping[str, object], *, serve: bool = False) -> Judged:
    """Return a Judged that was stored or sent as JSON."""
    gates, facts = row.get("gates"), row.get("facts")
    listed = [one for one in gates if isinstance(one, dict)] if isinstance(gates, list) else []
    known = facts if isinstance(facts, dict) else {}
    dirty, clean = known.get("dirty_percent"), row.get("clean")
    texts = {key: str(known.get(key) or "") for key in ("software", "deprecated", "updates_end", "window")}
    return Judged(
        gateway=str(row.get("gateway") or ""),
        gates=tuple(
            Gate(
                gate=name, passed=one.get("passed") is True, message=str(one.get("message") or ""),
                hint=str(one.get("hint") or ""),
            )
            for name in GATES for one in listed if one.get("gate") == name
        ),
        facts=GatewayFacts(**texts, dirty_percent=float(dirty) if isinstance(dirty, int | float) else None),
        serve=serve,
        clean=tuple(str(one) for one in clean) if isinstance(clean, list | tuple) else (),
        doubt=str(row.get("doubt") or ""),
    )  # fmt: skip
