"""Put plans that would change the same together, keeping one of each: memory grows with the groups, not the cells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cellctl.errors import CellctlError, GuardError, NotYet, Objection, SpecError
from cellctl.plan import Change, Plan, PropertyChange
from cellctl.pull_request.escaping import WHOLE, masked, visible
from cellctl.pull_request.report import LEVELS, ChangeRow, Failed, Group, Level, PropertyRow, Refusal
from cellctl.state.values import Value
from cellctl.views.text import said, type_name

_Key = tuple[str, tuple[str, ...]]  # the plan's semantic hash, and the codes of what guards object to
_COUNTED = ("create", "update", "replace", "delete")
_RANK = {"replace": 0, "delete": 1, "update": 2, "import": 3, "create": 4}


@dataclass(kw_only=True)
class Grouping:
    """Takes plans and errors of cells one by one, in any order."""

    unchanged: int = 0
    failed: list[Failed] = field(default_factory=list)
    _groups: dict[_Key, Group] = field(default_factory=dict)
    _members: dict[_Key, list[str]] = field(default_factory=dict)
    _refusals: dict[_Key, list[Refusal]] = field(default_factory=dict)
    _monthly: dict[_Key, tuple[float, float]] = field(default_factory=dict)

    def plan(self, plan: Plan, objections: Sequence[Objection] = ()) -> None:
        """Take what would happen to one cell, and what guards say of it."""
        if plan.errored or not plan.complete:
            self._errored(plan)
            return
        if plan.empty and not objections:
            self.unchanged += 1
            return
        key = (plan.semantic_hash, tuple(sorted({item.code for item in objections})))
        if key not in self._groups:
            self._groups[key] = _group(plan, key[0])
        self._members.setdefault(key, []).append(plan.cell)
        (before, after), (more_before, more_after) = self._monthly.get(key, (0.0, 0.0)), plan.monthly_usd()
        self._monthly[key] = (before + more_before, after + more_after)
        self._refusals.setdefault(key, []).extend(_refusal(plan.cell, item) for item in objections)

    def error(self, cell: str, error: CellctlError) -> None:
        """Take why a cell has no plan."""
        if isinstance(error, GuardError):
            self._refused(cell, error)
            return
        problems = error.problems if isinstance(error, SpecError | NotYet) else ()
        if not problems:
            message, hint = visible(error.summary, WHOLE), visible(error.hint, WHOLE)
            self.failed.append(Failed(cell=cell, code=error.code, message=message, hint=hint))
        for problem in problems:
            message, hint = visible(str(replace(problem, hint="")), WHOLE), visible(problem.hint, WHOLE)
            self.failed.append(Failed(cell=cell, code=error.code, message=message, hint=hint))

    def _refused(self, cell: str, error: GuardError) -> None:
        for item in error.objections:
            reason, remedy = visible(item.reason, WHOLE), visible(item.remedy, WHOLE)
            self.failed.append(Failed(cell=cell, code=item.code, message=reason, hint=remedy, refused=True))

    def groups(self) -> tuple[Group, ...]:
        """Return the groups: refused ones first, of these the worst first, then those of most cells."""
        made = (
            replace(
                group,
                cells=tuple(sorted(self._members[key])),
                refusals=tuple(sorted(self._refusals.get(key, ()), key=lambda item: (item.cell, item.reason))),
                monthly_usd=self._monthly[key],
            )
            for key, group in self._groups.items()
        )
        return tuple(sorted(made, key=_rank))

    def _errored(self, plan: Plan) -> None:
        errors = [said(item) for item in plan.diagnostics if item.severity == "error"]
        message = "; ".join(errors) or "the preview did not come to its end"
        self.failed.append(
            Failed(
                cell=plan.cell,
                code="preview_failed",
                message=visible(message, WHOLE),
                hint=f"cellctl preview {plan.cell}",
            )
        )


def _rank(group: Group) -> tuple[bool, int, int, tuple[str, ...]]:
    return not group.refusals, LEVELS.index(group.level), -len(group.cells), group.cells


def _group(plan: Plan, key: str) -> Group:
    counts = plan.of_cloud()
    changes = [item for item in plan.changes if item.of_cloud and item.action not in ("same", "read")]
    ranked = sorted(changes, key=lambda item: (not item.stateful, _RANK.get(item.action, 5), item.type, item.name))
    create, update, replaced, delete = (counts[name] for name in _COUNTED)
    warnings = [said(item) for item in plan.diagnostics if item.severity == "warning"]
    return Group(
        hash=key,
        level="nothing" if plan.empty else level_of(changes),
        cells=(),
        shown=plan.cell,
        cloud=plan.cloud,
        counts=(create, update, replaced, delete),
        changes=tuple(_row(item) for item in ranked),
        warnings=tuple(dict.fromkeys(visible(text, WHOLE) for text in warnings)),
    )


def level_of(changes: Sequence[Change]) -> Level:
    """Return the worst that would happen."""
    found: set[Level] = {_level(item) for item in changes}
    return min(found, key=LEVELS.index, default="keeps")


def _level(change: Change) -> Level:
    if change.action in ("replace", "delete") and (change.stateful or change.blocked_by):
        return "loses data"
    if change.downtime == "outage":
        return "outage"
    if change.action in ("replace", "delete"):
        return "replaces" if change.action == "replace" else "deletes"
    if change.action == "create":
        return "creates"
    return "changes data" if change.stateful else "changes"


def _row(change: Change) -> ChangeRow:
    shown = () if change.action == "create" else change.diff
    paths = {item.path for item in change.diff if item.replaces}
    causes = dict.fromkeys([*change.replace_keys, *sorted(paths)])
    return ChangeRow(
        name=visible(change.name, WHOLE),
        type=visible(type_name(masked(change.type)), WHOLE),
        action=change.action,
        stateful=change.stateful,
        blocked_by=change.blocked_by,
        causes=tuple(visible(key, WHOLE) for key in causes),
        properties=tuple(_property(item) for item in shown),
        downtime=change.downtime,
        downtime_why=visible(change.downtime_why, WHOLE),
        expected_s=change.expected_s,
        expected_from=change.expected_from,
        needed_by=tuple(visible(urn.rpartition("::")[2], WHOLE) for urn in change.needed_by),
        monthly_usd=change.monthly_usd,
    )


def _property(item: PropertyChange) -> PropertyRow:
    return PropertyRow(
        path=visible(item.path, WHOLE),
        before=_value(item.before),
        after=_value(item.after),
        kind=item.kind,
        replaces=item.replaces,
    )


def _value(value: Value) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return visible(text, WHOLE)


def _refusal(cell: str, objection: Objection) -> Refusal:
    return Refusal(
        cell=cell,
        code=objection.code,
        reason=visible(objection.reason, WHOLE),
        remedy=visible(objection.remedy, WHOLE),
        flag=visible(objection.flag, WHOLE),
    )
