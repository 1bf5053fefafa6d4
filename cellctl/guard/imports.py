"""An object that is taken over is never replaced: its data would go with it."""

from __future__ import annotations

from collections.abc import Iterator

from cellctl.errors import Objection
from cellctl.guard.case import Case
from cellctl.plan import Change, Plan


def taken_over(plan: Plan, case: Case) -> Iterator[Objection]:
    """Refuse an import that would replace its object, is of nothing that the cell declares, or is done already."""
    changes = {change.urn: change for change in plan.changes}
    for urn in sorted(case.importing):
        change = changes.get(urn)
        if change is None or not change.custom:
            yield _unknown(urn)
        elif case.importing[urn] not in case.held.get(urn, {case.importing[urn]}):
            yield _known(change)
        elif change.action in ("replace", "delete"):
            yield _replaces(change)


def _unknown(urn: str) -> Objection:
    return Objection(
        code="import_unknown",
        reason=f"this cell declares no {urn.rsplit('::', 1)[-1]} ({urn.split('::')[2].rpartition('$')[2]})",
        remedy="docs/resource-names.md lists what cells declare; on a reef database and gateway are the reef's",
        urn=urn,
    )


def _replaces(change: Change) -> Objection:
    forced = sorted({item.path for item in change.diff if item.replaces} | set(change.replace_keys))
    told = {item.path: item for item in change.diff}
    words = [
        f"{path} is {told[path].before!r} and would be {told[path].after!r}" if path in told else path
        for path in forced
    ]
    return Objection(
        code="import_replaces",
        reason=f"{change.name} would be replaced, not taken over: {'; '.join(words) or 'it differs from the file'}",
        remedy="make the cell file say what the object is, or import what it belongs to as well",
        urn=change.urn,
    )


def _known(change: Change) -> Objection:
    return Objection(
        code="import_known",
        reason=f"{change.name} is in this cell's stack already, with an object of its own",
        remedy="another cell can take the object over; an object that is gone is replaced with `up --adopt`",
        urn=change.urn,
    )
