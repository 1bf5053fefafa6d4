"""Typed reading of TOML tables: every wrong or unknown entry is an error that names file and place."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import TypeVar

from cellctl.state.values import Struct, Value

T = TypeVar("T")


class FactsError(ValueError):
    """A data file breaks its format; the message names file and place."""


def to_value(item: object) -> Value:
    """Return parsed TOML as a wire value; dates become ISO text."""
    if item is None or isinstance(item, bool | int | float | str):
        return item
    if isinstance(item, list):
        return [to_value(part) for part in item]
    if isinstance(item, dict):
        return {str(key): to_value(part) for key, part in item.items()}
    return str(item)


class Table:
    """One table of a TOML document. Reading an entry marks it as known; `end` refuses the rest."""

    def __init__(self, data: Struct, where: str) -> None:
        self.data = data
        self.where = where
        self._known: set[str] = set()

    @classmethod
    def load(cls, path: Path) -> Table:
        """Return the document in `path`."""
        try:
            parsed = to_value(tomllib.loads(path.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise FactsError(f"{path}: {error}") from error
        assert isinstance(parsed, dict)
        return cls(parsed, str(path))

    def fail(self, message: str) -> FactsError:
        """Return an error that names this place."""
        return FactsError(f"{self.where}: {message}")

    def source(self, sources: Container[str], name: str | None = None) -> str:
        """Return the entry `source`, or `name`, which must be one of `sources`."""
        name = self.text("source") if name is None else name
        if name not in sources:
            raise self.fail(f"source '{name}' is not in [sources]")
        return name

    def get(self, key: str) -> Value:
        """Return an entry as it is, None if absent."""
        self._known.add(key)
        return self.data.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string; without `default` it must be there."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self.fail(f"'{key}' must be a string")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """Return a number; without `default` it must be there."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(f"'{key}' must be a number")
        return float(value)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.fail(f"'{key}' must be true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings, empty if absent."""
        value = self.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fail(f"'{key}' must be a list of strings")
        return tuple(str(item) for item in value)

    def struct(self, key: str) -> Struct:
        """Return a table as plain data, empty if absent."""
        value = self.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.fail(f"'{key}' must be a table")
        return value

    def table(self, key: str) -> Table:
        """Return a sub-table, empty if absent."""
        return Table(self.struct(key), f"{self.where}: {key}")

    def tables(self, key: str) -> Iterator[Table]:
        """Return the tables of a list of tables."""
        value = self.get(key)
        if value is None:
            return
        if not isinstance(value, list):
            raise self.fail(f"'{key}' must be a list of tables")
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise self.fail(f"'{key}' must be a list of tables")
            yield Table(item, f"{self.where}: {key}[{index}]")

    def each(self, key: str, read: Callable[[Table], T]) -> dict[str, T]:
        """Return `{name: read(table)}` of a table of tables."""
        found = {}
        for name, entry in self.named(key):
            found[name] = read(entry)
            entry.end()
        return found

    def named(self, key: str) -> Iterator[tuple[str, Table]]:
        """Return the tables of a table of tables, each with its name."""
        for name, item in self.struct(key).items():
            if not isinstance(item, dict):
                raise self.fail(f"'{key}.{name}' must be a table")
            yield name, Table(item, f"{self.where}: {name}")

    def end(self) -> None:
        """Refuse entries nobody asked for."""
        unknown = sorted(set(self.data) - self._known)
        if unknown:
            raise self.fail(f"unknown entry '{unknown[0]}'")
