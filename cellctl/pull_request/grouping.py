"""Put plans that would change the same together, keeping one of each: memory grows with the groups, not the cells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cellctl.errors import CellctlError, GuardError, NotYet, Objection, SpecError
from cellctl.plan import Change, Plan, PropertyChange
from cellctl.pull_request.escaping import masked, visible
from cellctl.pull_request.report import LEVELS, ChangeRow, Failed, Group, Level, PropertyRow, Refusal
from cellctl.state.values import Value
from cellctl.views.text import said, type_name

MOST_CHANGES = 200  # of one group; a new cell of either cloud has fewer
MOST_PROPERTIES = 25
LONGEST_VALUE = 160
LONGEST_MESSAGE = 400
_COUNTED = ("create", "update", "replace", "delete")
_RANK = {"replace": 0, "delete": 1, "update": 2, "import": 3, "create": 4}


@dataclass(kw_only=True)
class Grouping:
    """Takes plans and errors of cells one by one, in any order."""

    unchanged: int = 0
    failed: list[Failed] = field(default_factory=list)
    _groups: dict[str, Group] = field(default_factory=dict)
    _members: dict[str, list[str]] = field(default_factory=dict)
    _refusals: dict[str, list[Refusal]] = field(default_factory=dict)

    def plan(self, plan: Plan, objections: Sequence[Objection] = ()) -> None:
        """Take what would happen to one cell, and what guards say of it."""
        if plan.errored or not plan.complete:
            self._errored(plan)
            return
        if plan.empty and not objections:
            self.unchanged += 1
            return
        key = plan.semantic_hash
        if key not in self._groups:
            self._groups[key] = _group(plan, key)
        self._members.setdefault(key, []).append(plan.cell)
        self._refusals.setdefault(key, []).extend(_refusal(plan.cell, item) for item in objections)

    def error(self, cell: str, error: CellctlError) -> None:
        """Take why a cell has no plan."""
        if isinstance(error, GuardError):
            self._refused(cell, error)
            return
        problems = error.problems if isinstance(error, SpecError | NotYet) else ()
        if not problems:
            message, hint = visible(error.summary, LONGEST_MESSAGE), visible(error.hint, LONGEST_MESSAGE)
            self.failed.append(Failed(cell=cell, code=error.code, message=message, hint=hint))
        for problem in problems:
            message = visible(str(replace(problem, hint="")), LONGEST_MESSAGE)
            self.failed.append(
                Failed(cell=cell, code=error.code, message=message, hint=visible(problem.hint, LONGEST_MESSAGE))
            )

    def _refused(self, cell: str, error: GuardError) -> None:
        for item in error.objections:
            reason, remedy = visible(item.reason, LONGEST_MESSAGE), visible(item.remedy, LONGEST_MESSAGE)
            self.failed.append(Failed(cell=cell, code=item.code, message=reason, hint=remedy, refused=True))

    def groups(self) -> tuple[Group, ...]:
        """Return the groups, worst first, then those of most cells."""
        made = (
            replace(
                group,
                cells=tuple(sorted(self._members[key])),
                refusals=tuple(sorted(self._refusals.get(key, ()), key=lambda item: (item.cell, item.reason))),
            )
            for key, group in self._groups.items()
        )
        return tuple(sorted(made, key=lambda item: (LEVELS.index(item.level), -len(item.cells), item.cells)))

    def _errored(self, plan: Plan) -> None:
        errors = [said(item) for item in plan.diagnostics if item.severity == "error"]
        message = "; ".join(errors[:3]) or "the preview did not come to its end"
        more = f"; and {len(errors) - 3} more errors" if len(errors) > 3 else ""
        self.failed.append(
            Failed(
                cell=plan.cell,
                code="preview_failed",
                message=visible(message, LONGEST_MESSAGE) + more,
                hint=f"cellctl preview {plan.cell}",
            )
        )


def _group(plan: Plan, key: str) -> Group:
    counts = plan.of_cloud()
    changes = [item for item in plan.changes if item.of_cloud and item.action not in ("same", "read")]
    ranked = sorted(changes, key=lambda item: (not item.stateful, _RANK.get(item.action, 5), item.type, item.name))
    create, update, replaced, delete = (counts[name] for name in _COUNTED)
    warnings = [said(item) for item in plan.diagnostics if item.severity == "warning"]
    return Group(
        hash=key,
        level=level_of(changes),
        cells=(),
        shown=plan.cell,
        cloud=plan.cloud,
        counts=(create, update, replaced, delete),
        changes=tuple(_row(item) for item in ranked[:MOST_CHANGES]),
        more_changes=max(0, len(ranked) - MOST_CHANGES),
        warnings=tuple(dict.fromkeys(visible(text, LONGEST_MESSAGE) for text in warnings[:10])),
    )


def level_of(changes: Sequence[Change]) -> Level:
    """Return the worst that would happen."""
    found: set[Level] = {_level(item) for item in changes}
    return min(found, key=LEVELS.index, default="keeps")


def _level(change: Change) -> Level:
    if change.action in ("replace", "delete"):
        if change.stateful or change.blocked_by:
            return "loses data"
        return "replaces" if change.action == "replace" else "deletes"
    if change.action == "create":
        return "creates"
    return "changes data" if change.stateful else "changes"


def _row(change: Change) -> ChangeRow:
    shown = [] if change.action == "create" else list(change.diff[:MOST_PROPERTIES])
    paths = {item.path for item in change.diff if item.replaces}
    causes = dict.fromkeys([*change.replace_keys, *sorted(paths)])
    return ChangeRow(
        name=visible(change.name),
        type=visible(type_name(masked(change.type))),
        action=change.action,
        stateful=change.stateful,
        blocked_by=change.blocked_by,
        causes=tuple(visible(key) for key in [*causes][:10]),
        properties=tuple(_property(item) for item in shown),
        more_properties=0 if change.action == "create" else max(0, len(change.diff) - MOST_PROPERTIES),
    )


def _property(item: PropertyChange) -> PropertyRow:
    return PropertyRow(
        path=visible(item.path),
        before=_value(item.before),
        after=_value(item.after),
        kind=item.kind,
        replaces=item.replaces,
    )


def _value(value: Value) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return visible(text, LONGEST_VALUE)


def _refusal(cell: str, objection: Objection) -> Refusal:
    return Refusal(
        cell=cell,
        code=objection.code,
        reason=visible(objection.reason, LONGEST_MESSAGE),
        remedy=visible(objection.remedy, LONGEST_MESSAGE),
        flag=visible(objection.flag, LONGEST_MESSAGE),
    )
