"""What a simulated type does: the simulation file of its service as frozen values, joined with facts and SDK shape.

The format is docs/sandbox.md. Files lie in `clouds/<cloud>/<service>.toml`, found from the type token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cellctl import facts
from cellctl.facts.document import Table
from cellctl.facts.model import TypeFacts
from cellctl.facts.reader import read_own
from cellctl.state.values import Struct, Value
from cellctl_sandbox.clouds.clauses import (
    Drifting,
    Leaving,
    Making,
    Moving,
    Reference,
    Refusal,
    Turn,
    Unique,
    read_drifting,
    read_leaving,
    read_making,
    read_moving,
    read_reference,
    read_refusal,
    read_turn,
    read_unique,
)
from cellctl_sandbox.clouds.sdk import Shape, UnknownType, shape_of
from cellctl_sandbox.clouds.stages import Stage, read_stage

ROOT = Path(__file__).parent
_ARM_GET = re.compile(r"(?P<module>azure-native:\w+):get(?P<type>\w+)")
_ARM_NAMES = re.compile(r"\{(\w+)\}")
folders = [ROOT]
"""Where simulation files are: the shipped ones, then those of a user's own, which win."""


class NotSimulated(LookupError):
    """The sandbox does not know a type or function; the message names the file to add."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """Everything the simulated cloud knows of one type.

    `ready` is its state when nothing is under way, `state_output` the path of the output that tells the state. `inert`
    are arguments that are taken and nothing acts on, each with the reason.
    """

    type: str
    package: str
    shape: Shape
    facts: TypeFacts
    id: Value
    handles: tuple[str, ...] = ()
    imported_by: str = ""
    autoname: str = ""
    defaults: Struct = field(default_factory=dict)
    secret: tuple[str, ...] = ()
    unique: tuple[Unique, ...] = ()
    contained: bool = False
    adopts: bool = False
    references: tuple[Reference, ...] = ()
    outputs: Struct = field(default_factory=dict)
    refuse: tuple[Refusal, ...] = ()
    leaves: tuple[Leaving, ...] = ()
    makes: tuple[Making, ...] = ()
    turn: Turn | None = None
    ready: str = "available"
    state_output: str = ""
    stages: tuple[Stage, ...] = ()
    drift: tuple[Drifting, ...] = ()
    moving: tuple[Moving, ...] = ()
    example: Struct = field(default_factory=dict)
    attempt: Mapping[str, Struct] = field(default_factory=dict)
    empty: Mapping[str, str] = field(default_factory=dict)
    inert: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    patterns: Mapping[str, re.Pattern[str]] = field(default_factory=dict)

    @property
    def regional(self) -> bool:
        """Whether an id says which object it is only together with the region."""
        return bool(self.unique) and self.unique[0].scope == "region"


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """A simulated function: required arguments and a result template.

    One that `finds` objects of a type compares `by` (argument -> property) and `filters` (name in the argument
    `filters` -> property); with `lists` (member of the result -> property) it finds any number, else exactly one, the
    youngest if `youngest` says so. It `tells` secrets of the object only where they are named.
    """

    token: str
    required: tuple[str, ...]
    result: Struct
    missing: str
    tables: Mapping[str, Mapping[str, Value]]
    finds: str = ""
    by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    several: str = ""
    youngest: bool = False
    tells: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Usual:
    """An object that every account has in each region anyway; `{Vpc}` in its inputs is the id of another one."""

    type: str
    inputs: Struct
    outputs: Struct


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """One simulation file, its types still as tables: read when first used."""

    types: Mapping[str, Table]
    functions: Mapping[str, Function]
    tables: Mapping[str, Mapping[str, Value]]
    granted: Mapping[str, int] = field(default_factory=dict)
    usual: tuple[Usual, ...] = ()


def file_of(token: str) -> str:
    """Return where a type's simulation is written, relative to the checkout."""
    cloud, name = facts.place_of(token)
    return f"sandbox/cellctl_sandbox/clouds/{cloud}/{name}.toml"


def simulated_types(cloud: str) -> tuple[str, ...]:
    """Return the tokens of all types of `cloud` with simulation data, sorted."""
    found: list[str] = []
    for name in sorted({path.stem for folder in folders for path in (folder / cloud).glob("*.toml")}):
        found.extend(_service(cloud, name).types)
    return tuple(sorted(found))


def simulated_functions() -> tuple[str, ...]:
    """Return the tokens of all functions with simulation data, sorted."""
    places = {(path.parent.name, path.stem) for folder in folders for path in folder.glob("*/*.toml")}
    return tuple(sorted(token for place in places for token in _service(*place).functions))


def forget_data() -> None:
    """Read data files anew when they are next needed."""
    behaviour_of.cache_clear()
    _service.cache_clear()


def _unknown(token: str, file: str) -> NotSimulated:
    cloud, name = facts.place_of(token)
    return NotSimulated(
        f"the sandbox does not simulate '{token}': add it to {file} (docs/sandbox.md); in a test give your own data, "
        f"pulumi_sandbox.types(FOLDER) with FOLDER/{cloud}/{name}.toml, or pulumi_sandbox.provide('{token}', PROVIDER)"
    )


@lru_cache(maxsize=2048)
def behaviour_of(token: str) -> Behaviour:
    """Return what the simulated cloud knows of a type.

    Raises:
        NotSimulated: There are no data, or the SDK has no such type.
        FactsError: A data file breaks the format.
    """
    given = _service(*facts.place_of(token)).types.get(token)
    if given is None:
        raise _unknown(token, file_of(token))
    table = Table(given.data, given.where)
    known = read_own(token, table.table("facts")) if "facts" in table.data else facts.of(token)
    if known is None:
        raise _unknown(token, facts.file_of(token))
    try:
        shape = shape_of(token)
    except UnknownType as error:
        raise NotSimulated(str(error)) from error
    return _behaviour(token, table, known, shape)


def known_behaviour(token: str) -> Behaviour | None:
    """Return what the simulated cloud knows of a type, None if nothing: a stand-in made the object."""
    try:
        return behaviour_of(token)
    except NotSimulated:
        return None


def ready_state(token: str) -> str:
    """Return the state of an object of a type when nothing is under way; loads nothing of the SDK."""
    given = _service(*facts.place_of(token)).types.get(token)
    return "available" if given is None else Table(given.data, given.where).text("ready", "available")


def function_of(token: str) -> Function:
    """Return what the simulated cloud knows of a function.

    Raises:
        NotSimulated: There are no data.
    """
    found = _service(*facts.place_of(token)).functions.get(token) or _get_of_arm(token)
    if found is None:
        raise _unknown(token, file_of(token))
    return found


def _get_of_arm(token: str) -> Function | None:
    """Return the function that looks up an ARM resource of a type that is simulated; its arguments make the id."""
    match = _ARM_GET.fullmatch(token)
    behaviour = known_behaviour(f"{match['module']}:{match['type']}") if match else None
    if behaviour is None or not isinstance(behaviour.id, str):
        return None
    needed = tuple(name for name in _ARM_NAMES.findall(behaviour.id) if name in behaviour.shape.inputs)
    return Function(
        token=token,
        required=needed,
        result={},
        missing=f"ResourceNotFound: the {behaviour.type.rpartition(':')[2]} '{{{needed[-1]}}}' was not found",
        tables={},
        finds=behaviour.type,
        by={name: (name,) for name in needed},
    )


@lru_cache(maxsize=128)
def _service(cloud: str, name: str) -> Service:
    """Return the simulation files of a service as one: what a folder of one's own says wins."""
    if not name.replace("-", "").isalnum():
        return Service(types={}, functions={}, tables={})
    paths = [folder / cloud / f"{name}.toml" for folder in folders]
    found = [read_file(path) for path in paths if path.is_file()]
    return Service(
        types={key: item for one in found for key, item in one.types.items()},
        functions={key: item for one in found for key, item in one.functions.items()},
        tables={key: item for one in found for key, item in one.tables.items()},
        granted={key: item for one in found for key, item in one.granted.items()},
        usual=tuple(item for one in found for item in one.usual),
    )


def read_file(path: Path) -> Service:
    """Return one simulation file; raises `FactsError`."""
    document = Table.load(path)
    tables = {key: dict(table.data) for key, table in document.named("tables")}
    functions = {key: _function(key, table, tables) for key, table in document.named("functions")}
    types = dict(document.named("types"))
    granted = {key: int(str(value)) for key, value in document.struct("granted").items()}
    usual = tuple(_usual(item) for item in document.tables("usual"))
    document.end()
    return Service(types=types, functions=functions, tables=tables, granted=granted, usual=usual)


def usual_of(token: str) -> tuple[Usual, ...]:
    """Return what accounts have anyway of the service of a type, if objects of this type are among it."""
    usual = _service(*facts.place_of(token)).usual
    return usual if any(item.type == token for item in usual) else ()


def _usual(table: Table) -> Usual:
    usual = Usual(type=table.text("type"), inputs=table.struct("inputs"), outputs=table.struct("outputs"))
    table.end()
    return usual


def granted_quota(cloud: str, service: str, name: str) -> int | None:
    """Return the quota that the sandbox's accounts were granted on request, None where they have the default."""
    return _service(cloud, service).granted.get(name)


def _function(token: str, table: Table, tables: Mapping[str, Mapping[str, Value]]) -> Function:
    function = Function(
        token=token,
        required=table.texts("required"),
        result=table.struct("result"),
        missing=table.text("missing", ""),
        tables=tables,
        finds=table.text("finds", ""),
        by=_paths(table, "by"),
        filters=_paths(table, "filters"),
        lists={key: str(path) for key, path in table.struct("lists").items()},
        several=table.text("several", ""),
        youngest=table.flag("youngest"),
        tells=table.texts("tells"),
    )
    table.end()
    return function


def _paths(table: Table, key: str) -> Mapping[str, tuple[str, ...]]:
    """Return a table of a property, or of several of which any will do, by name."""
    given = table.struct(key).items()
    return {name: tuple(map(str, item)) if isinstance(item, list) else (str(item),) for name, item in given}


def _behaviour(token: str, table: Table, known: TypeFacts, shape: Shape) -> Behaviour:
    cloud, name = facts.place_of(token)
    behaviour = Behaviour(
        type=token,
        package=token.partition(":")[0],
        shape=shape,
        facts=known,
        id=_required(table, "id"),
        handles=table.texts("handles"),
        imported_by=table.text("imported_by", ""),
        autoname=table.text("autoname", ""),
        defaults=table.struct("defaults"),
        secret=table.texts("secret"),
        unique=tuple(read_unique(item, token) for item in table.tables("unique")),
        contained=table.flag("contained"),
        adopts=table.flag("adopts"),
        references=tuple(read_reference(table, path, item) for path, item in table.struct("references").items()),
        outputs=table.struct("outputs"),
        refuse=tuple(read_refusal(item) for item in table.tables("refuse")),
        leaves=tuple(read_leaving(item) for item in table.tables("leaves")),
        makes=tuple(read_making(item) for item in table.tables("makes")),
        turn=read_turn(table.table("turn")) if "turn" in table.data else None,
        ready=table.text("ready", "available"),
        state_output=table.text("state_output", ""),
        stages=tuple(read_stage(item) for item in table.tables("stages")),
        drift=tuple(read_drifting(item) for item in table.tables("drift")),
        moving=tuple(read_moving(key, item) for key, item in table.named("moving")),
        example=table.struct("example"),
        attempt={key: dict(item.data) for key, item in table.named("try")},
        empty={key: str(item) for key, item in table.struct("empty").items()},
        inert={key: str(item) for key, item in table.struct("inert").items()},
        tables=_service(cloud, name).tables,
        patterns={key: re.compile(pattern) for key, pattern in known.names.items()},
    )
    table.end()
    _check_names(behaviour, table)
    return behaviour


def _required(table: Table, key: str) -> Value:
    value = table.get(key)
    if not isinstance(value, str | dict):
        raise table.fail(f"'{key}' must be a template")
    return value


def _check_names(behaviour: Behaviour, table: Table) -> None:
    """Refuse data on inputs and outputs that the SDK does not declare: a misspelt entry would do nothing."""
    given = [*behaviour.defaults, *behaviour.inert, *behaviour.secret, *behaviour.facts.names, *behaviour.facts.enums]
    given += [behaviour.turn.by] if behaviour.turn else []
    given += [making.each for making in behaviour.makes]
    given += [item.path for item in behaviour.references] + [path for item in behaviour.unique for path in item.by]
    given += [behaviour.state_output, *(name for stage in behaviour.stages for name in stage.outputs)]
    given += [name for stage in behaviour.stages for name in stage.changed]
    given += [item.name for item in behaviour.moving]
    given += [path for drift in behaviour.drift for path in (drift.window, *drift.set)]
    given += [*behaviour.example, *behaviour.facts.replaces, *behaviour.facts.immutable, behaviour.autoname]
    known = behaviour.shape.inputs | set(behaviour.shape.outputs)
    for path in given:
        if path and path.partition(".")[0] not in known:
            raise table.fail(f"the SDK's {behaviour.type} has no '{path}'")
    for name in behaviour.outputs:
        if name not in behaviour.shape.outputs and name.partition(".")[0] not in known:
            raise table.fail(f"the SDK's {behaviour.type} has no output '{name}'")
