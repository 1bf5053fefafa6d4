"""Declarative cases for the engine: program, how the provider behaves, and the steps, calls and state to expect.

    Case("replace, create first", [
        Play(program=[Thing("a", {"fixed": 1})]),
        Play(program=[Thing("a", {"fixed": 2})], ops={"a": ["create-replacement", "replace", "delete-replaced"]},
             calls=["create a", "delete a"], state={"a": {"id": "a-1"}}),
    ])

What a Play does not name is not compared, but for two things: it must succeed unless `fails` says what it says, and the
saved state must be sound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cellctl.state.checkpoint import integrity_problem
from cellctl.state.values import Struct
from cellctl_sandbox.engine.core import ConfigValue, Kind
from cellctl_sandbox.testing.engine_bench import Declared, EngineBench, Seen, Thing
from cellctl_sandbox.testing.fake_provider import Behaviour

MUTATING = ("create", "update", "delete", "read")


@dataclass(frozen=True, kw_only=True)
class Play:
    """One operation and what to expect of it.

    `program` None (up, preview) means the last one. `behaviour`: "call name" -> Behaviour, for this play only. `drift`:
    object id -> its new inputs, or None if somebody deleted it. `ops`: the ops of each named resource; a resource that
    is not named must not have any but `same`. `calls`: the mutating calls as "call name"; a set if the order is free.
    `state`: logical name -> attributes of ResourceState. `names`: all logical names in the state. `fails`: texts that
    the errors hold, one each.
    """

    do: Kind = "up"
    program: Sequence[Thing] | None = None
    outputs: Mapping[str, Declared] = field(default_factory=dict)
    config: Mapping[str, ConfigValue] | None = None
    behaviour: Mapping[str, Behaviour] = field(default_factory=dict)
    drift: Mapping[str, Struct | None] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    ops: Mapping[str, Sequence[str]] | None = None
    calls: Sequence[str] | frozenset[str] | None = None
    state: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    names: Sequence[str] | None = None
    changes: Mapping[str, int] | None = None
    stack_outputs: Mapping[str, object] | None = None
    fails: Sequence[str] = ()
    warns: str = ""


@dataclass(frozen=True)
class Case:
    """A title and plays on one stack, one after the other."""

    title: str
    plays: Sequence[Play]


def play_case(case: Case, bench: EngineBench) -> None:
    """Play a case; raises AssertionError with the play's number."""
    program: tuple[Thing, ...] = ()
    for number, play in enumerate(case.plays):
        if play.program is not None:
            program = tuple(play.program)
        try:
            seen = _played(play, program, bench)
            _compare(play, seen, bench)
        except AssertionError as error:
            raise AssertionError(f"play {number} ({play.do}): {error}") from error


def _played(play: Play, program: tuple[Thing, ...], bench: EngineBench) -> Seen:
    bench.world.behaviour = {(key.split()[0], key.split()[1]): item for key, item in play.behaviour.items()}
    for id_, inputs in play.drift.items():
        if inputs is None:
            del bench.world.objects[id_]
        else:
            outputs = bench.world.objects[id_]["outputs"]
            assert isinstance(outputs, dict)
            bench.world.objects[id_] = {"inputs": inputs, "outputs": {**outputs, **inputs}}
    if play.config is not None:
        bench.config = dict(play.config)
    declares = play.do in ("up", "preview") or bool(play.options.get("run_program"))
    return bench.run(play.do, program if declares else None, play.outputs if declares else None, **play.options)


def _compare(play: Play, seen: Seen, bench: EngineBench) -> None:
    assert seen.result.succeeded == (not play.fails), seen.errors
    for text in play.fails:
        assert any(text in error for error in seen.errors), f"no error says {text!r}: {seen.errors}"
    assert play.warns in "\n".join(seen.warnings), seen.warnings
    if play.ops is not None:
        others = {name: ops for name, ops in seen.ops.items() if name not in play.ops and set(ops) != {"same"}}
        got = {name: seen.ops.get(name, []) for name in play.ops}
        assert not others, f"more than expected: {others}"
        assert got == {name: list(ops) for name, ops in play.ops.items()}, f"steps {got}"
    if play.calls is not None:
        calls = [f"{call} {name}" for call, name in seen.calls if call in MUTATING]
        got_calls = sorted(calls) if isinstance(play.calls, frozenset) else calls
        assert got_calls == (sorted(play.calls) if isinstance(play.calls, frozenset) else list(play.calls)), calls
    if play.changes is not None:
        assert dict(seen.result.changes) == dict(play.changes), seen.result.changes
    if play.stack_outputs is not None:
        assert seen.result.outputs == dict(play.stack_outputs), seen.result.outputs
    if play.names is not None:
        assert bench.names() == list(play.names), bench.names()
    for name, attributes in play.state.items():
        found = bench.state(name)
        got_attributes = {key: getattr(found, key) for key in attributes}
        assert got_attributes == dict(attributes), f"{name}: {got_attributes}"
    problem = integrity_problem(bench.checkpoint())
    assert not problem, problem
