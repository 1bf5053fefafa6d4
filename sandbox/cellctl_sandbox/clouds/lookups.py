"""Functions that look an object up: which objects of the account their arguments describe, and what is told of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from cellctl.facts.conditions import at, every
from cellctl.state.values import Struct, Value, bare
from cellctl_provider.protocol import ProviderError
from cellctl_sandbox.clouds import links
from cellctl_sandbox.clouds.behaviour import Behaviour, Function, behaviour_of, usual_of
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.outputs import moved, visible
from cellctl_sandbox.clouds.records import CloudRecord, Tenancy
from cellctl_sandbox.clouds.stages import Timeline
from cellctl_sandbox.clouds.templates import Scope, render
from cellctl_sandbox.clouds.view import records
from cellctl_sandbox.clouds.world import World

_ANYWAY = ("region", "filters")
"""Arguments that every function of AWS may have."""


def found_by(function: Function, arguments: Struct, database: Database, place: Tenancy, now_s: float) -> list[Struct]:
    """Return the properties (with `id`) of the objects that the arguments of a function describe, oldest first.

    Raises:
        ProviderError: The sandbox does not know how the function compares an argument or a filter.
    """
    wanted = list(_wanted(function, arguments))
    behaviour = behaviour_of(function.finds)
    region = arguments.get("region")
    here = replace(place, region=region) if isinstance(region, str) else place
    _settle_in(function.finds, database, here, now_s)
    found = []
    for record in records(database, function.finds):
        if _within(behaviour, record, here) and _seen(record, now_s):
            properties = _told(function, behaviour, record, now_s)
            if all(_matches(properties, paths, values) for paths, values in wanted):
                found.append(properties)
    return found[-1:] if function.youngest or arguments.get("mostRecent") is True else found


def _settle_in(token: str, database: Database, place: Tenancy, now_s: float) -> None:
    """Make what every account has in each region anyway, if functions may look for it and it is not there yet."""
    usual = usual_of(token)
    with database.transaction() as rows:
        world = World(database, rows, place, now_s)
        if not usual or world.counted(f"usual/{place.package}/{place.account}/{place.region}") > 1:
            return
        made: dict[str, str] = {}
        for item in usual:
            scope = Scope(seed="", values={}, constants={"region": place.region, **made})
            inputs = render(item.inputs, scope, "")
            assert isinstance(inputs, dict)
            record = world.create(behaviour_of(item.type), "", inputs, Timeline(now_s, now_s))
            world.store(replace(record, outputs={**record.outputs, **item.outputs}))
            made.setdefault(item.type.rpartition(":")[2], record.id)


def _within(behaviour: Behaviour, record: CloudRecord, place: Tenancy) -> bool:
    """Tell whether an object is in the account, and in the region where its service has regions."""
    everywhere = place.package != "aws" or (behaviour.unique and behaviour.unique[0].scope != "region")
    return record.tenancy.account == place.account and (bool(everywhere) or record.tenancy.region == place.region)


def _seen(record: CloudRecord, now_s: float) -> bool:
    """Tell whether a service that is asked finds an object already."""
    return record.born_s <= now_s and not links.hidden(record, "read", now_s)


def _told(function: Function, behaviour: Behaviour, record: CloudRecord, now_s: float) -> Struct:
    """Return what a service tells of an object: of secrets that it was given only those that the function is for.

    That a program called something else secret, a tag for example, no service knows.
    """
    secret = {path.partition(".")[0] for path in behaviour.secret} - {*function.tells}
    seen = moved(behaviour, visible(behaviour, record, now_s), now_s)
    told = {key: value for key, value in seen.items() if not key.startswith("__")}
    known = {key: value if key in function.tells else bare(value) for key, value in told.items() if key not in secret}
    return {**known, "id": record.id}


def _wanted(function: Function, arguments: Struct) -> Iterator[tuple[tuple[str, ...], Sequence[Value]]]:
    """Yield the properties that an argument or filter compares, and the values that will do."""
    for name, value in arguments.items():
        paths = function.by.get(name)
        if paths is not None and isinstance(value, Mapping):
            yield from (((f"{paths[0]}.{key}",), [item]) for key, item in value.items())
        elif paths is not None:
            yield paths, value if isinstance(value, list) else [value]
        elif name not in _ANYWAY:
            raise _unknown(function, f"by '{name}'")
    for item in every(arguments, "filters.*"):
        name = str(at(item, "name"))
        paths = (f"tags.{name[4:]}",) if name.startswith("tag:") else function.filters.get(name)
        if paths is None:
            raise _unknown(function, f"with the filter '{name}'")
        yield paths, list(every(item, "values"))


def _unknown(function: Function, how: str) -> ProviderError:
    kind = function.finds.rpartition(":")[2]
    return ProviderError(f"the sandbox does not know how {function.token} finds a {kind} {how}", code="invalid")


def _matches(properties: Struct, paths: Sequence[str], wanted: Sequence[Value]) -> bool:
    """Tell whether any of the properties has one of the values; whether there is any is what `true` and `false` ask."""
    actual = [item for path in paths for item in every(properties, path) if item not in (None, False, "")]
    texts = [_plain(item) for item in actual]
    for item in wanted:
        text = _plain(item)
        if text in ("true", "false"):
            if bool(actual) == (text == "true"):
                return True
        elif any(fnmatchcase(one, text) for one in texts):
            return True
    return False


def _plain(value: Value) -> str:
    """Return a value as services compare it: whatever its case, with no dot at the end of a name."""
    return str(value).lower().rstrip(".")


def only(function: Function, found: Sequence[Struct], missing: str) -> Struct:
    """Return the one object that was found; `missing` is what the cloud says where there is none.

    Raises:
        ProviderError: There is none, or there are several.
    """
    if len(found) == 1:
        return found[0]
    if found:
        kind = function.finds.rpartition(":")[2]
        raise ProviderError(function.several or f"{len(found)} objects of type {kind} match", code="conflict")
    raise ProviderError(missing, code="not_found")
