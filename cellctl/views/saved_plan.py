"""A plan in a file: `preview --save` writes it, a person or a pipeline approves it, `up --plan` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import get_args

from cellctl.approval import Approval
from cellctl.errors import UsageError
from cellctl.plan import Action, Change, Diagnostic, DiffKind, Plan, PropertyChange, plan_hash
from cellctl.state.values import Struct, Value
from cellctl.views.plan_json import FORMAT_VERSION, plan_json

LARGEST_BYTES = 64_000_000


def saved_plan(approval: Approval) -> Struct:
    """Return what a file of a plan holds: the Plan, when it was made and until when it may be applied."""
    times = {"saved_at": approval.saved_at, "expires_at": approval.expires_at}
    return {**plan_json(approval.plan), **{name: _iso(seconds) for name, seconds in times.items()}}


def approval_of(text: str) -> Approval:
    """Return the plan of a file.

    Raises:
        UsageError: It is no plan that `preview --save` wrote (code `bad_plan`), or somebody altered what it says.
    """
    try:
        document = json.loads(text)
        approval = _approval(_table(document))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UsageError(
            "the file is no plan that this version of cellctl saved", hint="cellctl preview CELL --save FILE",
            code="bad_plan",
        ) from None  # fmt: skip
    if plan_hash(approval.plan) != approval.plan.hash:
        raise UsageError(
            "the plan was altered after it was saved: what it says is not what its hash is of",
            hint=f"cellctl preview {approval.plan.cell} --save FILE",
            code="bad_plan",
        )
    if approval.plan.errored or not approval.plan.complete:
        raise UsageError(
            "the preview that was saved had failed, so its plan is not whole",
            hint=f"cellctl preview {approval.plan.cell} --save FILE",
            code="bad_plan",
        )
    return approval


def _approval(document: Mapping[str, Value]) -> Approval:
    if document["format_version"] != FORMAT_VERSION:
        raise ValueError("another format")
    operation = _text(document, "operation")
    if operation != "up":
        raise ValueError("only a plan of `up` is applied")
    plan = Plan(
        cell=_text(document, "cell"),
        cloud=_text(document, "cloud"),
        account=_text(document, "account"),
        operation="up",
        changes=tuple(_change(_table(row)) for row in _rows(document, "changes")),
        diagnostics=tuple(_diagnostic(_table(row)) for row in _rows(document, "diagnostics")),
        complete=document["complete"] is True,
        applyable=document["applyable"] is True,
        errored=document["errored"] is not False,
        hash=_text(document, "hash"),
        spec_digest=_text(document, "spec_digest"),
        checkpoint_digest=_text(document, "checkpoint_digest"),
        versions={name: str(value) for name, value in _table(document["versions"]).items()},
    )
    return Approval(plan=plan, saved_at=_seconds(document, "saved_at"), expires_at=_seconds(document, "expires_at"))


def _change(row: Mapping[str, Value]) -> Change:
    action = _text(row, "action")
    if action not in get_args(Action):
        raise ValueError("no action")
    return Change(
        urn=_text(row, "urn"),
        type=_text(row, "type"),
        name=_text(row, "name"),
        action=action,  # type: ignore[arg-type]  # looked at above
        stateful=row["stateful"] is True,
        blocked_by=_text(row, "blocked_by"),
        replace_keys=tuple(str(key) for key in _rows(row, "replace_keys")),
        diff=tuple(_property(_table(item)) for item in _rows(row, "diff")),
        parent=_text(row, "parent"),
        custom=row["custom"] is True,
    )


def _property(row: Mapping[str, Value]) -> PropertyChange:
    if row["kind"] not in get_args(DiffKind):
        raise ValueError("no kind")
    return PropertyChange(**{item.name: row[item.name] for item in fields(PropertyChange)})  # type: ignore[arg-type]


def _diagnostic(row: Mapping[str, Value]) -> Diagnostic:
    return Diagnostic(
        severity=_text(row, "severity"),  # type: ignore[arg-type]  # compared as text
        message=_text(row, "message"),
        urn=_text(row, "urn"),
    )


def _text(row: Mapping[str, Value], name: str) -> str:
    value = row[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def _rows(row: Mapping[str, Value], name: str) -> list[Value]:
    value = row[name]
    if not isinstance(value, list):
        raise TypeError(name)
    return value


def _table(value: Value) -> Struct:
    if not isinstance(value, dict):
        raise TypeError("no table")
    return value


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _seconds(row: Mapping[str, Value], name: str) -> float:
    return datetime.fromisoformat(_text(row, name)).timestamp()
