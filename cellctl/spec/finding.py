"""What a rule across fields finds, and how it says so."""

from __future__ import annotations

from dataclasses import dataclass

from cellctl.errors import Problem


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is broken, and every field that it looked at."""

    problem: Problem
    fields: tuple[str, ...]


def broken(message: str, *fields: str, hint: str = "") -> Finding:
    """Return a finding about the first of `fields`, given below `spec`."""
    names = tuple(f"spec.{name}" for name in fields)
    return Finding(Problem(message=message, field=names[0], hint=hint), names)
