"""Reads one facts file into `ServiceFacts`; the format is docs/sandbox.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from cellctl.facts.conditions import Condition
from cellctl.facts.document import FactsError, Table, to_value
from cellctl.facts.model import (
    AfterDeletion,
    Bucket,
    CostLine,
    Duration,
    Durations,
    Held,
    Operation,
    Price,
    Quota,
    QuotaUse,
    Retries,
    ServiceFacts,
    Settles,
    Source,
    TypeFacts,
    Variant,
)
from cellctl.state.values import Value

OPERATIONS: tuple[Operation, ...] = get_args(Operation)


def read_service(path: Path) -> ServiceFacts:
    """Return the facts in `path`.

    Raises:
        FactsError: The file breaks the format, or a fact names no source.
    """
    document = Table.load(path)
    service = document.text("service", path.stem)
    sources = document.each("sources", lambda table: Source(what=table.text("what"), date=table.text("date")))
    known = Sources(sources)
    quotas = {name: _quota(name, table, known) for name, table in document.named("quotas")}
    buckets = {name: _bucket(f"{service}.{name}", table, known) for name, table in document.named("buckets")}
    retries = _retries(document.table("retries"), known)
    types = {name: _type(name, table, known) for name, table in document.named("types")}
    prices = document.each("prices", lambda table: _price(table, known))
    document.end()
    for facts in types.values():
        for use in facts.quotas:
            if use.name not in quotas:
                raise FactsError(f"{path}: {facts.type} names quota '{use.name}', which is not there")
    return ServiceFacts(types=types, quotas=quotas, buckets=buckets, retries=retries, prices=prices, sources=sources)


class Sources:
    """The sources of one file; a fact without one of them is refused."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources

    def check(self, table: Table, name: str) -> str:
        """Return `name` if it is a source."""
        return table.source(self._sources, name)


def _quota(name: str, table: Table, sources: Sources) -> Quota:
    quota = Quota(
        name=name,
        default=int(table.number("default")),
        scope=table.text("scope", "region"),
        code=table.text("code", "LimitExceeded"),
        source=sources.check(table, table.text("source")),
        weights={key: int(value) for key, value in table.struct("weights").items() if isinstance(value, int | float)},
        raised=table.flag("raised"),
    )
    table.end()
    return quota


def _bucket(name: str, table: Table, sources: Sources) -> Bucket:
    bucket = Bucket(
        name=name,
        burst=table.number("burst"),
        per_s=table.number("per_s"),
        scope=table.text("scope", "region"),
        types=table.texts("types") or ("*",),
        requests=_requests(table.table("requests")),
        code=table.text("code", "Throttling"),
        source=sources.check(table, table.text("source")),
    )
    table.end()
    if bucket.burst < 1 or bucket.per_s <= 0 or bucket.scope not in ("region", "account"):
        raise table.fail("'burst' must be at least 1, 'per_s' over 0, and 'scope' region or account")
    return bucket


def _requests(table: Table) -> dict[Operation, float]:
    requests = {name: table.number(name) for name in OPERATIONS if table.get(name) is not None}
    table.end()
    if not requests or min(requests.values()) <= 0:
        raise table.fail("must say how many requests a create, update, delete or read makes")
    return requests


def _retries(table: Table, sources: Sources) -> Retries:
    if not table.data:
        return Retries()
    delays = table.get("delays_s")
    numbers = tuple(float(item) for item in delays if isinstance(item, int | float)) if isinstance(delays, list) else ()
    retries = Retries(
        attempts=int(table.number("attempts")), delays_s=numbers, source=sources.check(table, table.text("source"))
    )
    table.end()
    if retries.attempts < 1 or not numbers or min(numbers) <= 0:
        raise table.fail("'attempts' must be at least 1 and 'delays_s' a list of seconds over 0")
    return retries


def _settles(table: Table) -> Settles:
    settles = Settles(
        takes=_duration(table, "takes", table.get("takes")),
        hidden_from=table.texts("hidden_from"),
        code=table.text("code", ""),
    )
    table.end()
    if not settles.hidden_from:
        raise table.fail("'hidden_from' must name types, services or read")
    return settles


def _price(table: Table, sources: Sources) -> Price:
    return Price(
        amount=table.number("amount"),
        unit=table.text("unit"),
        region=table.text("region", ""),
        source=sources.check(table, table.text("source")),
    )


def _type(name: str, table: Table, sources: Sources) -> TypeFacts:
    origin = {"": sources.check(table, table.text("source"))}
    for group, source in table.struct("sources").items():
        origin[group] = sources.check(table, str(source))
    held, settles = table.table("held"), table.table("settles")
    facts = TypeFacts(
        type=name,
        stateful=table.flag("stateful"),
        replaces=frozenset(table.texts("replaces")),
        immutable=frozenset(table.texts("immutable")),
        durations=_durations(table.table("durations")),
        quotas=_quota_uses(table),
        names=_patterns(table.table("names")),
        enums={path: _values(table, path, values) for path, values in table.struct("enums").items()},
        held=_held(held) if held.data else None,
        settles=_settles(settles) if settles.data else None,
        waits_s=table.number("waits_s", 0),
        after_deletion=tuple(_after_deletion(entry) for entry in table.tables("after_deletion")),
        costs=tuple(_cost(entry) for entry in table.tables("costs")),
        id_form=_pattern(table, table.text("id_form", "")),
        sources=origin,
    )
    table.end()
    return facts


def read_own(name: str, table: Table) -> TypeFacts:
    """Return facts that stand beside a simulation, as those of a user's own type do: the user is their source.

    Raises:
        FactsError: The table breaks the format, or names a quota: those are counted over shipped types only.
    """
    sources = Sources({"own": Source(what="their user", date="")})
    facts = _type(name, Table({"source": "own", **table.data}, table.where), sources)
    if facts.quotas:
        raise table.fail("a type of your own has no quotas")
    return facts


def _after_deletion(table: Table) -> AfterDeletion:
    found = AfterDeletion(text=table.text("text"), lost=table.flag("lost"), when=Condition.read(table.struct("when")))
    table.end()
    return found


def _cost(table: Table) -> CostLine:
    times = table.get("times")
    found = CostLine(
        price=table.text("price"),
        times=times if isinstance(times, str) else table.number("times", 1),
        per=table.number("per", 1),
        when=Condition.read(table.struct("when")),
    )
    table.end()
    return found


def _durations(table: Table) -> Durations:
    variants = []
    for entry in table.tables("variants"):
        condition = Condition.read(entry.struct("when"))
        variants.append(Variant(when=condition, durations=_by_operation(entry)))
        entry.end()
    updates = {name: _duration(table, name, value) for name, value in table.struct("updates").items()}
    durations = Durations(base=_by_operation(table), updates=updates, variants=tuple(variants))
    table.end()
    return durations


def _by_operation(table: Table) -> dict[Operation, Duration]:
    return {name: _duration(table, name, table.get(name)) for name in OPERATIONS if table.get(name) is not None}


def _duration(table: Table, name: str, value: Value) -> Duration:
    numbers = value if isinstance(value, list) else [value, value]
    found = [float(item) for item in numbers if isinstance(item, int | float) and not isinstance(item, bool)]
    if len(found) != 2 or found[0] < 0 or found[1] < found[0]:
        raise table.fail(f"'{name}' must be seconds, or [p50, p95]")
    return Duration(found[0], found[1])


def _quota_uses(table: Table) -> tuple[QuotaUse, ...]:
    uses = []
    value = table.get("quotas")
    for item in value if isinstance(value, list) else [value] if value is not None else []:
        if isinstance(item, str):
            uses.append(QuotaUse(name=item))
        elif isinstance(item, dict):
            entry = Table(item, f"{table.where}: quotas")
            when = Condition.read(entry.struct("when"))
            uses.append(QuotaUse(name=entry.text("name"), when=when, by=entry.text("by", "")))
            entry.end()
        else:
            raise table.fail("'quotas' must be a list of names or tables")
    return tuple(uses)


def _held(table: Table) -> Held:
    held = Held(
        seconds=table.number("seconds", 0),
        property=table.text("property", ""),
        unit_s=table.number("unit_s", 1),
        unless=Condition.read(table.struct("unless")) if "unless" in table.data else None,
        message=table.text("message", ""),
    )
    table.end()
    if not held.seconds and not held.property:
        raise table.fail("needs 'seconds' or 'property'")
    return held


def _patterns(table: Table) -> dict[str, str]:
    return {name: _pattern(table, str(value)) for name, value in table.data.items()}


def _pattern(table: Table, text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise table.fail(f"'{text}' is not a regular expression: {error}") from error
    return text


def _values(table: Table, path: str, value: Value) -> tuple[Value, ...]:
    if not isinstance(value, list):
        raise table.fail(f"'enums.{path}' must be a list")
    return tuple(to_value(item) for item in value)
