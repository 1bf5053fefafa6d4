"""Alarms of a stack: what its state says that they watch, and how the cloud says that they stand. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cellctl.alarms import AlarmState, AlarmStatus
from cellctl.errors import UsageError
from cellctl.facts.conditions import at, every
from cellctl.run.ledger import running
from cellctl.run.target import living, of_stack

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.run.options import Interrupter, OnEvent, RunOptions
    from cellctl.state.values import Struct, Value

_GIB, _DAY_MIN = 1024.0**3, 1440.0
_FEW = 4
"""Values of a dimension that are all named."""
_STATES: Mapping[str, AlarmState] = {
    "OK": "ok", "ALARM": "alarm", "INSUFFICIENT_DATA": "no_data", "GONE": "gone",
}  # fmt: skip
_AWS_SIGNS = {
    "GreaterThanOrEqualToThreshold": "≥", "GreaterThanThreshold": ">", "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}  # fmt: skip
_AZURE_SIGNS = {"GreaterThan": ">", "GreaterThanOrEqual": "≥", "LessThan": "<", "LessThanOrEqual": "≤", "Equals": "="}


def alarms(
    home: Home, name: str, *, options: RunOptions, on_event: OnEvent, interrupter: Interrupter | None
) -> tuple[AlarmStatus, ...]:
    """Return the alarms of a cell (`acme`) or a reef (`reef/r1`), by name. Errors: `cellctl.AsyncCell.alarms`."""
    target = of_stack(home, name, options)
    with running("alarms", target, options, on_event, interrupter) as ledger:
        session = ledger.session
        loaded = session.load()
        if loaded is None:
            raise UsageError(f"'{name}' has no state yet", hint="bring it up first", code="no_stack")
        rows = [row for row in living(loaded.checkpoint) if row.type in _READ]
        found = [_READ[row.type](dict(row.inputs)) for row in rows]
        session.begin("alarms", len(found))
        told = session.alarms(tuple(one.name for one in found))
        ledger.result = "succeeded"
        return tuple(sorted((_told(one, told) for one in found), key=lambda one: one.name))


def _told(alarm: AlarmStatus, told: Struct) -> AlarmStatus:
    row = told.get(alarm.name)
    if not isinstance(row, dict):
        return replace(alarm, why=str(told.get("") or ""))
    return replace(alarm, state=_STATES.get(str(row.get("state")), "unknown"), why=str(row.get("why") or ""))


def _aws(alarm: Struct) -> AlarmStatus:
    queries = [str(one) for one in every(alarm, "metricQueries.*.expression")]
    metric = str(alarm.get("metricName") or f"{_metrics(alarm)}, {queries[0] if queries else ''}".rstrip(", "))
    about = at(alarm, "dimensions") or at(alarm, "metricQueries.0.metric.dimensions")
    of = ", ".join(str(one) for one in about.values()) if isinstance(about, dict) else ""
    minutes = _number(alarm.get("period"), _number(at(alarm, "metricQueries.0.metric.period"), 60)) / 60
    lasts = minutes * _number(alarm.get("evaluationPeriods"), 1)
    span = f"{lasts / _DAY_MIN:g} d" if lasts >= _DAY_MIN else f"{lasts:g} min"
    sign = _AWS_SIGNS.get(str(alarm.get("comparisonOperator")), "?")
    missing = ", or no data" if alarm.get("treatMissingData") == "breaching" else ""
    return AlarmStatus(
        name=str(alarm.get("name")),
        watches=f"{metric} of {of}" if of else metric,
        when=f"{sign} {_short(alarm.get('threshold'))} for {span}{missing}",
        says=str(alarm.get("alarmDescription") or ""),
        state="unknown",
    )


def _metrics(alarm: Struct) -> str:
    return ", ".join(dict.fromkeys(str(one) for one in every(alarm, "metricQueries.*.metric.metricName")))


def _azure(alarm: Struct) -> AlarmStatus:
    metric, threshold = at(alarm, "criteria.allOf.0.metricName"), at(alarm, "criteria.allOf.0.threshold")
    sign = _AZURE_SIGNS.get(str(at(alarm, "criteria.allOf.0.operator")), "?")
    scopes = [str(one).rpartition("/")[2] for one in every(alarm, "scopes.*")]
    only = [str(one) for one in every(alarm, "criteria.allOf.*.dimensions.*.values.*")]
    part = "each" if only == ["*"] else ", ".join(only) if len(only) <= _FEW else f"{only[0]} and {len(only) - 1} more"
    window = str(alarm.get("windowSize") or "").removeprefix("PT").lower()
    return AlarmStatus(
        name=str(alarm.get("ruleName")),
        watches=f"{metric}{f' ({part})' if part else ''} of {', '.join(scopes)}",
        when=f"{sign} {_short(threshold)} over {window}",
        says=str(alarm.get("description") or ""),
        state="unknown",
    )


_READ: Mapping[str, Callable[[Struct], AlarmStatus]] = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": _aws,
    "azure-native:monitor:MetricAlert": _azure,
}


def _number(value: Value, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default


def _short(value: Value) -> str:
    """Return a threshold; a large one counts bytes."""
    number = _number(value, 0.0)
    return f"{number / _GIB:g} GiB" if number >= _GIB else f"{number:g}"
