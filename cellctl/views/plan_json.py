"""A Plan as JSON: the contract of `preview --format json` and `--save`, described by `plan_schema`."""

from __future__ import annotations

from cellctl.plan import Change, Plan
from cellctl.state.values import Struct

FORMAT_VERSION = "1"


def change_json(change: Change) -> Struct:
    """Return one Change; secrets already read `[secret]`."""
    return {
        "urn": change.urn,
        "type": change.type,
        "name": change.name,
        "action": change.action,
        "stateful": change.stateful,
        "blocked_by": change.blocked_by,
        "replace_keys": list(change.replace_keys),
        "diff": [
            {
                "path": item.path,
                "before": item.before,
                "after": item.after,
                "kind": item.kind,
                "replaces": item.replaces,
            }
            for item in change.diff
        ],
        "parent": change.parent,
        "custom": change.custom,
        "needed_by": list(change.needed_by),
        "needed_by_more": change.needed_by_more,
        "deletes_first": change.deletes_first,
        "downtime": change.downtime,
        "downtime_why": change.downtime_why,
        "expected_s": change.expected_s,
        "expected_from": change.expected_from,
        "monthly_usd": _costs(change.monthly_usd),
    }


def plan_json(plan: Plan) -> Struct:
    """Return the whole Plan, unchanged resources included."""
    return {
        "format_version": FORMAT_VERSION,
        "cell": plan.cell,
        "cloud": plan.cloud,
        "account": plan.account,
        "operation": plan.operation,
        "complete": plan.complete,
        "applyable": plan.applyable,
        "errored": plan.errored,
        "hash": plan.hash,
        "semantic_hash": plan.semantic_hash,
        "spec_digest": plan.spec_digest,
        "checkpoint_digest": plan.checkpoint_digest,
        "versions": dict(plan.versions),
        "changes": [change_json(change) for change in plan.changes],
        "diagnostics": [
            {"severity": item.severity, "message": item.message, "urn": item.urn} for item in plan.diagnostics
        ],
        "objections": [
            {"code": item.code, "reason": item.reason, "remedy": item.remedy, "flag": item.flag, "urn": item.urn}
            for item in plan.objections
        ],
        "summary": {**plan.summary()},
        "monthly_usd": _costs(plan.monthly_usd()),
    }


def _costs(usd: tuple[float, float]) -> Struct:
    before, after = usd
    return {"before": round(before, 2), "after": round(after, 2)}
