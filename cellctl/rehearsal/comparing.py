"""What the difference between two versions of an SDK's class means to a resource that a state holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from cellctl.rehearsal.shapes import Argument, Sdk, Shape
from cellctl.state.resources import ResourceState
from cellctl.state.values import Value, bare

Effect = Literal["breaks", "replaces", "changes", "look"]
EFFECTS: tuple[Effect, ...] = ("replaces", "breaks", "changes", "look")


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One difference that matters to a cell.

    `replaces`: without an alias the engine makes a new resource and deletes this one. `breaks`: the program would not
    run. `changes`: another value would be sent. `look`: nobody can tell without the program.
    """

    effect: Effect
    type: str
    what: str
    stateful: bool = False


def differences(now: Sdk, other: Sdk, row: ResourceState, *, stateful: bool) -> Iterator[Difference]:
    """Yield what `other` would do to a resource that `now` made."""
    before = now.shape(row.type)
    if before is None:
        return
    for effect, what in (*_of_token(now, other, before, row), *_of_class(before, _followed(now, other, row), row)):
        yield Difference(effect=effect, type=row.type, what=what, stateful=stateful and effect == "replaces")


def _followed(now: Sdk, other: Sdk, row: ResourceState) -> Shape | None:
    """Return the class that the program would use: the one with the same Python path."""
    token = other.token_of(now.class_of(row.type))
    return other.shape(token) if token else None


def _of_token(now: Sdk, other: Sdk, before: Shape, row: ResourceState) -> Iterator[tuple[Effect, str]]:
    """Yield what becomes of the class' name in Python, and of its token: without an alias another resource."""
    path = now.class_of(row.type)
    after = _followed(now, other, row)
    if after is None:
        elsewhere = other.class_of(row.type)
        yield "breaks", f"there is no class {path}" + (f", it is {elsewhere}" if elsewhere else "")
    elif row.type not in (after.token, *after.aliases):
        alias = "is an alias no more" if row.type in before.aliases else f"becomes {after.token}, without an alias"
        yield "replaces", alias


def _of_class(before: Shape, after: Shape | None, row: ResourceState) -> Iterator[tuple[Effect, str]]:
    if after is None:
        return
    inputs = _own(row.inputs)
    yield from _of_arguments(_Classes(before.nested, after.nested), "", before.arguments, after.arguments, inputs)
    for name in sorted(after.replaced_by - before.replaced_by):
        if name in inputs:
            yield "look", f"a change of {name} will replace it from then on"
    gone = sorted(before.outputs - after.outputs - set(before.arguments))
    if gone:
        yield "look", f"outputs that are gone, for programs that read them: {', '.join(gone)}"


@dataclass(frozen=True, slots=True)
class _Classes:
    """The classes that arguments are made of, on both sides."""

    before: Mapping[str, Mapping[str, Argument]]
    after: Mapping[str, Mapping[str, Argument]]


def _of_arguments(
    classes: _Classes,
    prefix: str,
    before: Mapping[str, Argument],
    after: Mapping[str, Argument],
    inputs: Mapping[str, Value],
) -> Iterator[tuple[Effect, str]]:
    for name in sorted({*before, *after}):
        was, now, path = before.get(name), after.get(name), f"{prefix}{name}"
        if name in inputs:
            yield from _of_given(classes, path, was, now, inputs[name])
        elif now is not None:
            if now.required and (was is None or not was.required):
                yield "breaks", f"{path} is required"
            elif was is not None and was.default != now.default:
                yield "changes", f"{path}: its default {was.default or 'of nothing'} becomes {now.default or 'nothing'}"


def _of_given(
    classes: _Classes, path: str, was: Argument | None, now: Argument | None, value: Value
) -> Iterator[tuple[Effect, str]]:
    """Yield what becomes of an argument that the state has, and of what it is made of."""
    if was is None:
        return
    if now is None:
        yield "breaks", f"{path} is no argument any more"
        return
    if was.type != now.type and not _plain(value, now.type):
        yield "look", f"{path}: {was.type} becomes {now.type}"
    for name in re.findall(r"\w+Args\b", was.type):
        before, after = classes.before.get(name), classes.after.get(name)
        if before is not None and after is not None:
            for place, inner in _objects(path, value):
                yield from _of_arguments(classes, f"{place}.", before, after, inner)


_PLAIN: Mapping[type, str] = {str: "str", bool: "bool", int: "int", float: "float"}


def _plain(value: Value, type_: str) -> bool:
    """Tell whether a type takes a plain value as it is."""
    return _PLAIN.get(type(value)) in type_.split(" | ")


def _objects(path: str, value: Value) -> Iterator[tuple[str, Mapping[str, Value]]]:
    if isinstance(value, dict):
        yield path, _own(value)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(f"{path}[]", item)


def _own(values: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return what a program gave: without what the provider filled in (`__defaults`), secrets without their seal."""
    filled = values.get("__defaults")
    left = {*filled} if isinstance(filled, list) else set()
    return {name: bare(value) for name, value in values.items() if not name.startswith("__") and name not in left}
