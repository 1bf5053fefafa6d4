"""What an operation on a sandbox stack did, as values that print well in a failed assertion; secrets are masked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cellctl.state.events import StepEvent, SummaryEvent, masked, read_event
from cellctl.state.values import UNKNOWN, Struct, Value, is_secret
from cellctl_sandbox.clouds.behaviour import known_behaviour
from cellctl_sandbox.engine import paths
from cellctl_sandbox.engine.core import Result
from cellctl_sandbox.engine.eventlog import Severity
from cellctl_sandbox.engine.urns import ROOT_TYPE, is_default_provider, name_of

Operation = Literal["up", "preview", "refresh", "preview_refresh", "destroy", "preview_destroy"]
SHOWN_SECRET = "[secret]"  # noqa: S105  what stands for one
SHOWN_UNKNOWN = "[unknown]"
_WHOLE: Mapping[str, str] = {"create-replacement": "replace", "import-replacement": "replace"}
_QUIET = ("same", "read")


class OperationFailed(AssertionError):
    """An operation did not succeed; `outcome` tells all that happened."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"{outcome}")
        self.outcome = outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class PropertyChange:
    """One changed property.

    `path` is Pulumi's (`tags.owner`, `ingress[0].fromPort`); `kind` is `add`, `update` or `delete`, and ends in
    `-replace` where this change is why the resource is replaced.
    """

    path: str
    kind: str
    before: object = None
    after: object = None

    @property
    def replaces(self) -> bool:
        """Whether this change makes a replacement necessary."""
        return self.kind.endswith("-replace")

    def __str__(self) -> str:
        """Return `path: before -> after`."""
        mark = " (replaces)" if self.replaces else ""
        return f"{self.path}: {self.before!r} -> {self.after!r}{mark}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What happened to one resource.

    `op`: create, update, replace, delete, same, read, import, discard. `replaces` names the properties that made a
    replacement necessary. `inputs` and `outputs` are those after the step (before it, for a deletion).
    `stateful`: deleting or replacing it loses what cannot be made again.
    """

    op: str
    urn: str
    type: str
    name: str
    changes: tuple[PropertyChange, ...] = ()
    replaces: tuple[str, ...] = ()
    failed: bool = False
    stateful: bool = False
    id: str = ""
    inputs: Mapping[str, object] = field(default_factory=dict, repr=False)
    outputs: Mapping[str, object] = field(default_factory=dict, repr=False)

    def change(self, path: str) -> PropertyChange:
        """Return the change of a property; raises LookupError that lists those there are."""
        for item in self.changes:
            if item.path == path:
                return item
        listed = ", ".join(item.path for item in self.changes) or "none"
        raise LookupError(f"'{self.name}' has no change at '{path}'; its changes: {listed}")

    def __str__(self) -> str:
        """Return one line, and one for each change."""
        failed = " FAILED" if self.failed else ""
        lines = [f"{self.op} {self.name} ({self.type}){failed}", *(f"    {item}" for item in self.changes)]
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnostic:
    """Something that engine, provider or program said."""

    severity: Severity
    message: str
    urn: str = ""

    @property
    def name(self) -> str:
        """Logical name of the resource it is about, `` if it is about none."""
        return name_of(self.urn) if self.urn else ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one operation ended.

    `steps` are those of the program's own resources, in the order in which they began: the root stack and default
    providers are left out. `outputs` are the stack's, secrets masked (`SandboxStack.outputs(secrets=True)` opens
    them). `simulated_s` is how long it took in the simulated clouds. `crashed`: a fault ended the operation as a killed
    process ends. `events` are the raw engine events.
    """

    operation: Operation
    succeeded: bool
    crashed: bool = False
    steps: tuple[Step, ...] = ()
    outputs: Mapping[str, object] = field(default_factory=dict)
    diagnostics: tuple[Diagnostic, ...] = ()
    simulated_s: float = 0.0
    events: Sequence[Struct] = field(default=(), repr=False)

    @property
    def changes(self) -> Mapping[str, int]:
        """How many steps there were of each op; failed ones do not count."""
        return dict(Counter(step.op for step in self.steps if not step.failed))

    @property
    def changed(self) -> tuple[Step, ...]:
        """The steps that are more than `same` and `read`."""
        return tuple(step for step in self.steps if step.op not in _QUIET)

    @property
    def errors(self) -> tuple[str, ...]:
        """What was said as an error."""
        return tuple(item.message for item in self.diagnostics if item.severity == "error")

    def step(self, resource: str) -> Step:
        """Return the step of a resource, by logical name or URN.

        Raises:
            LookupError: There is none, or several resources have this name: say the URN then.
        """
        found = [step for step in self.steps if resource in (step.urn, step.name)]
        if len(found) == 1:
            return found[0]
        listed = ", ".join(step.urn for step in found) if found else ", ".join(step.name for step in self.steps)
        raise LookupError(f"{len(found)} steps are of '{resource}': {listed or 'there are no steps'}")

    def op(self, resource: str) -> str:
        """Return what was done to a resource (`Step.op`), by logical name or URN."""
        return self.step(resource).op

    def names(self, op: str) -> list[str]:
        """Return the logical names of the resources of one op, in order."""
        return [step.name for step in self.steps if step.op == op and not step.failed]

    def assert_keeps_data(self) -> None:
        """Fail if this deletes or replaces a stateful resource (a database, a bucket, a volume, a key, …)."""
        lost = [step for step in self.steps if step.stateful and step.op in ("replace", "delete")]
        if lost:
            raise AssertionError(f"{self.operation} loses data:\n" + "\n".join(_indented(lost)))

    def __str__(self) -> str:
        """Return what a person wants to see when this is not what they expected."""
        end = "succeeded" if self.succeeded else "crashed" if self.crashed else "failed"
        lines = [f"{self.operation} {end} after {self.simulated_s:.0f} simulated seconds", *_indented(self.changed)]
        lines += [f"  {item.severity}: {item.name + ': ' if item.name else ''}{item.message}" for item in self.told()]
        return "\n".join(lines)

    def told(self) -> tuple[Diagnostic, ...]:
        """Return the warnings and errors."""
        return tuple(item for item in self.diagnostics if item.severity in ("warning", "error"))


def _indented(steps: Iterable[Step]) -> list[str]:
    return ["  " + str(step).replace("\n", "\n  ") for step in steps]


def outcome_of(result: Result, events: Sequence[Struct], *, crashed: bool, simulated_s: float) -> Outcome:
    """Return what a core's result and its events say."""
    said = [Diagnostic(severity=item.severity, message=item.message, urn=item.urn) for item in result.said]
    return Outcome(
        operation=result.kind,
        succeeded=result.succeeded and not crashed,
        crashed=crashed,
        steps=tuple(_steps(events)),
        outputs=shown_struct(masked_outputs(result.outputs)),
        diagnostics=tuple(item for item in said if item.severity != "debug"),
        simulated_s=simulated_s,
        events=events,
    )


def masked_outputs(outputs: Struct) -> Struct:
    """Return outputs with secrets masked as events mask them."""
    return {key: masked(value) for key, value in outputs.items()}


def _steps(events: Sequence[Struct]) -> Iterable[Step]:
    found: dict[tuple[str, str], StepEvent] = {}
    for document in events:
        event = read_event(document)
        if isinstance(event, SummaryEvent):
            break
        if isinstance(event, StepEvent) and event.type != ROOT_TYPE and not is_default_provider(event.urn):
            _note(found, event)
    return [_step(event) for event in found.values() if event.phase != "pre"]


def _note(found: dict[tuple[str, str], StepEvent], event: StepEvent) -> None:
    """Keep the last word on each step; the physical halves of a replacement only where they failed."""
    refreshed = [key for key in found if key == (event.urn, "refresh")]
    if event.phase != "failed" and not event.logical and event.op != "refresh" and not refreshed:
        return
    key = refreshed[0] if refreshed and event.phase != "pre" else (event.urn, event.op)
    found[key] = event


def _step(event: StepEvent) -> Step:
    state, known = event.new or event.old, known_behaviour(event.type)
    return Step(
        op=_WHOLE.get(event.op) or str(event.op),
        urn=event.urn,
        type=event.type,
        name=name_of(event.urn),
        changes=_changes(event),
        replaces=event.keys,
        failed=event.phase == "failed",
        stateful=known is not None and known.facts.stateful,
        id=state.id if state and state.id != UNKNOWN else "",
        inputs=shown_struct(state.inputs) if state else {},
        outputs=shown_struct(state.outputs) if state else {},
    )


def _changes(event: StepEvent) -> tuple[PropertyChange, ...]:
    kinds = {path: delta.kind for path, delta in (event.detailed or {}).items()}
    kinds = kinds or dict.fromkeys(event.diffs, "update")
    old, new = (event.old.inputs if event.old else {}), (event.new.inputs if event.new else {})
    old_outputs, new_outputs = (event.old.outputs if event.old else {}), (event.new.outputs if event.new else {})
    return tuple(
        PropertyChange(path=path, kind=kind, before=_at(path, old, old_outputs), after=_at(path, new, new_outputs))
        for path, kind in kinds.items()
    )


def _at(path: str, *places: Struct) -> object:
    """Return what stands at a path in the first place that has it; a secret on the way hides it."""
    for place in places:
        value: Value = place
        for part in paths.parse(path):
            if is_secret(value):
                break
            if isinstance(value, dict):
                value = value.get(str(part))
            else:
                value = value[part] if isinstance(value, list) and isinstance(part, int) and part < len(value) else None
        if value is not None:
            return shown(value)
    return None


def shown_struct(values: Mapping[str, Value]) -> dict[str, object]:
    """Return values as tests see them: secrets and what is not known yet are words."""
    return {key: shown(value) for key, value in values.items() if not key.startswith("__")}


def shown(value: Value) -> object:
    """Return a value as tests see it."""
    if is_secret(value):
        return SHOWN_SECRET
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shown(item) for item in value]
    return SHOWN_UNKNOWN if value == UNKNOWN else value
