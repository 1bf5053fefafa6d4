"""What the sandbox only pretends to know: arguments that it takes and does nothing with, outputs that mean nothing.

An argument, or a part of one (`healthCheck.path`), counts as known if the type's data files say what it does (rules on
it, references, outputs made from it, durations, what replaces), if something in the sandbox reads it, or if the data
file lists it as inert, with the reason. What something costs is no doing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from cellctl import facts
from cellctl.state.values import Struct, Value, bare, is_secret
from cellctl_sandbox.clouds.behaviour import ROOT, behaviour_of
from cellctl_sandbox.standins.cloud_view import CloudObject

_ASIDE = ("example", "try", "empty", "inert", "defaults", "sources", "source", "costs")
_ALL = "**"
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_POSITION = re.compile(r"\.\d+(?=\.|$)")


class Reads:
    """Records which properties of objects are read: give `made` to whoever makes `CloudObject`s.

    `seen` has dotted paths by type; `a.**` is everything in `a`.
    """

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = {}

    def made(
        self, *, type: str, id: str, properties: Struct, cell: str = "", region: str = "", born_s: float = 0.0
    ) -> CloudObject:
        """Return an object whose properties tell when they are read."""
        seen = self.seen.setdefault(type, set())
        told = _Told(properties, "", seen)
        return CloudObject(type=type, properties=told, id=id, cell=cell, region=region, born_s=born_s)


class _Told(dict[str, Value]):
    """A table that tells what is read of it, and of the tables in it."""

    def __init__(self, values: Mapping[str, Value], path: str, seen: set[str]) -> None:
        super().__init__({key: _telling(value, f"{path}{key}", seen) for key, value in values.items()})
        self._path, self._seen = path, seen

    def get(self, key: str, default: Value = None) -> Value:  # type: ignore[override]
        self._seen.add(f"{self._path}{key}")
        return super().get(key, default)

    def __getitem__(self, key: str) -> Value:
        self._seen.add(f"{self._path}{key}")
        return super().__getitem__(key)

    def items(self):  # type: ignore[no-untyped-def]
        self._seen.add(f"{self._path}{_ALL}")
        return super().items()

    def values(self):  # type: ignore[no-untyped-def]
        self._seen.add(f"{self._path}{_ALL}")
        return super().values()


def _telling(value: Value, path: str, seen: set[str]) -> Value:
    if isinstance(value, dict):
        return _Told(value, f"{path}.", seen)
    return [_telling(item, f"{path}.*", seen) for item in value] if isinstance(value, list) else value


def parts(inputs: Mapping[str, Value], path: str = "") -> Iterator[str]:
    """Yield the dotted paths of all that is given in inputs, each element of a list as `*`."""
    for key, value in inputs.items():
        if not key.startswith("__"):
            yield from _parts(value, f"{path}{key}")


def _parts(value: Value, path: str) -> Iterator[str]:
    value = bare(value) if is_secret(value) else value
    if isinstance(value, dict) and value:
        yield from parts(value, f"{path}.")
    elif isinstance(value, list) and value:
        for item in value:
            yield from _parts(item, f"{path}.*")
    else:
        yield path


def pretended(token: str, arguments: Iterable[str], read: set[str]) -> list[str]:
    """Return the arguments of a type, by path, that nothing acts on and no reason excuses, sorted."""
    inert = behaviour_of(token).inert
    return sorted(path for path in arguments if not _known(token, path, read) and not any(map(inert.get, _above(path))))


def excused(token: str, arguments: Iterable[str], read: set[str]) -> list[str]:
    """Return the entries of a type's `inert` that excuse nothing: nothing is given there, or something acts on it."""
    left = [path for path in arguments if not _known(token, path, read)]
    return sorted(name for name in behaviour_of(token).inert if not any(name in _above(path) for path in left))


def hollow(token: str, outputs: Iterable[str], objects: Sequence[Mapping[str, Value]]) -> list[str]:
    """Return the outputs (dotted paths in Python's names) that are empty in every one of the objects."""
    return sorted(path for path in outputs if not any(_filled({**item, "urn": token}, path) for item in objects))


def _filled(value: Value, path: str) -> bool:
    for part in path.split("."):
        if isinstance(value, list):
            value = value[int(part)] if part.isdigit() and int(part) < len(value) else None
        elif isinstance(value, dict):
            value = next((item for key, item in value.items() if _plain(key) == _plain(part)), None)
    return value not in (None, "", [], {})


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _known(token: str, path: str, read: set[str]) -> bool:
    """Tell whether something acts on what stands at a path: on itself, or on a whole that it is part of."""
    above = _above(path)
    whole = (_ALL, *(f"{one}.{_ALL}" for one in above))
    listed = path.removesuffix(".*")  # who reads a list of texts reads them
    return path in read or listed in read or not read.isdisjoint(whole) or not _mentioned(token).isdisjoint(above)


def _above(path: str) -> list[str]:
    """Return a path and those that it is inside of."""
    names = path.split(".")
    return [".".join(names[: end + 1]) for end in range(len(names))]


@lru_cache(maxsize=256)
def _mentioned(token: str) -> frozenset[str]:
    """Return every path that both data files of a type speak of."""
    cloud, name = facts.place_of(token)
    places = (ROOT / cloud / f"{name}.toml", Path(facts.__file__).parent / cloud / f"{name}.toml")
    found: set[str] = set()
    for place in places:
        table = tomllib.loads(place.read_text(encoding="utf-8")).get("types", {}).get(token, {})
        found.update(_words({key: value for key, value in table.items() if key not in _ASIDE}))
    return frozenset(_POSITION.sub(".*", word) for word in found)


def _words(value: object) -> Iterator[str]:
    """Yield keys, texts and placeholders, at any depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _words(item)
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
    elif isinstance(value, str):
        yield value
        for inside in _PLACEHOLDER.findall(value):
            yield from re.split(r"[|:]", inside)
