"""A plan that somebody approved, and whether it is still what would happen: reconcile, don't replay.

    approval = Approval(plan=cell.preview(), saved_at=time.time(), expires_at=time.time() + 86400)
    cell.up(ask=ask, options=RunOptions(approval=approval))      # StaleApproval if anything moved since

`up` previews again and compares. What was approved is never executed itself, so an old or altered plan does no harm.
It applies once: a run that changes anything changes the state's digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from cellctl.errors import StaleApproval
from cellctl.plan import Change, Plan, plan_hash
from cellctl.state.values import Value

MOST_TOLD = 12
"""Differences that a message tells; the others are counted."""
_SHOWN = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """A plan as it was approved. Times are unix seconds."""

    plan: Plan
    saved_at: float
    expires_at: float


def saving(plan: Plan) -> str:
    """Return the command that saves the plan of such a run anew, with FILE for its file."""
    level, _, name = plan.cell.rpartition("/")
    if not level and plan.operation == "up":
        return f"cellctl preview {name} --save FILE"
    return f"{' '.join(filter(None, ('cellctl', level, plan.operation, name)))} --save FILE"


def digest(approval: Approval) -> str:
    """Return the sha256, in hex, of a saved plan: what it would do, from which file, state and versions, until when.

    The same before it is written and after it is read; another preview of an unchanged cell has another one.
    """
    plan = approval.plan
    said = sorted((item.severity, item.message) for item in plan.diagnostics)
    about = [plan.cell, plan.cloud, plan.account, plan.operation, plan_hash(plan), plan.spec_digest]
    rest = [plan.checkpoint_digest, dict(plan.versions), said, int(approval.saved_at), int(approval.expires_at)]
    return hashlib.sha256(json.dumps([*about, *rest], sort_keys=True).encode()).hexdigest()


def require(approval: Approval, fresh: Plan, now: float) -> None:
    """Return if `fresh`, made at `now`, is what was approved.

    Raises:
        StaleApproval: It is for another cell (code `approval_elsewhere`), too old (`approval_expired`), or something
            moved (`stale_approval`); `differences` say what.
    """
    plan = approval.plan
    if (plan.cell, plan.cloud, plan.account) != (fresh.cell, fresh.cloud, fresh.account):
        raise StaleApproval(
            f"what was approved is for cell '{plan.cell}' ({plan.cloud}, account '{plan.account}'), and this is "
            f"'{fresh.cell}' ({fresh.cloud}, account '{fresh.account}')",
            hint="each cell has a plan of its own",
            code="approval_elsewhere",
        )
    if now >= approval.expires_at:
        hours = (now - approval.saved_at) / 3600
        raise StaleApproval(
            f"the plan was saved {hours:.0f} hours ago, which is more than it was to last",
            hint=saving(plan),
            code="approval_expired",
        )
    found = differences(plan, fresh)
    if found:
        more = [f"and {len(found) - MOST_TOLD} more"] if len(found) > MOST_TOLD else []
        raise StaleApproval(
            "what was approved is not what would happen now",
            hint=f"look at `{saving(fresh)}` and approve that",
            differences=[*found[:MOST_TOLD], *more],
        )


def differences(approved: Plan, fresh: Plan) -> list[str]:
    """Return what moved between two plans of one cell, a sentence each; empty where nothing did."""
    return [*_circumstances(approved, fresh), *_changes(approved, fresh)]


def _circumstances(approved: Plan, fresh: Plan) -> Iterator[str]:
    if approved.operation != fresh.operation:
        yield f"the plan is of a `{approved.operation}`, and this is `{fresh.operation}`"
    if approved.spec_digest != fresh.spec_digest:
        yield "the cell's file says something else now"
    if approved.checkpoint_digest != fresh.checkpoint_digest:
        yield "the cell's state is another one: a run changed the cell since, perhaps with this very plan"
    for name in sorted({*approved.versions, *fresh.versions}):
        before, after = approved.versions.get(name, "none"), fresh.versions.get(name, "none")
        if before != after:
            yield f"{name} was {before} and is {after}"
    said = {item.message for item in approved.diagnostics if item.severity != "info"}
    for message in dict.fromkeys(item.message for item in fresh.diagnostics if item.severity != "info"):
        if message not in said:
            yield f"new: {message}"


def _changes(approved: Plan, fresh: Plan) -> Iterator[str]:
    before, after = _by_urn(approved), _by_urn(fresh)
    for urn in [*after, *(urn for urn in before if urn not in after)]:
        old, new = before.get(urn), after.get(urn)
        if new is None and old is not None:
            yield f"{old.name} ({old.type}): {old.action} was approved, and is no longer to be done"
        elif old is None and new is not None:
            yield f"{new.name} ({new.type}): {new.action} was not approved"
        elif old is not None and new is not None and old.action != new.action:
            yield f"{new.name} ({new.type}): {old.action} was approved, now it is {new.action}"
        elif old is not None and new is not None:
            yield from _properties(old, new)


def _by_urn(plan: Plan) -> dict[str, Change]:
    return {change.urn: change for change in plan.changes if change.action not in ("same", "read")}


def _properties(old: Change, new: Change) -> Iterator[str]:
    before, after = ({item.path: item for item in change.diff} for change in (old, new))
    for path in sorted({*before, *after}):
        was, now = before.get(path), after.get(path)
        if was == now:
            continue
        approved = f"{_short(was.before)} → {_short(was.after)}" if was else "no change"
        found = f"{_short(now.before)} → {_short(now.after)}" if now else "no change"
        yield f"{new.name}: {path}: {approved} was approved, now it is {found}"
    if (old.blocked_by, sorted(old.replace_keys)) != (new.blocked_by, sorted(new.replace_keys)):
        yield f"{new.name}: it is protected or replaced for other reasons than were approved"


def _short(value: Value) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
