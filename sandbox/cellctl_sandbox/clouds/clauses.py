"""The clauses of a type's simulation file as frozen values: names, references, refusals, what is made, left, moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from cellctl.facts.conditions import Condition
from cellctl.facts.document import Table
from cellctl.facts.model import Duration
from cellctl.state.values import Struct, Value
from cellctl_provider.protocol import ErrorCode
from cellctl_sandbox.clouds.stages import duration_of

ERROR_CODES: tuple[str, ...] = get_args(ErrorCode)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unique:
    """A name that only one object may have."""

    by: tuple[str, ...]
    scope: str
    namespace: str
    code: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """An input that points at other objects."""

    path: str
    types: tuple[str, ...]
    blocks: bool = True
    unless: tuple[str, ...] = ()
    code: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """The cloud says no where `when` holds; `message` is a template."""

    on: tuple[str, ...]
    when: Condition
    code: str
    message: str
    kind: ErrorCode


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaving:
    """An object that deletion leaves behind."""

    type: str
    when: Condition
    inputs: Struct


@dataclass(frozen=True, kw_only=True, slots=True)
class Making:
    """An object that the service makes by itself, one for each item of the list at `each` if that is given."""

    type: str
    when: Condition
    each: str
    inputs: Struct


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """Objects with the same value at `by` are made one after the other; the cloud refuses the second with `code`."""

    by: str
    code: str
    message: str
    kind: ErrorCode = "conflict"


@dataclass(frozen=True, kw_only=True, slots=True)
class Drifting:
    """What the cloud does to an object by itself some time after its creation, in the window that an input names."""

    when: Condition
    after: Duration
    window: str
    set: Struct


@dataclass(frozen=True, kw_only=True, slots=True)
class Moving:
    """An output that is a time and goes on with the clock, `behind_s` behind it; empty where `unless` holds."""

    name: str
    behind_s: float
    unless: Condition | None


def read_unique(table: Table, token: str) -> Unique:
    """Return a name that only one object may have; raises `FactsError`."""
    found = Unique(
        by=table.texts("by"),
        scope=table.text("scope", "region"),
        namespace=table.text("namespace", token),
        code=table.text("code", "AlreadyExists"),
    )
    table.end()
    if not found.by or found.scope not in ("region", "account", "global"):
        raise table.fail("needs 'by', and a scope of region, account or global")
    return found


def read_reference(table: Table, path: str, item: Value) -> Reference:
    """Return an input that points at other objects; raises `FactsError`."""
    if isinstance(item, str):
        return Reference(path=path, types=(item,))
    if isinstance(item, list):
        return Reference(path=path, types=tuple(str(name) for name in item))
    if not isinstance(item, dict):
        raise table.fail(f"'references.{path}' must be a type, a list of types or a table")
    entry = Table(item, f"{table.where}: references.{path}")
    kind = entry.get("type")
    types = tuple(str(name) for name in kind) if isinstance(kind, list) else (entry.text("type"),)
    found = Reference(
        path=path,
        types=types,
        blocks=entry.flag("blocks", default=True),
        unless=entry.texts("unless"),
        code=entry.text("code", ""),
    )
    entry.end()
    return found


def read_refusal(table: Table) -> Refusal:
    """Return a refusal; raises `FactsError`."""
    kind = table.text("kind", "invalid")
    on = table.texts("on")
    if kind not in ERROR_CODES or not set(on) <= {"check", "create", "update", "delete"} or not on:
        raise table.fail("'kind' must be a protocol error code and 'on' of check, create, update, delete")
    found = Refusal(
        on=on,
        when=Condition.read(table.struct("when")),
        code=table.text("code", "ValidationError"),
        message=table.text("message"),
        kind=next(code for code in get_args(ErrorCode) if code == kind),
    )
    table.end()
    return found


def read_leaving(table: Table) -> Leaving:
    """Return an object that deletion leaves behind; raises `FactsError`."""
    found = Leaving(type=table.text("type"), when=Condition.read(table.struct("when")), inputs=table.struct("inputs"))
    table.end()
    return found


def read_making(table: Table) -> Making:
    """Return an object that the service makes by itself; raises `FactsError`."""
    found = Making(
        type=table.text("type"),
        when=Condition.read(table.struct("when")),
        each=table.text("each", ""),
        inputs=table.struct("inputs"),
    )
    table.text("source")
    table.end()
    return found


def read_turn(table: Table) -> Turn:
    """Return what is made one after the other; raises `FactsError`."""
    found = Turn(by=table.text("by"), code=table.text("code"), message=table.text("message"))
    table.text("source")
    table.end()
    return found


def read_moving(name: str, table: Table) -> Moving:
    """Return a time that goes on by itself; raises `FactsError`."""
    unless = table.struct("unless")
    found = Moving(name=name, behind_s=table.number("behind_s"), unless=Condition.read(unless) if unless else None)
    table.text("source")
    table.end()
    return found


def read_drifting(table: Table) -> Drifting:
    """Return a drift; raises `FactsError`."""
    found = Drifting(
        when=Condition.read(table.struct("when")),
        after=duration_of(table, "after"),
        window=table.text("window", ""),
        set=table.struct("set"),
    )
    table.text("source")
    table.end()
    if not found.set:
        raise table.fail("'set' must say which values change")
    return found
