"""How many cells fit where, as data: databases of a host by size and mode, head-room, what a cell takes of quotas.

The data are `placement/<cloud>.toml` beside this module; every entry names a source with a date.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cellctl import facts
from cellctl.facts.document import FactsError, Table

_FOLDER = Path(__file__).parent / "placement"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """How cells are spread: so many on a reef, behind a gateway, on a host, on a shared load balancer of each kind."""

    reef_cells: int
    gateway_cells: int
    host_cells: int
    web_cells: int = 1
    polling_cells: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Takes:
    """What one cell takes of a quota, `service.name` of the facts; `everywhere`: all regions share the limit.

    `base`, `host` and `gateway` are what a reef takes, and each of its hosts and gateways. `shared` is what a cell
    takes that shares its reef's load balancers; `doors`, `web` and `polling` what such a reef takes besides, and each
    of these. Places are given without a quota that is `raised` (`facts.Quota`); guards ask the account for it.
    """

    quota: str
    limit: int
    everywhere: bool
    dedicated: int
    reef: int
    base: int = 0
    host: int = 0
    gateway: int = 0
    shared: int = 0
    doors: int = 0
    web: int = 0
    polling: int = 0
    apart: int = 0
    raised: bool = False

    def needed(self, cells: int, placement: str, shape: Shape) -> int:
        """Return what so many cells need, with their reefs: `dedicated`, on a `reef`, or `shared` there."""
        if placement == "dedicated":
            return self.dedicated * cells
        full, rest = divmod(cells, shape.reef_cells)
        whole = self._reef(shape.reef_cells, placement, shape) * full
        return whole + (self._reef(rest, placement, shape) if rest else 0)

    def _reef(self, cells: int, placement: str, shape: Shape) -> int:
        """Return what one reef with so many cells needs, and they with it."""
        hosts, gateways = -(-cells // shape.host_cells), -(-cells // shape.gateway_cells)
        own = self.base + self.host * hosts + self.gateway * gateways
        if placement != "shared":
            return own + self.reef * cells
        webs, pollings = (-(-cells // each) for each in (shape.web_cells, shape.polling_cells))
        return own + self.shared * cells + self.doors + self.web * webs + self.polling * pollings


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """By which quotas the places of a shared load balancer are counted; the first that is used up is named."""

    quotas: Mapping[str, int]

    def places(self, each: int = 1) -> int:
        """Return how many cells share one, of which each takes so many."""
        return min(self.quotas.values()) // each

    @property
    def binding(self) -> str:
        """The quota that is used up first."""
        return min(self.quotas, key=lambda name: self.quotas[name])


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """The capacity facts of one cloud. `databases`: (size, mode) -> databases that one host takes.

    `own_files`: each cell brings its own storage account, so reefs have no gateways.
    """

    databases: Mapping[tuple[str, str], int]
    reserve_share: float
    reserve_least: int
    gateway_slots: int
    gateway_limit: int
    takes: tuple[Takes, ...]
    shared: Mapping[str, Counted]
    own_files: bool = False

    def databases_of(self, size: str, mode: str) -> int:
        """Return how many databases a host takes: `size` is a class (`db.m6i.xlarge`) or a SKU (`GP_Gen5_4`).

        Raises:
            FactsError: The size is unknown, or cannot run in this mode.
        """
        found = self.databases.get((size.rpartition(".")[2], mode))
        if found is None:
            raise FactsError(f"nothing says how many databases {size} takes with mode {mode}")
        return found

    def reserve_of(self, capacity: int) -> int:
        """Return how many of a host's databases are kept free for restores; a host for one cell keeps none."""
        return 0 if capacity == 1 else max(self.reserve_least, math.ceil(capacity * self.reserve_share))


@lru_cache(maxsize=8)
def capacity(cloud: str) -> Capacity:
    """Return the capacity facts of a cloud.

    Raises:
        FactsError: The file breaks the format, or names a quota that no service has.
    """
    table = Table.load(_FOLDER / f"{cloud}.toml")
    sources = set(table.struct("sources"))
    reserve, gateway = table.table("reserve"), table.table("gateway")
    found = Capacity(
        databases={**_databases(table, sources), **_pools(table, sources)},
        reserve_share=reserve.number("share"),
        reserve_least=int(reserve.number("least")),
        gateway_slots=int(gateway.number("slots")),
        gateway_limit=_quota(gateway, cloud).default,
        takes=tuple(_takes(entry, cloud, sources) for entry in table.tables("takes")),
        shared={name: _counted(entry, cloud, sources) for name, entry in table.named("balancers")},
        own_files=gateway.flag("own"),
    )
    for part in (reserve, gateway):
        _sourced(part, sources)
    table.end()
    return found


def _databases(table: Table, sources: set[str]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for entry in table.tables("databases"):
        modes = entry.table("modes")
        for size in entry.texts("sizes"):
            found |= {(size, mode): int(modes.number(mode)) for mode in modes.data}
        _sourced(entry, sources)
    return found


def _pools(table: Table, sources: set[str]) -> dict[tuple[str, str], int]:
    """Return what elastic pools take: the least of the service's limit, storage, vCores and the blast radius."""
    found: dict[tuple[str, str], int] = {}
    shares = table.table("pool")
    for entry in table.tables("pools"):
        size = entry.text("size")
        most = min(
            entry.number("databases"),
            entry.number("gib") // shares.number("gib_per_cell"),
            int(size.rpartition("_")[2]) * shares.number("cells_per_vcore"),
            shares.number("blast_radius"),
        )
        found |= {(size, mode): int(most) for mode in shares.texts("modes")}
        _sourced(entry, sources)
    if found:
        for source in shares.struct("sources").values():
            shares.source(sources, str(source))
        _sourced(shares, sources)
    return found


def _takes(entry: Table, cloud: str, sources: set[str]) -> Takes:
    quota = _quota(entry, cloud)
    takes = Takes(
        quota=entry.text("quota"),
        limit=quota.default,
        everywhere=quota.scope == "account",
        dedicated=int(entry.number("dedicated")),
        reef=int(entry.number("reef")),
        base=int(entry.number("base", 0)),
        host=int(entry.number("host", 0)),
        gateway=int(entry.number("gateway", 0)),
        shared=int(entry.number("shared", entry.number("reef"))),
        doors=int(entry.number("doors", 0)),
        web=int(entry.number("web", 0)),
        polling=int(entry.number("polling", 0)),
        apart=int(entry.number("apart", 0)),
        raised=quota.raised,
    )
    _sourced(entry, sources)
    return takes


def _counted(entry: Table, cloud: str, sources: set[str]) -> Counted:
    counted = Counted(quotas={name: _known(entry, cloud, name).default for name in entry.texts("quotas")})
    _sourced(entry, sources)
    return counted


def _quota(entry: Table, cloud: str) -> facts.Quota:
    return _known(entry, cloud, entry.text("quota"))


def _known(entry: Table, cloud: str, of: str) -> facts.Quota:
    service, _, name = of.partition(".")
    quota = facts.service(cloud, service).quotas.get(name)
    if quota is None:
        raise entry.fail(f"there is no quota '{service}.{name}' in cellctl/facts/{cloud}/{service}.toml")
    return quota


def _sourced(entry: Table, sources: set[str]) -> None:
    """Refuse an entry without a source, and one with what nobody reads."""
    entry.source(sources)
    entry.end()
