"""What people call the objects that a cell can take over, as data: `imports/<cloud>.toml` beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cellctl.facts.document import Table

_FOLDER = Path(__file__).parent / "imports"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind. `types` is the URN's chain of types, `name` the logical name with `{cell}`, `id` what its id is."""

    types: str
    name: str
    id: str

    def urn(self, stack: str, project: str, cell: str) -> str:
        """Return the URN of this kind's resource in a cell's stack."""
        return f"urn:pulumi:{stack}::{project}::{self.types}::{self.name.format(cell=cell)}"


@lru_cache(maxsize=4)
def kinds(cloud: str) -> Mapping[str, Kind]:
    """Return the kinds of a cloud by their names, none for a cloud that has no such file.

    Raises:
        FactsError: The file breaks the format.
    """
    file = _FOLDER / f"{cloud}.toml"
    if not file.exists():
        return {}
    table = Table.load(file)
    sources = set(table.struct("sources"))
    found: dict[str, Kind] = {}
    for name, entry in table.named("kinds"):
        entry.source(sources)
        found[name] = Kind(types=entry.text("types"), name=entry.text("name"), id=entry.text("id"))
        entry.end()
    table.end()
    return found
