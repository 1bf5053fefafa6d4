"""What a cell promises on each cloud, as data: `promises/<cloud>.toml` beside this module, and the topics.

A promise is in people's words and has a `value` that can be compared; it holds for a layout, and names what a program
must declare for it (`Witness`), which tests look for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from cellctl.facts.conditions import Condition, at
from cellctl.facts.document import FactsError, Table, to_value
from cellctl.state.values import Value

_FOLDER = Path(__file__).parent / "promises"
_PLACE = re.compile(r"\{([a-z_.]+)\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """What cells are compared by. `difference`: what it means that two clouds promise different things."""

    name: str
    title: str
    difference: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Witness:
    """A type of which at least one resource must have these values: a path (facts/conditions) -> an expectation."""

    type: str
    values: Mapping[str, Value]


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """What one layout promises of one topic. Equal `value`s mean the same; `source` is with its date.

    `difference` says what it means that another cloud promises something else, where the topic's own words do not.
    """

    topic: str
    value: str
    says: str
    source: str
    witnesses: tuple[Witness, ...] = ()
    difference: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    promise: Promise
    when: Condition = field(default_factory=Condition)


@lru_cache(maxsize=1)
def topics() -> tuple[Topic, ...]:
    """Return all topics in their order.

    Raises:
        FactsError: The file breaks the format.
    """
    table = Table.load(_FOLDER / "topics.toml")
    found = []
    for item in table.tables("topic"):
        found.append(
            Topic(name=item.text("name"), title=item.text("title"), difference=item.text("difference", default=""))
        )
        item.end()
    table.struct("counterparts")
    table.end()
    return tuple(found)


def counterpart(region: str) -> str:
    """Return the region of the other cloud that is nearest to a region; `` where none is known."""
    pairs = Table.load(_FOLDER / "topics.toml").struct("counterparts")
    back = {str(there): here for here, there in pairs.items()}
    return str(pairs.get(region) or back.get(region) or "")


@lru_cache(maxsize=4)
def _entries(cloud: str) -> tuple[_Entry, ...]:
    table = Table.load(_FOLDER / f"{cloud}.toml")
    sources = table.struct("sources")
    known = {topic.name for topic in topics()}
    found = []
    for item in table.tables("promise"):
        source = sources[item.source(set(sources))]
        if item.text("topic") not in known:
            raise item.fail(f"there is no topic '{item.text('topic')}'")
        promise = Promise(
            topic=item.text("topic"),
            value=item.text("value"),
            says=item.text("says"),
            source=f"{at(source, 'what')} ({at(source, 'date')})",
            witnesses=tuple(
                Witness(type=kind, values=values if isinstance(values, dict) else {})
                for kind, values in item.struct("witness").items()
            ),
            difference=item.text("difference", default=""),
        )
        found.append(_Entry(promise=promise, when=Condition.read(item.struct("when"))))
        item.end()
    table.end()
    return tuple(found)


def promises(cloud: str, layout: Mapping[str, Value]) -> tuple[Promise, ...]:
    """Return what a layout (its JSON) promises, one of each topic, in the order of the topics.

    Raises:
        FactsError: A topic has no promise here, or one names a value that the layout does not have.
    """
    given = to_value(dict(layout))
    assert isinstance(given, dict)
    entries = _entries(cloud)
    found = []
    for topic in topics():
        entry = next((one for one in entries if one.promise.topic == topic.name and one.when.holds(given)), None)
        if entry is None:
            raise FactsError(f"promises of {cloud}: nothing about {topic.name}")
        found.append(_filled(entry.promise, given))
    return tuple(found)


def unkept(given: Iterable[Promise], declared: Sequence[tuple[str, Mapping[str, Value]]]) -> list[str]:
    """Return what no resource witnesses: `topic: type without path = value`, for types with their inputs."""
    found = []
    for promise in given:
        for witness in promise.witnesses:
            condition = Condition.read(witness.values)
            if not any(kind == witness.type and condition.holds(inputs) for kind, inputs in declared):
                wanted = ", ".join(f"{path} = {value}" for path, value in witness.values.items())
                found.append(f"{promise.topic}: no {witness.type} with {wanted}")
    return found


def _filled(promise: Promise, layout: dict[str, Value]) -> Promise:
    def text(template: str) -> str:
        return _PLACE.sub(lambda place: _text(layout, place[1]), template)

    def value(template: Value) -> Value:
        whole = _PLACE.fullmatch(template) if isinstance(template, str) else None
        return at(layout, whole[1]) if whole else template

    witnesses = (
        Witness(type=one.type, values={path: value(wanted) for path, wanted in one.values.items()})
        for one in promise.witnesses
    )
    return replace(promise, value=text(promise.value), says=text(promise.says), witnesses=tuple(witnesses))


def _text(layout: dict[str, Value], path: str) -> str:
    found = at(layout, path)
    if found is None:
        raise FactsError(f"a promise names {path}, which the layout does not have")
    return f"{found:g}" if isinstance(found, float) else str(found)
