"""The inventory value that placement judges, read from the registry in one transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TypeAlias

from sqlalchemy import BindParameter, Connection, bindparam, case, func, select

from cellctl.facts.capacity import capacity
from cellctl.placement import Balancer, Gateway, Host, Inventory, Quota, Reef
from cellctl.registry.own_files import KIND
from cellctl.registry.tables import (
    balancer_slots,
    balancers,
    binding_balancers,
    bindings,
    cells,
    database_slots,
    gateways,
    hosts,
    reefs,
    share_slots,
)

_Bound: TypeAlias = Mapping[tuple[str, int], Counter[str]]

_FREE = "available"
_GONE = ("absent", "creating", "retired")
_IDS: BindParameter[list[int]] = bindparam("ids", expanding=True)
_OPEN = bindings.c.until.is_(None)

# Built once: building a statement costs more than running it.
_REEFS = select(reefs).where(
    reefs.c.account == bindparam("account"),
    reefs.c.cloud == bindparam("cloud"),
    reefs.c.region == bindparam("region"),
    reefs.c.kind == "shared",
)
_BOUND = (
    select(bindings.c.reef_id, database_slots.c.host_id, bindings.c.gateway_id, bindings.c.tier, func.count())
    .join(database_slots, database_slots.c.id == bindings.c.database_slot_id)
    .where(_OPEN, bindings.c.reef_id.in_(_IDS))
    .group_by(bindings.c.reef_id, database_slots.c.host_id, bindings.c.gateway_id, bindings.c.tier)
)
_taken = database_slots.c.state != _FREE
_HOSTS = (
    select(hosts, func.count(database_slots.c.id).filter(_taken).label("used"))
    .outerjoin(database_slots, (database_slots.c.host_id == hosts.c.id) & (database_slots.c.purpose == "cell"))
    .where(hosts.c.reef_id.in_(_IDS))
    .group_by(hosts.c.id)
)
_slot = share_slots.c.state
_GATEWAYS = (
    select(
        gateways,
        func.count(share_slots.c.id).filter(_slot == _FREE).label("clean"),
        func.count(share_slots.c.id).filter(_slot.not_in((_FREE, *_GONE))).label("used"),
        func.count(share_slots.c.id).filter(_slot == "quarantined").label("held"),
    )
    .outerjoin(share_slots, share_slots.c.gateway_id == gateways.c.id)
    .where(gateways.c.reef_id.in_(_IDS), gateways.c.kind != KIND)
    .group_by(gateways.c.id)
)
_BALANCERS = (
    select(balancers, func.count(balancer_slots.c.id).filter(balancer_slots.c.state != _FREE).label("used"))
    .outerjoin(balancer_slots, balancer_slots.c.balancer_id == balancers.c.id)
    .where(balancers.c.reef_id.in_(_IDS), balancers.c.state != "retired")
    .group_by(balancers.c.id)
)
_SHARED = (
    select(bindings.c.cell_id)
    .join(binding_balancers, binding_balancers.c.binding_id == bindings.c.id)
    .where(_OPEN, binding_balancers.c.until.is_(None))
)
_KINDS = (
    select(balancers.c.kind, reefs.c.region, func.count().label("number"))
    .join(reefs, reefs.c.id == balancers.c.reef_id)
    .where(reefs.c.account == bindparam("account"), reefs.c.cloud == bindparam("cloud"), balancers.c.state != "retired")
    .group_by(balancers.c.kind, reefs.c.region)
)
_how = case((cells.c.id.in_(_SHARED), "shared"), else_=cells.c.placement)
_lives = (cells.c.placement == "dedicated") & (cells.c.state != "purged")
_LIVING = (
    select(
        _how.label("placement"),
        cells.c.region,
        func.count().label("cells"),
        func.sum(cells.c.accounts_apart).label("apart"),
    )
    .where(cells.c.account == bindparam("account"), cells.c.cloud == bindparam("cloud"))
    .where(_lives | cells.c.id.in_(select(bindings.c.cell_id).where(_OPEN)))
    .group_by(_how, cells.c.region)
)


def inventory(connection: Connection, *, account: str, cloud: str, region: str) -> Inventory:
    """Return the shared reefs of one account and region, and what is used of its quotas."""
    rows = connection.execute(_REEFS, {"account": account, "cloud": cloud, "region": region}).all()
    ids = {"ids": [row.id for row in rows]}
    bound = _bound(connection, ids)
    found_hosts, found_gateways = _hosts(connection, ids, bound), _gateways(connection, ids, bound)
    doors = _balancers(connection, ids, cloud)
    found = tuple(
        Reef(
            name=row.name, account=row.account, cloud=row.cloud, region=row.region, max_cells=row.max_cells,
            in_service=row.state == "in_service", cells=bound["reef", row.id].total(),
            hosts=tuple(found_hosts[row.id]), gateways=tuple(found_gateways[row.id]), balancers=tuple(doors[row.id]),
            own_files=capacity(cloud).own_files,
        )
        for row in rows
    )  # fmt: skip
    return Inventory(reefs=found, quotas=_quotas(connection, account, cloud, region))


def _bound(connection: Connection, ids: Mapping[str, list[int]]) -> _Bound:
    """Return how many cells of each tier are on each reef, host and gateway."""
    tiers: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for reef, host, gateway, tier, count in connection.execute(_BOUND, ids):
        for key in (("reef", reef), ("host", host), ("gateway", gateway)):
            tiers[key][tier] += count
    return tiers


def _hosts(connection: Connection, ids: Mapping[str, list[int]], bound: _Bound) -> Mapping[int, list[Host]]:
    found: dict[int, list[Host]] = defaultdict(list)
    for row in connection.execute(_HOSTS, ids):
        host = Host(
            name=row.name, in_service=row.state == "in_service", capacity=row.capacity, reserve=row.reserve,
            used=row.used, tiers=bound["host", row.id],
        )  # fmt: skip
        found[row.reef_id].append(host)
    return found


def _gateways(connection: Connection, ids: Mapping[str, list[int]], bound: _Bound) -> Mapping[int, list[Gateway]]:
    found: dict[int, list[Gateway]] = defaultdict(list)
    for row in connection.execute(_GATEWAYS, ids):
        gateway = Gateway(
            name=row.name, in_service=row.state == "in_service", protocol=row.protocol, slots=row.max_slots,
            used=row.used, clean=row.clean, held=row.held, deprecated=row.deprecation_date,
            tiers=bound["gateway", row.id],
        )  # fmt: skip
        found[row.reef_id].append(gateway)
    return found


def _balancers(connection: Connection, ids: Mapping[str, list[int]], cloud: str) -> Mapping[int, list[Balancer]]:
    counted = capacity(cloud).shared
    found: dict[int, list[Balancer]] = defaultdict(list)
    for row in connection.execute(_BALANCERS, ids):
        balancer = Balancer(
            name=row.name, kind=row.kind, in_service=row.state == "in_service", slots=row.slots, used=row.used,
            quota=counted[row.kind].binding if row.kind in counted else "",
        )  # fmt: skip
        found[row.reef_id].append(balancer)
    return found


def _quotas(connection: Connection, account: str, cloud: str, region: str) -> tuple[Quota, ...]:
    """Return the quotas with what cells take of them, dedicated or with a place on a reef, and shared balancers."""
    here: Counter[str] = Counter()
    everywhere: Counter[str] = Counter()
    whose = {"account": account, "cloud": cloud}
    found = connection.execute(_LIVING, whose).all()
    living = [(row.placement, row.region, row.cells) for row in found]
    apart = [("apart", row.region, int(row.apart or 0)) for row in found]
    doors = [(row.kind, row.region, row.number) for row in connection.execute(_KINDS, whose)]
    for what, where, number in (*living, *apart, *doors):
        everywhere[what] += number
        here[what] += number if where == region else 0
    return tuple(
        Quota(
            key=takes.quota,
            limit=takes.limit,
            used=takes.dedicated * counts["dedicated"]
            + takes.reef * counts["reef"]
            + takes.shared * counts["shared"]
            + takes.web * counts["web"]
            + takes.polling * counts["polling"]
            + takes.apart * counts["apart"],
            per_cell=takes.reef,
            per_shared=takes.shared,
            per_apart=takes.apart,
        )
        for takes in capacity(cloud).takes
        if not takes.raised
        for counts in [everywhere if takes.everywhere else here]
    )
