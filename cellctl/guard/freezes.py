"""Times when nothing changes: a freeze, a lock against deletion, and a cell's own maintenance window."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from cellctl.errors import Objection
from cellctl.facts.conditions import at
from cellctl.guard.case import Case
from cellctl.guard.exceptions import Freeze
from cellctl.plan import Plan

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WINDOW = re.compile(r"(\w{3}) (\d\d):(\d\d)-(\d\d):(\d\d) UTC")
_WEEK = 7 * 1440
_INTERRUPTS = ("octopus.version", "nodes.size", "database.tier")


def frozen_time(plan: Plan, case: Case) -> Iterator[Objection]:
    """Refuse changes of a cell that is frozen, and interruptions outside of its window where that is demanded."""
    if plan.empty:
        return
    now = datetime.fromtimestamp(case.now, UTC)
    for freeze in case.freezes:
        if plan.operation in freeze.operations and _about(freeze, plan, case) and _lasts(freeze, now):
            if not freeze.outside_window:
                yield _frozen(freeze, plan)
            elif (why := _interrupts(plan, case)) and not within(case.window, now):
                yield _outside(freeze, case.window, why)


def within(window: str, now: datetime) -> bool:
    """Tell whether a moment lies in a weekly window such as `Sun 02:00-04:00 UTC`; it may pass midnight."""
    match = _WINDOW.fullmatch(window)
    if match is None or match[1] not in _DAYS:
        return False
    begin = _DAYS.index(match[1]) * 1440 + int(match[2]) * 60 + int(match[3])
    lasts = (int(match[4]) * 60 + int(match[5]) - int(match[2]) * 60 - int(match[3])) % 1440
    moment = now.weekday() * 1440 + now.hour * 60 + now.minute
    return (moment - begin) % _WEEK < lasts


def _about(freeze: Freeze, plan: Plan, case: Case) -> bool:
    return fnmatchcase(plan.cell, freeze.cell) and freeze.labels.items() <= dict(case.labels).items()


def _lasts(freeze: Freeze, now: datetime) -> bool:
    today = now.date()
    return (freeze.since is None or freeze.since <= today) and (freeze.until is None or today <= freeze.until)


def _interrupts(plan: Plan, case: Case) -> str:
    """Return what of a plan people would notice, `` for nothing: a cell that is only made interrupts nobody."""
    for path in _INTERRUPTS:
        before, after = at(dict(case.recorded_spec), path), at(dict(case.wanted_spec), path)
        if before is not None and after is not None and before != after:
            return f"{path} would change from {before} to {after}"
    for change in plan.changes:
        if change.of_cloud and change.action in ("replace", "delete"):
            return f"{change.name} ({change.type}) would be {change.action}d"
        if change.downtime in ("brief", "outage"):
            return f"{change.name} ({change.type}) would be {change.action}d: {change.downtime_why or change.downtime}"
    return ""


def _frozen(freeze: Freeze, plan: Plan) -> Objection:
    until = f" until {freeze.until}" if freeze.until else ""
    return Objection(
        code="frozen",
        reason=f"{plan.cell} is frozen{until} by {freeze.owner}: {freeze.reason}",
        remedy=f"wait, or ask {freeze.owner}; the freeze stands in cellctl.yaml",
        flag="--override frozen",
    )


def _outside(freeze: Freeze, window: str, why: str) -> Objection:
    return Objection(
        code="outside_window",
        reason=f"{why}, and that is allowed only in the maintenance window, {window}",
        remedy=f"run it then; {freeze.owner} demands it: {freeze.reason}",
        flag="--override outside_window",
    )
