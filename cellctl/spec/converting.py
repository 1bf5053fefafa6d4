"""Older versions of the cell file's format, step by step to the newest one.

A format changes only by a new `apiVersion`, and each change adds one Step, so a file of any version finds its way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cellctl.errors import Problem, SpecError

LATEST = "cellctl/v1"
Data: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Step:
    """Makes the data of one version those of the next, `to`; what it returns says so as its `apiVersion`."""

    to: str
    convert: Callable[[Data], Data]


STEPS: Mapping[str, Step] = {}
"""By the version that a step begins with. There is one version yet, so nothing is older."""


def converted(text: str, file: str = "cell.yaml", *, steps: Mapping[str, Step] = STEPS) -> str:
    """Return a file's text in the newest version; letter by letter as it is where it is that already.

    Raises:
        SpecError: The text is not well formed, its version is unknown, or what the steps make of it is no cell file.
    """
    from cellctl.spec.reading import parsed, validated
    from cellctl.spec.writing import dump

    found = parsed(text, file)
    data = found.data
    assert isinstance(data, Mapping)
    begin = data.get("apiVersion", LATEST)
    if begin == LATEST:
        return text
    while isinstance(begin, str) and begin in steps:
        data, begin = steps[begin].convert(data), steps[begin].to
    if begin != LATEST:
        known = ", ".join([*steps, LATEST])
        place = found.values.get(("apiVersion",))
        raise SpecError(
            [
                Problem(
                    message=f"this cellctl knows no version {begin!r}, only {known}",
                    field="apiVersion",
                    file=file,
                    line=place.line if place else None,
                    column=place.column if place else None,
                    hint="a newer cellctl wrote it: pip install --upgrade cellctl",
                )
            ]
        )
    return dump(validated(data, file))
