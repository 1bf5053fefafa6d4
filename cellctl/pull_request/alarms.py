"""What one would be woken up for, over all cells: data that would go, outages, and connections that break. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from cellctl.pull_request.report import ChangeRow, Group, Report
from cellctl.pull_request.words import loss_words

Kind = Literal["data", "outage", "brief"]
KINDS: dict[Kind, str] = {"data": "DATA", "outage": "OUTAGE", "brief": "A minute or two"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """One reason: `why` may hold foreign text; `things` are names in the first of `cells`' groups."""

    kind: Kind
    why: str
    cells: tuple[str, ...]
    things: tuple[str, ...]


def alarms(report: Report) -> list[Alarm]:
    """Return them, the worst first, then those of most cells; each reason once, whatever else differs."""
    found: dict[tuple[Kind, str], Alarm] = {}
    for group in report.groups:
        for alarm in _of(group):
            known = found.get((alarm.kind, alarm.why))
            cells = (*known.cells, *alarm.cells) if known is not None else alarm.cells
            found[alarm.kind, alarm.why] = replace(known or alarm, cells=cells)
    return sorted(found.values(), key=lambda alarm: ([*KINDS].index(alarm.kind), -len(alarm.cells), alarm.why))


def _of(group: Group) -> list[Alarm]:
    lost = [row for row in group.changes if row.loses_data]
    made = [_alarm(group, "data", f"would {loss_words(group)}", lost)] if lost else []
    kinds: tuple[Kind, ...] = ("outage", "brief")
    for kind in kinds:
        rows = [row for row in group.changes if row.downtime == kind]
        for why in dict.fromkeys(row.downtime_why for row in rows):
            made.append(_alarm(group, kind, why, [row for row in rows if row.downtime_why == why]))
    return made


def _alarm(group: Group, kind: Kind, why: str, rows: list[ChangeRow]) -> Alarm:
    return Alarm(kind=kind, why=why, cells=group.cells, things=tuple(row.name for row in rows))
