"""Which declared properties name a size that an account may or may not be offered: `offers/<cloud>.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cellctl.facts.document import Table

_FOLDER = Path(__file__).parent / "offers"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sized:
    """A type that has a size at the path `at`.

    `zones`: the path of its own zones, `` where it stands in those of the cell's subnets. `engine`: the path of a
    database's engine. `both`: the path that is true where it stands in two zones at once.
    """

    type: str
    kind: str
    at: str
    zones: str = ""
    engine: str = ""
    both: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Offers:
    """The sizes of a cloud, and the type and path that name a cell's zones; both `` where sizes name their own."""

    sizes: tuple[Sized, ...]
    zone_type: str = ""
    zone_at: str = ""


@lru_cache(maxsize=4)
def offers(cloud: str) -> Offers:
    """Return what is known of a cloud.

    Raises:
        FactsError: The file breaks the format.
    """
    table = Table.load(_FOLDER / f"{cloud}.toml")
    sources = set(table.struct("sources"))
    sizes = tuple(_sized(entry, sources) for entry in table.tables("sizes"))
    zones = table.table("zones") if "zones" in table.data else None
    found = Offers(
        sizes=sizes,
        zone_type=zones.text("type") if zones else "",
        zone_at=zones.text("at") if zones else "",
    )
    if zones:
        zones.end()
    table.end()
    return found


def _sized(entry: Table, sources: set[str]) -> Sized:
    words = {key: entry.text(key, "") for key in ("zones", "engine", "both")}
    sized = Sized(type=entry.text("type"), kind=entry.text("kind"), at=entry.text("at"), **words)
    entry.source(sources)
    entry.end()
    return sized
