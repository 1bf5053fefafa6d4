"""What a reef has and how much of it is free, read in one transaction."""
# SQLAlchemy's Table is generic over Any; nothing written here is.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, Table, func, select

from cellctl.placement import Quota, Request, room
from cellctl.registry import own_files
from cellctl.registry.inventory import inventory
from cellctl.registry.reefs import cells_of
from cellctl.registry.tables import balancer_slots, balancers, database_slots, gateways, hosts, reefs, share_slots


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A host, gateway or balancer: `slots` counts its slots by state; of a host those for cells only.

    `reserve` of a host's are for restores. `detail` is the size and mode of a host, the protocol and zone of a gateway,
    what a load balancer is for.
    """

    name: str
    state: str
    detail: str
    slots: Mapping[str, int]
    reserve: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ReefView:
    """A reef. `free`: how many more cells fit; `binding`: what runs out then. `quotas`: those a cell here takes of.

    `own_files`: each cell brings its own storage account, and there are no gateways.
    """

    state: str
    max_cells: int
    cells: tuple[str, ...]
    free: int
    binding: str
    hosts: tuple[Part, ...] = ()
    gateways: tuple[Part, ...] = ()
    balancers: tuple[Part, ...] = ()
    quotas: tuple[Quota, ...] = field(default=())
    own_files: bool = False


def view(connection: Connection, account: str, name: str, *, today: str) -> ReefView | None:
    """Return a shared reef, None where the registry knows none of this name."""
    query = select(reefs).where(reefs.c.account == account, reefs.c.name == name, reefs.c.kind == "shared")
    reef = connection.execute(query).one_or_none()
    if reef is None:
        return None
    found = inventory(connection, account=account, cloud=reef.cloud, region=reef.region)
    serving = {gateway.protocol for one in found.reefs if one.name == name for gateway in one.gateways}
    request = Request(
        cell="", account=account, cloud=reef.cloud, region=reef.region, reef=name, today=today,
        protocol=min(serving, default="nfs"),
    )  # fmt: skip
    free, binding = room(found, request)
    reef_of = next(one for one in found.reefs if one.name == name)
    return ReefView(
        state=str(reef.state),
        max_cells=int(reef.max_cells),
        cells=tuple(cells_of(connection, account, name)),
        free=free,
        binding=binding,
        hosts=_parts(connection, int(reef.id), hosts),
        gateways=_parts(connection, int(reef.id), gateways),
        balancers=_parts(connection, int(reef.id), balancers),
        quotas=tuple(replace(quota, per_cell=each) for quota in found.quotas if (each := quota.takes(reef_of))),
        own_files=reef_of.own_files,
    )


def _parts(connection: Connection, reef: int, table: Table) -> tuple[Part, ...]:
    mine = table.c.reef_id == reef
    if table is gateways:
        mine &= gateways.c.kind != own_files.KIND  # a cell's own is no part of the reef
    rows = connection.execute(select(table).where(mine).order_by(table.c.name)).all()
    counted = _slots(connection, table, [int(row.id) for row in rows])
    if table is hosts:
        return tuple(
            Part(
                name=row.name, state=row.state, detail=f"{row.size}, {row.ha_mode.replace('_', ' ')}",
                slots=counted[row.id], reserve=row.reserve,
            )
            for row in rows
        )  # fmt: skip
    if table is balancers:
        return tuple(
            Part(name=row.name, state=row.state, detail=f"load balancer, {row.kind}", slots=counted[row.id])
            for row in rows
        )
    return tuple(
        Part(name=row.name, state=row.state, detail=f"{row.protocol}, zone {row.zone}", slots=counted[row.id])
        for row in rows
    )


def _slots(connection: Connection, table: Table, ids: list[int]) -> Mapping[int, Mapping[str, int]]:
    found: dict[int, dict[str, int]] = {key: {} for key in ids}
    slots, owner = {
        "hosts": (database_slots, "host_id"),
        "gateways": (share_slots, "gateway_id"),
        "balancers": (balancer_slots, "balancer_id"),
    }[table.name]
    query = select(slots.c[owner], slots.c.state, func.count()).where(slots.c[owner].in_(ids))
    if table is hosts:
        query = query.where(database_slots.c.purpose == "cell")
    for key, state, number in connection.execute(query.group_by(slots.c[owner], slots.c.state)):
        found[key][state] = number
    return found
