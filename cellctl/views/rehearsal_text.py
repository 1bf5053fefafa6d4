"""What a rehearsal found: as text for people, and as JSON. The first line says what was not checked."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cellctl.listing import some
from cellctl.rehearsal.rehearsing import NOT_CHECKED
from cellctl.views.text import count

if TYPE_CHECKING:
    from cellctl.rehearsal.comparing import Difference, Effect
    from cellctl.rehearsal.rehearsing import Rehearsal, Rehearsed

FORMAT_VERSION = "1"
_MOST_CELLS, _MOST_LINES = 6, 8
_WORDS: dict[Effect, tuple[str, str]] = {
    "replaces": ("would be replaced", "bold red"),
    "breaks": ("would not run", "red"),
    "changes": ("would change", "yellow"),
    "look": ("look at it", ""),
}


def rehearsal_text(found: Rehearsal, *, details: bool = False) -> RenderableType:
    """Return what differs, alike cells once; without `details` at most eight lines of each."""
    parts: list[RenderableType] = [Text(_first(found), style="bold")]
    versions = (f"{name} {found.now.get(name) or '?'} → {version}" for name, version in found.other.items())
    parts.append(Text(f"{count(len(found.cells), 'cell')} · {', '.join(versions)}"))
    for shown, cells in found.groups():
        parts.append(Text(f"\n{count(len(cells), 'cell')} ({some(cells, _MOST_CELLS)})"))
        parts += _lines(shown, details=details)
    for uses, words in ((True, "no difference found"), (False, "nothing of it in the state")):
        same = sum(cell.uses is uses and not cell.differs for cell in found.cells)
        if same:
            parts.append(Text(f"\n{count(same, 'cell')}: {words}"))
    parts += [Text(f"{name}: {error.summary}", style="red") for name, error in found.failed.items()]
    return Group(*parts)


def _first(found: Rehearsal) -> str:
    if found.checked:
        return "previewed with the other versions' own plugins"
    planned = sum(cell.planned is not None for cell in found.cells)
    how = "SDK classes were compared" + (f", and {count(planned, 'program')} run in the sandbox" if planned else "")
    return f"{NOT_CHECKED}: {how}. What replaces a database is decided in the plugin, so this is no proof."


def _lines(shown: Rehearsed, *, details: bool) -> list[Text]:
    lines = [Text(f"  the plan: {line}", style="red") for line in shown.planned or ()]
    lines += [_line(item) for item in shown.differences]
    left = len(lines) - _MOST_LINES
    if details or left <= 0:
        return lines
    return [*lines[:_MOST_LINES], Text(f"  … {left} more (--details)", style="dim")]


def _line(item: Difference) -> Text:
    word, style = _WORDS[item.effect]
    data = "  holds data" if item.stateful and item.effect == "replaces" else ""
    return Text(f"  {word}: {item.type}: {item.what}{data}", style=style)


def rehearsal_json(found: Rehearsal) -> dict[str, object]:
    """Return all of it, cell by cell."""
    return {
        "format_version": FORMAT_VERSION,
        "note": _first(found),
        "proof": found.checked,
        "now": dict(found.now),
        "other": dict(found.other),
        "cells": [
            {
                "cell": cell.cell,
                "differences": [asdict(item) for item in cell.differences],
                "planned": None if cell.planned is None else list(cell.planned),
                "with_plugin": cell.with_plugin,
            }
            for cell in found.cells
        ],
        "failed": [
            {"cell": name, "code": error.code, "message": error.summary, "hint": error.hint}
            for name, error in found.failed.items()
        ],
    }
