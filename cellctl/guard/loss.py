"""What holds data is neither replaced nor deleted unless somebody names it and a backup of it is proven."""

from __future__ import annotations

from collections.abc import Iterator

from cellctl.errors import Objection
from cellctl.guard.case import Case
from cellctl.guard.proof import Missing, caches, missing
from cellctl.plan import Change, Plan

_LOSES = ("replace", "delete")


def stateful_loss(plan: Plan, case: Case) -> Iterator[Objection]:
    """Refuse to replace or delete anything stateful or protected that is not named, or without a proven backup."""
    if plan.operation == "refresh":
        return
    for change in losses(plan):
        if plan.operation == "down":
            yield from _down(change, plan, case)
            continue
        lacks = missing(change, plan, case)
        if change.urn not in case.allow:
            yield _unnamed(change, lacks)
        elif lacks is not None and (lacks.final or change.urn not in case.accept_loss):
            yield _unproven(change, lacks)


def losses(plan: Plan) -> Iterator[Change]:
    """Yield the changes that replace or delete what holds data or is protected."""
    return (change for change in plan.changes if change.action in _LOSES and (change.stateful or change.blocked_by))


def accepted_losses(plan: Plan, case: Case) -> Iterator[tuple[Change, str]]:
    """Yield each change whose loss the caller accepts by name, and what is missing to prove a backup of it."""
    for change in losses(plan) if plan.operation == "up" else ():
        lacks = missing(change, plan, case) if change.urn in case.accept_loss else None
        if lacks is not None and not lacks.final:
            yield change, lacks.reason


def _unnamed(change: Change, lacks: Missing | None) -> Objection:
    verb = "replaces" if change.action == "replace" else "deletes"
    keys = f" ({', '.join(change.replace_keys)})" if change.replace_keys else ""
    held = "which is protected" if change.blocked_by == "protect" and not change.stateful else "which holds data"
    also = f"; {lacks.reason}" if lacks else ""
    accept = f" --accept-data-loss '{change.urn}'" if lacks else ""
    return Objection(
        code=f"stateful_{change.action}",
        reason=f"this {verb} {change.name} ({change.type}), {held}{keys}{also}",
        remedy="change the cell file so that it stays, or name it if losing it is what you want",
        flag="" if lacks and lacks.final else f"--allow-replace '{change.urn}'{accept}",
        urn=change.urn,
    )


def _unproven(change: Change, lacks: Missing) -> Objection:
    return Objection(
        code=lacks.code,
        reason=f"{change.name} ({change.type}) would be lost: {lacks.reason}",
        remedy=lacks.remedy,
        flag="" if lacks.final else f"--accept-data-loss '{change.urn}'",
        urn=change.urn,
    )


def _down(change: Change, plan: Plan, case: Case) -> Iterator[Objection]:
    if case.delete_data and change.type in caches(plan.cloud) and change.urn not in case.accept_loss:
        lacks = missing(change, plan, case)  # what is in no bucket yet, nobody has seen: it goes by name only
        yield from () if lacks is None else (_unproven(change, lacks),)
    if case.delete_data or (case.keep_data and not _unlocked(change, plan, case)):
        return
    if case.keep_data:
        yield Objection(
            code="stateful_delete",
            reason=f"{change.name} ({change.type}) holds data and is not protected, so it would not be kept",
            remedy="run `cellctl up` first, which protects it again, or say --delete-data",
            flag="--delete-data",
            urn=change.urn,
        )
        return
    yield Objection(
        code="stateful_delete",
        reason=f"{change.name} ({change.type}) holds data",
        remedy="say whether data stays (--keep-data) or goes (--delete-data)",
        flag="--keep-data",
        urn=change.urn,
    )


def _unlocked(change: Change, plan: Plan, case: Case) -> bool:
    """Tell whether a loss would go although data are to be kept: what a crash left unprotected."""
    return not change.blocked_by and missing(change, plan, case) is not None
