"""What runs in a cell and whom it must reach, as data (`needs.toml`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cellctl.facts.document import Table


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """Somebody must be reached on every port over every protocol."""

    to: str
    ports: tuple[int, ...]
    protocols: tuple[str, ...]

    def flows(self) -> Iterator[tuple[int, str]]:
        """Yield each port with each protocol."""
        for port in self.ports:
            for protocol in self.protocols:
                yield port, protocol


@lru_cache(maxsize=1)
def _document() -> dict[str, tuple[Need, ...]]:
    table = Table.load(Path(__file__).with_name("needs.toml"))
    sources = {name for name, _ in table.named("sources")}
    return {kind: tuple(_need(item, sources) for item in table.tables(kind)) for kind in _KINDS}


_KINDS = ("appliance", "nfs", "smb", "installer", "image", "azure-image", "trust")


def needs_of(kind: str) -> tuple[Need, ...]:
    """Return the needs of an appliance, a mount (`nfs`, `smb`) or an installation (any other of `_KINDS`)."""
    return _document()[kind]


def _need(table: Table, sources: set[str]) -> Need:
    ports = table.get("ports")
    if table.text("source") not in sources or not isinstance(ports, list):
        raise table.fail("needs ports, and a source that is listed")
    whole = tuple(int(port) for port in ports if isinstance(port, int | float))
    return Need(to=table.text("to"), ports=whole, protocols=table.texts("protocols"))
