"""What the tables of the registry are built of: names of constraints, and columns that many have."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, Double, Integer, MetaData, Text, text

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(constraint_name)s",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)


def words(name: str, default: str | None = "") -> Column[str]:
    """A text; `default` None: it must be given."""
    return Column(name, Text, nullable=False, server_default=default)


def number(name: str, default: int | None = None) -> Column[int]:
    """A whole number; `default` None: it must be given."""
    return Column(name, Integer, nullable=False, server_default=None if default is None else str(default))


def moment(name: str, *, nullable: bool = False) -> Column[float]:
    """A time in unix seconds."""
    return Column(name, Double, nullable=nullable)


def flag(name: str) -> Column[bool]:
    """A yes or no, no by default."""
    return Column(name, Boolean, nullable=False, server_default=text("false"))


def key() -> Column[int]:
    """The key of a row."""
    return Column("id", Integer, primary_key=True)


def life() -> list[Column[str] | Column[float] | Column[int]]:
    """Where a thing is in its life, and the version by which it is changed."""
    return [
        words("state", None),
        moment("state_since"),
        words("last_error"),
        number("generation", 1),
        number("version", 1),
    ]


def place() -> Column[object]:
    """What a cell that is placed there must know of it, as its cloud's layout wants it: names and ids, no secret."""
    return Column("place", JSON, nullable=True)


def one_of(name: str, column: str, values: Iterable[str]) -> CheckConstraint:
    """Let a column have these values and no other."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=name)
