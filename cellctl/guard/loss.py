"""What holds data is neither replaced nor deleted unless somebody names it."""

from __future__ import annotations

from collections.abc import Iterator

from cellctl.errors import Objection
from cellctl.guard.case import Case
from cellctl.plan import Change, Plan

_LOSES = ("replace", "delete")


def stateful_loss(plan: Plan, case: Case) -> Iterator[Objection]:
    """Refuse to replace or delete anything stateful or protected that is not named."""
    if plan.operation == "refresh":
        return
    for change in plan.changes:
        losing = change.action in _LOSES and (change.stateful or change.blocked_by)
        if losing and change.urn not in case.allow:
            yield from _down(change, case) if plan.operation == "down" else (_unnamed(change),)


def _unnamed(change: Change) -> Objection:
    verb = "replaces" if change.action == "replace" else "deletes"
    keys = f" ({', '.join(change.replace_keys)})" if change.replace_keys else ""
    held = "which is protected" if change.blocked_by == "protect" and not change.stateful else "which holds data"
    return Objection(
        code=f"stateful_{change.action}",
        reason=f"this {verb} {change.name} ({change.type}), {held}{keys}",
        remedy="change the cell file so that it stays, or name it if losing it is what you want",
        flag=f"--allow-replace '{change.urn}'",
        urn=change.urn,
    )


def _down(change: Change, case: Case) -> Iterator[Objection]:
    if case.keep_data or case.delete_data:
        return
    yield Objection(
        code="stateful_delete",
        reason=f"{change.name} ({change.type}) holds data",
        remedy="say whether data stays (--keep-data) or goes (--delete-data)",
        flag="--keep-data",
        urn=change.urn,
    )
