"""From raw engine events to Plan, Change and Event. Pure; redacts before any of them exists.

Internal steps are dropped (default providers), the physical halves of a replacement are folded into one Change, and
the engine's protection errors become Changes that are `blocked_by` protect.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from cellctl.engine import paths
from cellctl.engine.classify import NOISE, classify, tidy
from cellctl.engine.raw_events import DiagnosticEvent, RawEvent, Side, StepEvent, SummaryEvent
from cellctl.engine.redact import Redactor
from cellctl.plan import Action, Change, Declared, Diagnostic, DiffKind, Failure, Plan, PropertyChange, plan_hash
from cellctl.state.values import UNKNOWN, Struct, Value, is_secret

PHYSICAL = frozenset(
    {
        "create-replacement",
        "delete-replaced",
        "read-replacement",
        "import-replacement",
        "discard-replaced",
        "remove-pending-replace",
        "discard",
    }
)
_ACTIONS: Mapping[str, Action] = {
    "create": "create",
    "update": "update",
    "replace": "replace",
    "delete": "delete",
    "same": "same",
    "read": "read",
    "import": "import",
    "refresh": "refresh",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "import-replacement": "replace",
    "read-replacement": "replace",
}
_PROTECTED = re.compile(r"marked for protection|because it is protected")
_REPLACED = re.compile(r"unable to replace|marked for protection")


class TypeFacts(Protocol):
    """What `cellctl.facts` knows of a resource type."""

    def stateful(self, type_: str) -> bool:
        """Tell whether objects of this type hold what cannot be made again."""

    def expected_s(self, type_: str, action: str) -> float | None:
        """Return the p50 of an action in cloud seconds, None where unknown."""

    def monthly_usd(self, type_: str, inputs: Mapping[str, Value]) -> float:
        """Return what an object costs a month at list prices, 0 where unknown."""


def action_of(op: str) -> Action:
    """Return the action that a step's operation means to a reader; unknown operations read as `update`."""
    return _ACTIONS.get(op, "update")


def diagnostic(event: DiagnosticEvent, redactor: Redactor) -> Diagnostic | None:
    """Return a diagnostic worth a reader's time, None for debug messages and for errors that only repeat another."""
    message = tidy(redactor.text(event.message))
    if event.severity == "debug" or not message or NOISE.search(message):
        return None
    if event.severity == "error":
        return Diagnostic(severity="error", message=classify(message, event.urn).message, urn=event.urn)
    return Diagnostic(severity="warning" if event.severity == "warning" else "info", message=message, urn=event.urn)


def property_changes(step: StepEvent, redactor: Redactor) -> tuple[PropertyChange, ...]:
    """Return what differs between the two sides of a step, leaf by leaf, redacted, in a stable order."""
    if step.op == "same" or (step.old is None and step.new is None):
        return ()
    if step.detailed:
        told = (_detailed(step, path, kind, inputs) for path, (kind, inputs) in step.detailed.items())
        found = [leaf for item in told for leaf in _leaves(item)]
    else:
        found = list(_compared(step))
    changes = (_change(item, step, redactor) for item in found)
    return tuple(sorted(changes, key=lambda item: item.path))


_Found = tuple[paths.Path, Value, Value, str]


def _detailed(step: StepEvent, path: str, kind: str, inputs: bool) -> _Found:
    parts = paths.parse(path)
    old = step.old.inputs if step.old and inputs else step.old.outputs if step.old else {}
    before = paths.lookup(old, parts)
    if not before[0] and step.old is not None:
        before = paths.lookup(step.old.outputs if inputs else step.old.inputs, parts)
    after = paths.lookup(step.new.inputs, parts) if step.new else (False, None)
    if not after[0] and not inputs and step.new is not None:
        after = paths.lookup(step.new.outputs, parts)
    return parts, before[1], after[1], kind


def _leaves(found: _Found) -> Iterable[_Found]:
    """Spell out what a provider tells of a whole map: each entry that differs."""
    path, before, after, kind = found
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return [found]
    suffix = "-replace" if kind.endswith("-replace") else ""
    return [(*leaf, suffix) for leaf in paths.differences(before, after, path)] or [found]


def _compared(step: StepEvent) -> Iterable[_Found]:
    old, new = (step.old.inputs if step.old else {}), (step.new.inputs if step.new else {})
    keys = step.diffs or step.keys
    if keys and step.old and step.new:
        old = {key: value for key, value in old.items() if key in keys}
        new = {key: value for key, value in new.items() if key in keys}
        if old == new:  # a secret changed, or only an output did: the engine shows no values
            return [((key,), old.get(key), new.get(key), "update") for key in keys]
    hidden = ("__internal", "__defaults")
    return [(*item, "") for item in paths.differences(old, new) if item[0] and item[0][-1] not in hidden]


def _change(found: _Found, step: StepEvent, redactor: Redactor) -> PropertyChange:
    path, before, after, kind = found
    top, last = str(path[0]) if path else "", str(path[-1]) if path else ""
    words: dict[str, DiffKind] = {"add": "add", "delete": "delete", "update": "update"}
    guessed: DiffKind = "add" if before is None else "delete" if after is None else "update"
    rendered = paths.render(path)
    return PropertyChange(
        path=rendered,
        before=redactor.value(before, last),
        after=redactor.value(after, last),
        kind=words.get(kind.removesuffix("-replace"), guessed),
        replaces=kind.endswith("-replace") or top in step.keys or rendered in step.keys,
    )


@dataclass
class Planner:
    """Collects the events of one preview and makes the Changes of a Plan."""

    facts: TypeFacts
    redactor: Redactor
    changes: dict[str, Change] = field(default_factory=dict)
    declared: dict[str, Declared] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    summary: SummaryEvent | None = None
    outputs_changed: bool = False
    told: dict[str, Struct] = field(default_factory=dict)
    """What a refresh read of each object, secrets masked by the engine."""
    _refused: dict[str, Literal["replace", "delete"]] = field(default_factory=dict)
    _made_anew: set[str] = field(default_factory=set)
    _gone_first: set[str] = field(default_factory=set)

    def take(self, event: RawEvent) -> None:
        """Take one event."""
        if isinstance(event, StepEvent) and not event.internal:
            self._step(event)
        elif isinstance(event, DiagnosticEvent):
            self._said(event)
        elif isinstance(event, SummaryEvent):
            self.summary = event

    def _step(self, event: StepEvent) -> None:
        if event.type == "pulumi:pulumi:Stack" and event.moment == "outputs":
            old = event.old.outputs if event.old else {}
            self.outputs_changed = self.outputs_changed or old != (event.new.outputs if event.new else {})
        if event.new is not None and event.moment == "pre":
            self.declared[event.urn] = _declared(event, event.new)
        if event.op == "create-replacement":
            self._made_anew.add(event.urn)
        elif event.op == "delete-replaced" and event.urn not in self._made_anew:
            self._gone_first.add(event.urn)
        known = self.changes.get(event.urn)
        if event.op in ("discard", "discard-replaced", "remove-pending-replace"):
            return
        if known and known.action == "import" and event.op not in ("import", "same"):
            self.changes[event.urn] = _taken_over(known, self.change(event))
        elif event.op == "refresh" or (known and known.action == "refresh"):
            self._refreshed(event)
        elif known is None or (known.action == "replace" and event.op == "replace" and event.moment == "pre"):
            self.changes[event.urn] = self.change(event)

    def _refreshed(self, event: StepEvent) -> None:
        """A refresh tells its result with the second event: `same`, `update` or `delete`."""
        if event.moment == "outputs":
            if event.new is not None:
                self.told[event.urn] = {**event.new.inputs, **event.new.outputs}
            inverted = replace(event, op=event.op)
            self.changes[event.urn] = self.change(inverted)
        else:
            self.changes[event.urn] = replace(self.change(event), action="refresh", diff=())

    def change(self, event: StepEvent) -> Change:
        """Return the Change of a step."""
        side = event.new or event.old
        action = action_of(event.op)
        return Change(
            urn=event.urn,
            type=event.type,
            name=event.name,
            action=action,
            stateful=self.facts.stateful(event.type) or _protected(event.old) or _protected(event.new),
            replace_keys=event.keys,
            diff=property_changes(event, self.redactor),
            parent=side.parent if side else "",
            custom=side.custom if side else True,
            expected_s=self.facts.expected_s(event.type, action),
            monthly_usd=self._costs(event),
        )

    def _costs(self, event: StepEvent) -> tuple[float, float]:
        sides = (event.old, None if event.op == "delete" else event.new)
        before, after = (self.facts.monthly_usd(event.type, side.inputs) if side else 0.0 for side in sides)
        return before, after

    def _said(self, event: DiagnosticEvent) -> None:
        if event.severity == "error" and event.urn and _PROTECTED.search(event.message):
            self._blocked(event)
            return
        said = diagnostic(event, self.redactor)
        if said is None or said in self.diagnostics:
            return
        self.diagnostics.append(said)
        if said.severity == "error":
            self.failures.append(classify(self.redactor.text(event.message), event.urn))

    def _blocked(self, event: DiagnosticEvent) -> None:
        self._refused[event.urn] = "replace" if _REPLACED.search(event.message) else "delete"

    def _with_refusals(self) -> tuple[Change, ...]:
        """Return the changes, those that the engine refuses marked: its complaint comes before or after the step."""
        changes = dict(self.changes)
        for urn, action in self._refused.items():
            known = changes.get(urn) or _bare_change(urn, self.facts)
            changes[urn] = replace(known, action=action, stateful=True, blocked_by="protect")
        return tuple(changes.values())

    def fail(self, message: str) -> None:
        """Record a failure that no event told of."""
        failure = classify(message)
        self.failures.append(failure)
        self.diagnostics.append(Diagnostic(severity="error", message=failure.message))

    @property
    def blocked(self) -> bool:
        """Whether the engine refused something because it is protected."""
        return bool(self._refused)

    def plan(self, head: PlanHead) -> Plan:
        """Return the Plan. It is complete if the program ran to its end: only protection may have stopped it."""
        changes = tuple(
            replace(change, deletes_first=True) if change.urn in self._gone_first else change
            for change in self._with_refusals()
        )
        errored = bool(self.failures)
        complete = not errored and self.summary is not None
        draft = Plan(
            cell=head.cell,
            cloud=head.cloud,
            account=head.account,
            operation=head.operation,
            changes=changes,
            diagnostics=tuple(self.diagnostics),
            complete=complete,
            applyable=complete and not self.blocked,
            errored=errored,
            spec_digest=head.spec_digest,
            checkpoint_digest=head.checkpoint_digest,
            versions=dict(head.versions),
        )
        return replace(draft, hash=plan_hash(draft))


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanHead:
    """What a Plan says besides its changes."""

    cell: str
    cloud: str
    account: str
    operation: Literal["up", "down", "refresh"]
    spec_digest: str = ""
    checkpoint_digest: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


def _taken_over(known: Change, after: Change) -> Change:
    """Return what happens to an object that is taken over and then brought to what the program says."""
    if after.action == "replace":
        return after
    return replace(known, diff=after.diff, replace_keys=after.replace_keys)


def merged(planned: Plan, blocked: Mapping[str, str]) -> Plan:
    """Return a plan made against an unprotected copy of the state with the truth of what is protected put back."""
    changes = tuple(
        replace(change, blocked_by=blocked[change.urn], stateful=True)
        if change.urn in blocked and change.action in ("replace", "delete")
        else change
        for change in planned.changes
    )
    stuck = any(change.blocked_by for change in changes)
    draft = replace(planned, changes=changes, applyable=planned.complete and not planned.errored and not stuck)
    return replace(draft, hash=plan_hash(draft))


def urn_type(urn: str) -> str:
    """Return the resource type that a URN names."""
    parts = urn.split("::")
    return parts[2].rsplit("$", 1)[-1] if len(parts) >= 4 else ""


def _bare_change(urn: str, facts: TypeFacts) -> Change:
    type_ = urn_type(urn)
    return Change(urn=urn, type=type_, name=urn.rsplit("::", 1)[-1], action="delete", stateful=facts.stateful(type_))


def _declared(event: StepEvent, side: Side) -> Declared:
    inputs = {key: _unread(value) for key, value in side.inputs.items()}
    return Declared(urn=event.urn, type=event.type, name=event.name, parent=side.parent, inputs=inputs)


def _unread(value: Value) -> Value:
    """Return a value with secrets as what is there and not known: who judges it must not take them for missing."""
    if is_secret(value):
        return UNKNOWN
    if isinstance(value, dict):
        return {key: _unread(item) for key, item in value.items()}
    return [_unread(item) for item in value] if isinstance(value, list) else value


def _protected(side: Side | None) -> bool:
    return side is not None and side.protect
