"""Entries of a JSON table that somebody else may have written: each of the kind that is asked for, or TypeError."""

from __future__ import annotations

from collections.abc import Mapping

from cellctl.state.values import Struct, Value


def text(row: Mapping[str, Value], name: str) -> str:
    """Return a string; KeyError where there is none."""
    value = row[name]
    if not isinstance(value, str):
        raise TypeError(name)
    return value


def number(row: Mapping[str, Value], name: str) -> float:
    """Return a number; KeyError where there is none."""
    found = number_or_none(row, name)
    if found is None:
        raise TypeError(name)
    return found


def number_or_none(row: Mapping[str, Value], name: str) -> float | None:
    """Return a number, None where there is none."""
    value = row.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def rows(row: Mapping[str, Value], name: str) -> list[Value]:
    """Return a list; KeyError where there is none."""
    value = row[name]
    if not isinstance(value, list):
        raise TypeError(name)
    return value


def table(value: Value) -> Struct:
    """Return a table."""
    if not isinstance(value, dict):
        raise TypeError("no table")
    return value
