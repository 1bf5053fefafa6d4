"""The jsonl view: one JSON object a line on stdout, the last one always the summary (DESIGN section 10)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from cellctl.events import (
    Event,
    Heartbeat,
    Moment,
    PlanReady,
    ResourceDone,
    ResourceFailed,
    ResourceProgress,
    ResourceStarted,
    RunStarted,
    Said,
)
from cellctl.plan import COUNTED, Failure, Outcome
from cellctl.state.values import Struct
from cellctl.views.plan_json import plan_json

FORMAT_VERSION = "1"


def failure_json(failure: Failure) -> Struct:
    """Return one entry of `errors`."""
    return {"code": failure.code, "message": failure.message, "hint": failure.hint, "urn": failure.urn}


def summary_json(outcome: Outcome) -> Struct:
    """Return the summary line of an Outcome."""
    return {
        "kind": "summary",
        "format_version": FORMAT_VERSION,
        "operation": outcome.operation,
        "cell": outcome.cell,
        "cloud": outcome.cloud,
        "account": outcome.account,
        "engine": {"name": outcome.engine_name, "version": outcome.engine_version},
        "result": outcome.result,
        "changes": {action: outcome.changes.get(action, 0) for action in COUNTED},
        "simulated_s": outcome.simulated_s,
        "wall_s": round(outcome.wall_s, 3),
        "outputs": dict(outcome.outputs),
        "errors": [failure_json(failure) for failure in outcome.failures],
        "of_cloud": dict(outcome.of_cloud),
        "checks": list(outcome.checks),
        "retained": list(outcome.retained),
        "accepted_losses": list(outcome.accepted_losses),
        "remaining": outcome.remaining,
        "run_id": outcome.run_id,
    }


def error_summary_json(*, operation: str, cell: str, cloud: str, result: str, failures: Sequence[Failure]) -> Struct:
    """Return the summary line of a command that never came to an Outcome."""
    return {
        "kind": "summary",
        "format_version": FORMAT_VERSION,
        "operation": operation,
        "cell": cell,
        "cloud": cloud,
        "account": "",
        "engine": {"name": "", "version": ""},
        "result": result,
        "changes": dict.fromkeys(COUNTED, 0),
        "simulated_s": None,
        "wall_s": 0.0,
        "outputs": {},
        "errors": [failure_json(failure) for failure in failures],
        "of_cloud": {},
        "checks": [],
        "retained": [],
        "accepted_losses": [],
        "remaining": 0,
        "run_id": "",
    }


class JsonlView:
    """Writes each event as one line. `write` takes a line without its end."""

    def __init__(self, write: Callable[[str], None], *, cell: str, operation: str) -> None:
        self._write = write
        self._cell = cell
        self._operation = operation
        self._seq = 0

    def open(self) -> None:
        """Nothing to prepare."""

    def close(self) -> None:
        """Nothing to put back."""

    def note(self, text: str) -> None:
        """Write a remark of the CLI's own as a diagnostic."""
        self.line({"kind": "diagnostic", "severity": "info", "message": text, "urn": ""}, None)

    def event(self, event: Event) -> None:
        """Write one event."""
        self.line(_body(event), event.moment)

    def line(self, body: Struct, moment: Moment | None) -> None:
        """Write one object with the fields that every line has."""
        head: Struct = {"kind": body["kind"], "seq": self._seq}
        when = datetime.fromtimestamp(moment.at, UTC) if moment else datetime.now(UTC)
        head["at"] = when.isoformat(timespec="milliseconds")
        head["simulated_at"] = moment.simulated_at if moment else None
        head["cell"], head["operation"] = self._cell, self._operation
        self._seq += 1
        self._write(json.dumps({**head, **body}, ensure_ascii=False, separators=(",", ":")))


def _body(event: Event) -> Struct:
    match event:
        case RunStarted():
            return {"kind": "run.started", "phase": event.phase, "total": event.total}
        case PlanReady():
            return {"kind": "plan.ready", "plan": plan_json(event.plan)}
        case ResourceStarted():
            return {"kind": "resource.started", **_resource(event), "expected_s": event.expected_s}
        case ResourceProgress():
            return {"kind": "resource.progress", "urn": event.urn, "message": event.message}
        case ResourceDone():
            return {"kind": "resource.done", **_resource(event), "elapsed_s": event.elapsed_s}
        case ResourceFailed():
            return {"kind": "resource.failed", **_resource(event), "error": failure_json(event.failure)}
        case Said():
            said = event.diagnostic
            return {"kind": "diagnostic", "severity": said.severity, "message": said.message, "urn": said.urn}
        case Heartbeat():
            return {"kind": "heartbeat", "running": list(event.running)}


def _resource(event: ResourceStarted | ResourceDone | ResourceFailed) -> Struct:
    return {"urn": event.urn, "type": event.type, "name": event.name, "action": event.action}
