"""What a change means for the people who use a cell, as data: `downtime/<cloud>.toml` beside this module."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from cellctl.facts.document import Table

_FOLDER = Path(__file__).parent / "downtime"
Downtime = Literal["", "none", "brief", "outage"]
_HARMLESS = ("create", "update", "import", "refresh")


@dataclass(frozen=True, kw_only=True, slots=True)
class Interruption:
    """What actions on a type mean; of an update, where one of the properties `of` changes (empty: any)."""

    type: str
    on: tuple[str, ...]
    means: Downtime
    why: str
    of: tuple[str, ...] = ()


def downtime(cloud: str, type_: str, action: str, changed: Collection[str]) -> tuple[Downtime, str]:
    """Return what an action means, with why; `` where nothing is known.

    `changed` are the paths that differ.
    """
    for one in _interruptions(cloud):
        touched = not one.of or any(path == name or path.startswith(f"{name}.") for path in changed for name in one.of)
        if one.type == type_ and action in one.on and touched:
            return one.means, one.why
    return ("none" if action in _HARMLESS else ""), ""


@lru_cache(maxsize=4)
def _interruptions(cloud: str) -> tuple[Interruption, ...]:
    path = _FOLDER / f"{cloud}.toml"
    if not path.exists():
        return ()
    table = Table.load(path)
    sources = set(table.struct("sources"))
    found = tuple(_read(entry, sources) for entry in table.tables("downtime"))
    table.end()
    return found


def _read(entry: Table, sources: set[str]) -> Interruption:
    means = entry.text("means")
    if means not in get_args(Downtime):
        raise entry.fail(f"'means' must be one of {', '.join(filter(None, get_args(Downtime)))}")
    found = Interruption(
        type=entry.text("type"),
        on=entry.texts("on"),
        of=entry.texts("of"),
        means=means,  # type: ignore[arg-type]  # looked at above
        why=entry.text("why"),
    )
    entry.source(sources)
    entry.end()
    return found
