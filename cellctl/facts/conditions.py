"""Paths into wire values and conditions on them, as the data files write them (docs/sandbox.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from cellctl.state.values import Value, bare, is_secret

PRESENT, ABSENT = "?", "!"


def at(value: Value, path: str) -> Value:
    """Return what stands at a dotted path, through secret wrappers; None if absent."""
    current = value
    for part in _parts(path):
        current = _opened(current)
        if isinstance(current, dict):
            current = current.get(part)
        elif isinstance(current, list) and part.isdigit() and int(part) < len(current):
            current = current[int(part)]
        else:
            return None
    return bare(current)


def _opened(value: Value) -> Value:
    """Return what is in a secret wrapper; the secrets inside stay as they are."""
    while is_secret(value):
        value = value.get("value")
    return value


@lru_cache(maxsize=4096)
def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def every(value: Value, path: str) -> Iterator[Value]:
    """Yield each value at `path`, where `*` stands for every element of a list or table."""
    yield from _every(value, _parts(path))


def _every(value: Value, parts: tuple[str, ...]) -> Iterator[Value]:
    if isinstance(value, dict) and "value" in value and len(value) == 2:
        value = bare(value)
    if not parts:
        yield from value if isinstance(value, list) else (value,)
        return
    head, rest = parts[0], parts[1:]
    if head == "*":
        items = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
        for item in items:
            yield from _every(item, rest)
    elif isinstance(value, dict):
        if head in value:
            yield from _every(value[head], rest)
    elif isinstance(value, list) and head.isdigit() and int(head) < len(value):
        yield from _every(value[int(head)], rest)


@dataclass(frozen=True, slots=True)
class Condition:
    """A `when` table: path -> expectation; every entry must hold. Without entries it always holds."""

    entries: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def read(cls, table: Mapping[str, Value]) -> Condition:
        """Return the condition of a `when` table."""
        return cls(tuple(table.items()))

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Tell whether `values` satisfy every entry."""
        plain = dict(values) if self.entries else {}
        return all(_meets(at(plain, path), wanted) for path, wanted in self.entries)


def _meets(actual: Value, wanted: Value) -> bool:
    if isinstance(wanted, list):
        return any(_meets(actual, item) for item in wanted)
    if wanted == PRESENT:
        return actual not in (None, "", [], {})
    if wanted == ABSENT:
        return actual in (None, "", [], {})
    if isinstance(wanted, str):
        return actual is not None and fnmatchcase(str(actual), wanted)
    if isinstance(wanted, bool):
        return (actual is True or str(actual).lower() == "true") is wanted
    return actual == wanted
