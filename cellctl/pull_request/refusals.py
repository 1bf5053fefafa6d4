"""Refusals of many cells, each reason once: names of the cells themselves do not make two reasons of one. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cellctl.pull_request.report import Refusal


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One reason, in the words said of one cell (`said`), and every cell that has it."""

    said: Refusal
    cells: tuple[str, ...]
    alike: bool
    """Whether the words are the same for all of them."""


def reasons(refusals: Sequence[Refusal]) -> list[Reason]:
    """Return every reason, those of most cells first."""
    found: dict[tuple[str, ...], list[Refusal]] = {}
    for item in refusals:
        found.setdefault(_key(item), []).append(item)
    made = [
        Reason(
            said=items[0],
            cells=tuple(dict.fromkeys(item.cell for item in items)),
            alike=len({(item.reason, item.remedy, item.flag) for item in items}) == 1,
        )
        for items in found.values()
    ]
    return sorted(made, key=lambda reason: (-len(reason.cells), reason.cells, reason.said.code, reason.said.reason))


def _key(item: Refusal) -> tuple[str, ...]:
    name = re.compile(rf"(?<![A-Za-z0-9]){re.escape(item.cell)}(?![A-Za-z0-9])")
    return item.code, *(name.sub("\0", text) for text in (item.reason, item.remedy, item.flag))
