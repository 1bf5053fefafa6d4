"""What differs between a cell's state and its cloud, by whose doing, and which cells differ alike.

Pure: `judge` takes the Plan of a refresh that was only looked at. What no rule explains is somebody's edit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Literal, get_args

from cellctl.facts.automation import automation
from cellctl.likeness import Difference, Row, digest
from cellctl.plan import Change, Diagnostic, Plan, PropertyChange
from cellctl.state.values import Value

DriftClass = Literal["human_edit", "customer_owned", "cloud_automation", "provider_noise"]
CLASSES: tuple[DriftClass, ...] = get_args(DriftClass)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Says whose doing a difference is; `type`, `name` and `path` are globs, `until` is the last day that it holds."""

    type: str
    path: str
    drift_class: DriftClass
    reason: str
    name: str = "*"
    owner: str = ""
    until: date | None = None

    def explains(self, change: Change, path: str) -> bool:
        """Tell whether the rule is about a property of a resource."""
        pairs = ((change.type, self.type), (change.name, self.name), (path, self.path))
        return all(fnmatchcase(text, pattern) for text, pattern in pairs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """One difference. `before` is the state's value, `after` the cloud's; `path` is `` where the object is gone.

    `reason` says why it has its class, and names a rule that would have explained it but has expired.
    """

    urn: str
    type: str
    name: str
    stateful: bool
    path: str
    before: Value
    after: Value
    drift_class: DriftClass
    owner: str = ""
    reason: str = ""

    @property
    def gone(self) -> bool:
        """Whether the whole object is gone from the cloud."""
        return not self.path


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftReport:
    """All differences of one cell. `looked`: objects that were read. `unread`: which could not be and why, a sentence
    each, with the object's name. Where some are unread nobody knows that nothing differs.
    """

    cell: str
    cloud: str
    account: str
    looked: int
    drifts: tuple[Drift, ...] = ()
    unread: tuple[str, ...] = ()

    def of(self, drift_class: DriftClass) -> tuple[Drift, ...]:
        """Return the differences of one class."""
        return tuple(item for item in self.drifts if item.drift_class == drift_class)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """One difference that several cells have alike; `example` is that of the first."""

    example: Drift
    cells: tuple[str, ...]


def judge(plan: Plan, rules: Sequence[Rule], today: date, *, kept: Iterable[str] = ()) -> DriftReport:
    """Return the differences in the Plan of a refresh, each with its class; the first rule that fits decides.

    `kept` are the URNs of all objects of the state: an engine that fails may have come to some of them only.
    """
    known = (*rules, *_of_cloud(plan.cloud))
    drifts = [item for change in plan.changes for item in _drifts(change, known, today)]
    errors = [item for item in plan.diagnostics if item.severity == "error"]
    failed = {item.urn for item in errors}
    looked = sum(1 for change in plan.changes if change.of_cloud and change.urn not in failed)
    came_to = failed | {change.urn for change in plan.changes}
    missed = (urn for urn in kept if plan.errored and urn not in came_to)
    unread = (*map(_unread, errors), *(f"{_name(urn)}: the engine stopped before it" for urn in missed))
    drifts.sort(key=lambda item: (CLASSES.index(item.drift_class), not item.gone, item.name, item.path))
    return DriftReport(
        cell=plan.cell, cloud=plan.cloud, account=plan.account, looked=looked, drifts=tuple(drifts), unread=unread
    )


def _unread(said: Diagnostic) -> str:
    name = _name(said.urn)
    return f"{name}: {said.message}" if name and not said.message.startswith(name) else said.message


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]


def clusters(reports: Iterable[DriftReport], drift_class: DriftClass = "human_edit") -> list[Cluster]:
    """Return what cells have alike, the most frequent first; names and drawn ids of cells do not count."""
    cells: dict[str, dict[str, None]] = {}
    examples: dict[str, Drift] = {}
    for report in reports:
        for item in report.of(drift_class):
            key = _signature(report, item)
            examples.setdefault(key, item)
            cells.setdefault(key, {})[report.cell] = None
    found = [Cluster(example=examples[key], cells=tuple(names)) for key, names in cells.items()]
    return sorted(found, key=lambda cluster: (-len(cluster.cells), cluster.example.name, cluster.example.path))


def _signature(report: DriftReport, item: Drift) -> str:
    place = item.urn.split("::", 2)[-1]
    difference = Difference(path=item.path, before=item.before, after=item.after)
    row = Row(facts=(place, item.type), differences=[difference])
    return digest(report.cell, [report.cloud, item.drift_class], [row])


def _of_cloud(cloud: str) -> Iterator[Rule]:
    for known in automation(cloud):
        for path in known.paths:
            yield Rule(type=known.type, path=path, drift_class=known.drift_class, reason=known.reason)  # type: ignore[arg-type]


def _drifts(change: Change, rules: Sequence[Rule], today: date) -> Iterator[Drift]:
    if change.action == "delete":
        yield _drift(change, None, "human_edit", reason="")
    elif change.action not in ("same", "read"):
        yield from (_explained(change, item, rules, today) for item in change.diff)


def _explained(change: Change, item: PropertyChange, rules: Sequence[Rule], today: date) -> Drift:
    fitting = [rule for rule in rules if rule.explains(change, item.path)]
    for rule in fitting:
        if rule.until is None or today <= rule.until:
            return _drift(change, item, rule.drift_class, owner=rule.owner, reason=rule.reason)
    reason = f"the rule of {fitting[0].owner} ended on {fitting[0].until}" if fitting else ""
    return _drift(change, item, "human_edit", reason=reason)


def _drift(
    change: Change, item: PropertyChange | None, drift_class: DriftClass, *, owner: str = "", reason: str
) -> Drift:
    path, before, after = (item.path, item.before, item.after) if item else ("", None, None)
    return Drift(
        urn=change.urn, type=change.type, name=change.name, stateful=change.stateful, path=path, before=before,
        after=after, drift_class=drift_class, owner=owner, reason=reason,
    )  # fmt: skip
