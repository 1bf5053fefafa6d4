"""The journal of an exploration: a line of JSON for each kill, and beside it a summary."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Set
from pathlib import Path


def settled(journal: Path) -> set[str]:
    """Return the points that were hit without a fault."""
    return {str(line["key"]) for line in done(journal) if not line["faults"] and line["hit"]}


def summarize(journal: Path, told: Mapping[str, object], keys: Set[str]) -> None:
    """Write beside a journal how many kills there are, and how many are left."""
    summary = {**told, "kills": len(keys), "left": len(keys - settled(journal))}
    journal.with_suffix(".summary.json").write_text(json.dumps(summary))


def append(journal: Path, told: dict[str, object]) -> None:
    with journal.open("a") as file:
        file.write(json.dumps(told) + "\n")


def done(journal: Path) -> Iterator[dict[str, object]]:
    """Yield the lines of a journal; the last may be torn."""
    for line in journal.read_text().splitlines() if journal.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue
