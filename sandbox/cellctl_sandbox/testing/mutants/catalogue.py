"""Every single thing that may be missing from a cell's program, enumerated from what it made (`mutants.toml`)."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from cellctl.facts.document import Table
from cellctl.state.values import Struct, Value
from cellctl_sandbox.clouds.records import CloudRecord

_HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutant:
    """One thing taken out: a whole object (`path` empty), what stands at a path, or at a path in a JSON text (`json`).

    With `only` (type and logical name of a resource) it is a dependency: that resource is made while the object is not
    there yet.
    """

    uid: str
    type: str
    name: str
    json: str = ""
    path: tuple[str | int, ...] = ()
    label: str = ""
    only: tuple[str, str] = ("", "")

    @property
    def id(self) -> str:
        """Say what is taken out."""
        kind = self.type.rpartition(":")[2]
        if self.only[0]:
            return f"{self.only[0].rpartition(':')[2]} {self.only[1]} does not wait for {kind} {self.name}"
        return f"{kind} {self.name}" + (f" {self.json or ''} {self.label}".replace("  ", " ") if self.path else "")

    def applied(self, inputs: Struct) -> Struct:
        """Return inputs without what is taken out of them."""
        changed = copy.deepcopy(inputs)
        if self.json:
            document: Value = json.loads(str(changed[self.json]))
            _remove(document, self.path)
            changed[self.json] = json.dumps(document)
        else:
            _remove(changed, self.path)
        return changed


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Mutants that nothing notices and that stay, with the reason."""

    mutant: str
    reason: str

    def covers(self, mutant: Mutant) -> bool:
        """Tell whether a mutant is one of these."""
        return fnmatchcase(mutant.id, self.mutant)


def catalogue(records: Sequence[CloudRecord], waits: Sequence[tuple[str, str]] = ()) -> list[Mutant]:
    """Return all mutants of a cell's objects, and of its explicit dependencies (urn, urn that it waits for)."""
    parts = [(item.texts("types"), item.text("json", ""), item.texts("paths")) for item in _parts()]
    found: list[Mutant] = []
    for record in records:
        name = record.urn.rpartition("::")[2]
        for types, inside, paths in parts:
            if record.type not in types or not record.urn:
                continue
            if not paths:
                found.append(Mutant(uid=record.uid, type=record.type, name=name))
            document: Value = json.loads(str(record.inputs.get(inside) or "{}")) if inside else dict(record.inputs)
            for path in paths:
                for place, label in _places(document, path.split(".")):
                    mutant = Mutant(uid=record.uid, type=record.type, name=name, json=inside, path=place, label=label)
                    found.append(mutant)
    found.extend(_waits(records, waits))
    return found


def kept() -> tuple[Kept, ...]:
    """Return what stays although nothing notices its absence (`kept.toml`)."""
    document = Table.load(_HERE / "kept.toml")
    return tuple(Kept(mutant=item.text("mutant"), reason=item.text("reason")) for item in document.tables("kept"))


def _parts() -> Iterator[Table]:
    yield from Table.load(_HERE / "mutants.toml").tables("part")


def _waits(records: Sequence[CloudRecord], waits: Sequence[tuple[str, str]]) -> Iterator[Mutant]:
    by_urn = {record.urn: record for record in records}
    for urn, other in waits:
        target = by_urn.get(other)
        if target is not None:
            name = other.rpartition("::")[2]
            yield Mutant(uid=target.uid, type=target.type, name=name, only=(_type(urn), urn.rpartition("::")[2]))


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _places(value: Value, path: Sequence[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield where a path leads, `*` being each element, with a label that says so."""
    if not path:
        yield (), ""
        return
    head, rest = path[0], path[1:]
    if head == "*" and isinstance(value, list):
        for index, item in enumerate(value):
            for place, label in _places(item, rest):
                yield (index, *place), f"[{_short(item, index)}]{label}"
    elif isinstance(value, dict) and value.get(head) not in (None, [], {}):
        inner = value[head]
        if isinstance(inner, str) and rest == ["*"]:  # a list of one that is written without its list
            inner = [inner]
        for place, label in _places(inner, rest):
            yield (head, *place), f"{head}{label}" if not rest or rest[0] == "*" else f"{head}.{label}"


def _short(item: Value, index: int) -> str:
    if isinstance(item, str):
        return item.rpartition("/")[2] if item.startswith("/") else item
    named = next((item.get(key) for key in ("name", "Sid") if isinstance(item, dict) and item.get(key)), None)
    return str(named or index)


def _remove(value: Value, path: Sequence[str | int]) -> None:
    """Remove what stands at a path, in place."""
    *before, last = path
    for step in before:
        if isinstance(value, dict):
            value = value[str(step)]
        elif isinstance(value, list):
            value = value[int(step)]
    if isinstance(value, dict):
        del value[str(last)]
    elif isinstance(value, list):
        del value[int(last)]
