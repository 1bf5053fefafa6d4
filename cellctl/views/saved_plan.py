"""A plan in a file: `--save` writes it, a person or a pipeline approves it, `up --plan` and `down --plan` read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import get_args

from cellctl.approval import Approval, saving
from cellctl.errors import UsageError
from cellctl.plan import Action, Change, Diagnostic, DiffKind, Plan, PropertyChange, plan_hash
from cellctl.state.values import Struct, Value
from cellctl.views.plan_json import FORMAT_VERSION, plan_json
from cellctl.views.reading import number_or_none, rows, table, text

LARGEST_BYTES = 64_000_000


def saved_plan(approval: Approval) -> Struct:
    """Return what a file of a plan holds: the Plan, when it was made and until when it may be applied."""
    times = {"saved_at": approval.saved_at, "expires_at": approval.expires_at}
    return {**plan_json(approval.plan), **{name: _iso(seconds) for name, seconds in times.items()}}


def approval_of(document_text: str) -> Approval:
    """Return the plan of a file.

    Raises:
        UsageError: It is no plan that `preview --save` wrote (code `bad_plan`), or somebody altered what it says.
    """
    try:
        document = json.loads(document_text)
        approval = _approval(table(document))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UsageError(
            "the file is no plan that this version of cellctl saved", hint="cellctl preview CELL --save FILE",
            code="bad_plan",
        ) from None  # fmt: skip
    if plan_hash(approval.plan) != approval.plan.hash:
        raise UsageError(
            "the plan was altered after it was saved: what it says is not what its hash is of",
            hint=saving(approval.plan),
            code="bad_plan",
        )
    if approval.plan.errored or not approval.plan.complete:
        raise UsageError(
            "the preview that was saved had failed, so its plan is not whole",
            hint=saving(approval.plan),
            code="bad_plan",
        )
    return approval


def _approval(document: Mapping[str, Value]) -> Approval:
    if document["format_version"] != FORMAT_VERSION:
        raise ValueError("another format")
    if text(document, "operation") not in ("up", "down"):
        raise ValueError("only a plan of `up` or `down` is applied")
    plan = plan_of(document)
    return Approval(plan=plan, saved_at=_seconds(document, "saved_at"), expires_at=_seconds(document, "expires_at"))


def plan_of(document: Mapping[str, Value]) -> Plan:
    """Return the Plan that `plan_json` wrote; raises ValueError, TypeError or KeyError where it is none."""
    operation = text(document, "operation")
    if operation not in ("up", "down", "refresh"):
        raise ValueError("no operation")
    return Plan(
        cell=text(document, "cell"),
        cloud=text(document, "cloud"),
        account=text(document, "account"),
        operation=operation,  # type: ignore[arg-type]  # looked at above
        changes=tuple(_change(table(row)) for row in rows(document, "changes")),
        diagnostics=tuple(_diagnostic(table(row)) for row in rows(document, "diagnostics")),
        complete=document["complete"] is True,
        applyable=document["applyable"] is True,
        errored=document["errored"] is not False,
        hash=text(document, "hash"),
        spec_digest=text(document, "spec_digest"),
        checkpoint_digest=text(document, "checkpoint_digest"),
        versions={name: str(value) for name, value in table(document["versions"]).items()},
    )


def _change(row: Mapping[str, Value]) -> Change:
    action = text(row, "action")
    if action not in get_args(Action):
        raise ValueError("no action")
    return Change(
        urn=text(row, "urn"),
        type=text(row, "type"),
        name=text(row, "name"),
        action=action,  # type: ignore[arg-type]  # looked at above
        stateful=row["stateful"] is True,
        blocked_by=text(row, "blocked_by"),
        replace_keys=tuple(str(key) for key in rows(row, "replace_keys")),
        diff=tuple(_property(table(item)) for item in rows(row, "diff")),
        parent=text(row, "parent"),
        custom=row["custom"] is True,
        expected_s=number_or_none(row, "expected_s"),
        expected_from=str(row.get("expected_from") or ""),  # type: ignore[arg-type]  # of a file: shown, never judged
        needed_by=tuple(str(urn) for urn in rows(row, "needed_by")) if "needed_by" in row else (),
        needed_by_more=int(number_or_none(row, "needed_by_more") or 0),
        deletes_first=row.get("deletes_first") is True,
        downtime=str(row.get("downtime") or ""),  # type: ignore[arg-type]  # likewise
        downtime_why=str(row.get("downtime_why") or ""),
        monthly_usd=_costs(row.get("monthly_usd")),
    )


def _costs(told: Value) -> tuple[float, float]:
    before, after = (told.get(side) if isinstance(told, dict) else None for side in ("before", "after"))
    return tuple(float(usd) if isinstance(usd, int | float) else 0.0 for usd in (before, after))  # type: ignore[return-value]


def _property(row: Mapping[str, Value]) -> PropertyChange:
    if row["kind"] not in get_args(DiffKind):
        raise ValueError("no kind")
    return PropertyChange(**{item.name: row[item.name] for item in fields(PropertyChange)})  # type: ignore[arg-type]


def _diagnostic(row: Mapping[str, Value]) -> Diagnostic:
    return Diagnostic(
        severity=text(row, "severity"),  # type: ignore[arg-type]  # compared as text
        message=text(row, "message"),
        urn=text(row, "urn"),
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _seconds(row: Mapping[str, Value], name: str) -> float:
    return datetime.fromisoformat(text(row, name)).timestamp()
