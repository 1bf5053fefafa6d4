"""What a cell needs of a real account before its first `up`, as data: `account/<cloud>.toml` beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cellctl.facts.document import Table

_FOLDER = Path(__file__).parent / "account"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """A quota, `SERVICE.NAME` of the facts; `cell` is what a dedicated cell takes of it."""

    name: str
    cell: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """What is looked for: `zones` the least number of them, `images` by what they are for, `machines` by size.

    `private_zones` are the names of those of services, where a cloud has them. An image is the name of a parameter
    (AWS) or `PUBLISHER:OFFER:SKU:VERSION` (Azure).
    """

    zones: int
    images: Mapping[str, str]
    quotas: tuple[Quota, ...]
    machines: tuple[str, ...] = ()
    private_zones: tuple[str, ...] = ()


@lru_cache(maxsize=4)
def needs(cloud: str) -> Needs:
    """Return what a cell on a cloud needs of its account.

    Raises:
        FactsError: The file breaks the format.
    """
    table = Table.load(_FOLDER / f"{cloud}.toml")
    sources = set(table.struct("sources"))
    images = {str(name): str(value) for name, value in table.struct("images").items()}
    quotas = []
    for name, entry in table.named("quotas"):
        entry.source(sources)
        quotas.append(Quota(name=name, cell=int(entry.number("cell"))))
        entry.end()
    sizes = table.text("sizes", "")
    machines: tuple[str, ...] = ()
    if sizes:
        more, machines = _nodes(_FOLDER.parent / sizes)
        images |= more
    found = Needs(
        zones=int(table.number("zones")),
        images=images,
        quotas=tuple(quotas),
        machines=machines,
        private_zones=table.texts("private_zones"),
    )
    table.end()
    return found


def _nodes(file: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return images and machines of nodes as the layout's own data have them."""
    table = Table.load(file)
    images = {
        "node" if system == "windows" else f"{system}-node": ":".join(
            entry.text(key) for key in ("publisher", "offer", "sku", "version")
        )
        for system, entry in table.named("nodes_image")
    }
    return images, tuple(str(size) for size in table.struct("nodes").values())
