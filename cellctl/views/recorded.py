"""A run as `--output jsonl` told it, read again: events, and the outcome that the summary is of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from cellctl.errors import UsageError
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
from cellctl.plan import Action, Diagnostic, Failure, Outcome, Result
from cellctl.state.values import Struct, Value
from cellctl.views.reading import number, number_or_none, rows, table, text
from cellctl.views.saved_plan import plan_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """One line: an event, or with the last one the outcome; of neither where a later version wrote it."""

    cell: str
    operation: str
    event: Event | None = None
    outcome: Outcome | None = None


def recorded(lines: Iterable[str]) -> Iterator[Recorded]:
    """Yield what each line says. A last line that was cut off is passed over: its run was killed.

    Raises:
        UsageError: A line is none that `--output jsonl` wrote; its number is said (code `bad_run`).
    """
    cut = 0
    for place, line in enumerate(lines, 1):
        if cut:
            raise _wrong(cut)
        if not line.strip():
            continue
        try:
            found = _recorded(json.loads(line))
        except (ValueError, TypeError, KeyError, RecursionError):
            cut = place
            if line.endswith("\n") or place == 1:
                raise _wrong(place) from None
            continue
        yield found


def _wrong(place: int) -> UsageError:
    hint = "cellctl up CELL --output jsonl > run.jsonl"
    return UsageError(f"line {place} is none that `--output jsonl` writes", hint=hint, code="bad_run")


def _recorded(body: Value) -> Recorded:
    if not isinstance(body, dict):
        raise TypeError("no table")
    cell, operation = text(body, "cell"), text(body, "operation")
    if body["kind"] == "summary":
        return Recorded(cell=cell, operation=operation, outcome=_outcome(body))
    return Recorded(cell=cell, operation=operation, event=_event(body, _moment(body)))


def _moment(body: Mapping[str, Value]) -> Moment:
    at = datetime.fromisoformat(text(body, "at")).timestamp()
    return Moment(at=at, simulated_at=number_or_none(body, "simulated_at"))


def _event(body: Struct, moment: Moment) -> Event | None:
    match body["kind"]:
        case "run.started":
            return RunStarted(moment=moment, phase=text(body, "phase"), total=int(number(body, "total")))
        case "plan.ready":
            return PlanReady(moment=moment, plan=plan_of(table(body["plan"])))
        case "resource.progress":
            return ResourceProgress(moment=moment, urn=text(body, "urn"), message=text(body, "message"))
        case "diagnostic":
            severity = text(body, "severity")
            said = Diagnostic(severity=severity, message=text(body, "message"), urn=text(body, "urn"))  # type: ignore[arg-type]  # shown as text
            return Said(moment=moment, diagnostic=said)
        case "heartbeat":
            return Heartbeat(moment=moment, running=tuple(map(str, rows(body, "running"))))
        case _:
            return _of_resource(body, moment)


def _of_resource(body: Struct, moment: Moment) -> Event | None:
    action = body.get("action")
    if action not in get_args(Action):
        return None
    urn, type_, name = text(body, "urn"), text(body, "type"), text(body, "name")
    about = {"moment": moment, "urn": urn, "type": type_, "name": name, "action": action}
    match body["kind"]:
        case "resource.started":
            return ResourceStarted(**about, expected_s=number_or_none(body, "expected_s"))  # type: ignore[arg-type]  # looked at above
        case "resource.done":
            return ResourceDone(**about, elapsed_s=number(body, "elapsed_s"))  # type: ignore[arg-type]  # as above
        case "resource.failed":
            return ResourceFailed(**about, failure=_failure(table(body["error"])))  # type: ignore[arg-type]  # as above
        case _:
            return None


def _outcome(body: Struct) -> Outcome:
    result, operation = text(body, "result"), text(body, "operation")
    if result not in get_args(Result):
        raise ValueError("no result")
    changes = table(body["changes"])
    counts = {name: int(number(changes, name)) for name in changes}
    return Outcome(
        cell=text(body, "cell"),
        cloud=text(body, "cloud"),
        account=text(body, "account"),
        operation=operation,  # type: ignore[arg-type]  # shown as text
        result=result,  # type: ignore[arg-type]  # looked at above
        changes=counts,
        of_cloud=counts,
        checks=_words(body, "checks"),
        retained=_words(body, "retained"),
        accepted_losses=_words(body, "accepted_losses"),
        outputs=table(body["outputs"]),
        failures=tuple(_failure(table(item)) for item in rows(body, "errors")),
        simulated_s=number_or_none(body, "simulated_s"),
        wall_s=number(body, "wall_s"),
    )


def _words(body: Struct, name: str) -> tuple[str, ...]:
    """Return sentences; a record of before says none."""
    return tuple(map(str, rows(body, name))) if name in body else ()


def _failure(body: Mapping[str, Value]) -> Failure:
    return Failure(
        code=text(body, "code"), message=text(body, "message"), hint=text(body, "hint"), urn=text(body, "urn")
    )
