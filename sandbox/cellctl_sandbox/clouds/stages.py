"""Stages of a call, as data: what states an object goes through, for how long, what appears when, what fails.

A type's file says `[[types.T.stages]]` (docs/sandbox.md); for one call they become a `Timeline`, which is drawn once
and stored with the object, so that everybody sees the same object at the same simulated time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, get_args

from cellctl.facts.conditions import Condition
from cellctl.facts.document import Table
from cellctl.facts.model import Duration, Operation
from cellctl.state.values import Struct
from cellctl_provider.protocol import ErrorCode
from cellctl_sandbox.clouds import draws

if TYPE_CHECKING:
    from cellctl_sandbox.clouds.behaviour import Behaviour

UNDER_WAY: Mapping[Operation, str] = {"create": "creating", "update": "updating", "delete": "deleting", "read": ""}
OPERATIONS: tuple[Operation, ...] = ("create", "update", "delete")


@dataclass(frozen=True, kw_only=True, slots=True)
class Failing:
    """How often a stage fails by itself (only in an ambient sandbox), and what it leaves: a state, or `` nothing."""

    rate: float
    error: ErrorCode
    message: str
    leaves: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One state of an object while an operation is under way.

    It lasts as long as `takes` says, or else `share` of what the operation's duration leaves. `outputs` appear when it
    begins. In updates it counts only if one of the inputs in `changed`, where there are any, changes.
    """

    on: Operation
    state: str
    when: Condition
    changed: frozenset[str]
    takes: Duration | None
    share: float
    outputs: tuple[str, ...]
    fails: Failing | None

    def counts(self, operation: Operation, inputs: Struct, changed: Sequence[str]) -> bool:
        """Tell whether a call passes through this stage."""
        touched = not self.changed or not self.changed.isdisjoint(changed)
        return self.on == operation and touched and self.when.holds(inputs)


@dataclass(frozen=True, slots=True)
class Timeline:
    """One call on an object: when it begins and is due, which state it has from when, when outputs appear.

    `settled_s`: from when everybody finds the object, and until then nobody at all if it is `unseen`. `failing` happens
    at `due_s`; `left` is the state after that.
    """

    begin_s: float = 0.0
    due_s: float = 0.0
    states: tuple[tuple[float, str], ...] = ()
    outputs: Mapping[str, float] = field(default_factory=dict)
    settled_s: float = 0.0
    left: str = ""
    unseen: bool = False
    failing: Failing | None = None

    def at(self, begin_s: float) -> Timeline:
        """Return the same call, begun at another time."""
        by = begin_s - self.begin_s
        if not by:
            return self
        return replace(
            self,
            begin_s=begin_s,
            due_s=self.due_s + by,
            states=tuple((since + by, state) for since, state in self.states),
            outputs={name: since + by for name, since in self.outputs.items()},
            settled_s=self.settled_s + by if self.settled_s else 0.0,
        )

    def longer(self, seconds: float) -> Timeline:
        """Return the same call, ended later."""
        return replace(self, due_s=self.due_s + seconds) if seconds else self

    def state(self, now_s: float) -> str:
        """Return the state at a time, `` where it is what the type is usually in."""
        if now_s >= self.due_s:
            return self.left
        return next((state for since, state in reversed(self.states) if since <= now_s), "")

    def dump(self) -> str:
        """Return the part that is stored with the object."""
        return json.dumps(
            [self.begin_s, self.due_s, self.states, dict(self.outputs), self.settled_s, self.left, self.unseen]
        )

    @classmethod
    def load(cls, text: str) -> Timeline:
        """Return what `dump` wrote."""
        if not text:
            return cls()
        begin, due, states, outputs, settled, left, unseen = json.loads(text)
        return cls(begin, due, tuple((since, state) for since, state in states), outputs, settled, left, unseen)


def timeline(
    behaviour: Behaviour,
    operation: Operation,
    inputs: Struct,
    *,
    begin_s: float,
    seed: int,
    key: str,
    changed: tuple[str, ...] = (),
    ambient: float = 0.0,
) -> Timeline:
    """Return the course of one call; `key` tells it from all others, `ambient` multiplies the rates of failure."""
    whole = draws.seconds(behaviour.facts.durations.of(operation, inputs, changed=changed), seed, f"{key}/takes")
    met = [stage for stage in behaviour.stages if stage.counts(operation, inputs, changed)]
    if not met:
        state = UNDER_WAY[operation]
        states = ((begin_s, state.capitalize() if behaviour.package == "azure-native" else state),)
        return _settling(behaviour, operation, Timeline(begin_s, begin_s + whole, states), seed, key)
    lengths = _lengths(met, whole, seed, key)
    since, passed, outputs = begin_s, [], dict[str, float]()
    for number, (stage, length) in enumerate(zip(met, lengths, strict=True)):
        passed.append((since, stage.state))
        outputs.update(dict.fromkeys(stage.outputs, since))
        since += length
        failing = stage.fails
        if failing and ambient and draws.strikes(seed, f"{key}/fails/{number}", failing.rate * ambient):
            return Timeline(begin_s, since, tuple(passed), outputs, left=failing.leaves, failing=failing)
    return _settling(behaviour, operation, Timeline(begin_s, since, tuple(passed), outputs), seed, key)


def _lengths(stages: Sequence[Stage], whole: float, seed: int, key: str) -> list[float]:
    own = [
        draws.seconds(stage.takes, seed, f"{key}/{number}") if stage.takes else 0.0
        for number, stage in enumerate(stages)
    ]
    rest, shares = max(0.0, whole - sum(own)), sum(stage.share for stage in stages if not stage.takes)
    return [length if stage.takes else rest * stage.share / shares for stage, length in zip(stages, own, strict=True)]


def _settling(behaviour: Behaviour, operation: Operation, made: Timeline, seed: int, key: str) -> Timeline:
    settles = behaviour.facts.settles
    if settles is None or operation != "create":
        return made
    return replace(made, settled_s=made.due_s + draws.seconds(settles.takes, seed, f"{key}/settles"))


def read_stage(table: Table) -> Stage:
    """Return one entry of `stages`."""
    fails, takes = table.table("fails"), table.get("takes")
    stage = Stage(
        on=_operation(table),
        state=table.text("state"),
        when=Condition.read(table.struct("when")),
        changed=frozenset(table.texts("changed")),
        takes=duration_of(table, "takes") if takes is not None else None,
        share=table.number("share", 1),
        outputs=table.texts("outputs"),
        fails=_failing(fails) if fails.data else None,
    )
    table.end()
    if takes is not None and "share" in table.data:
        raise table.fail("'takes' and 'share' exclude each other")
    if stage.changed and stage.on != "update":
        raise table.fail("'changed' is for updates")
    return stage


def _operation(table: Table) -> Operation:
    on = table.text("on")
    found = next((operation for operation in OPERATIONS if operation == on), None)
    if found is None:
        raise table.fail(f"'on' must be one of {', '.join(OPERATIONS)}")
    return found


def duration_of(table: Table, key: str) -> Duration:
    """Return seconds, or [p50, p95]."""
    value = table.get(key)
    numbers = value if isinstance(value, list) else [value, value]
    found = [float(item) for item in numbers if isinstance(item, int | float) and not isinstance(item, bool)]
    if len(found) != 2 or found[0] < 0 or found[1] < found[0]:
        raise table.fail(f"'{key}' must be seconds, or [p50, p95]")
    return Duration(found[0], found[1])


def _failing(table: Table) -> Failing:
    error = next((code for code in get_args(ErrorCode) if code == table.text("error")), None)
    failing = Failing(
        rate=table.number("rate"),
        error=error or "internal",
        message=table.text("message"),
        leaves=table.text("leaves", ""),
    )
    table.text("source")
    table.end()
    if error is None or not 0 < failing.rate <= 1:
        raise table.fail("'error' must be a protocol error code and 'rate' over 0 and at most 1")
    return failing


NOTHING = Timeline()
"""The course of an object that nobody changes."""
