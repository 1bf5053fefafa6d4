"""Reefs with hosts and gateways in service, and cells that look for a place on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import Text, cast, func, insert, literal, select, update

from cellctl.placement import Request
from cellctl.registry import journal, stock, tables
from cellctl.registry.database import Database
from cellctl.registry.tables import binding_shares, bindings, share_slots

ACCOUNT = "aws:123456789012"
REGION = "eu-west-1"
_BIRTH = ("stack_creating", "booted", "activated", "cache_ready", "shares_creating")


def reef(
    database: Database, name: str = "r1", *, hosts: int = 1, gateways: int = 1, capacity: int = 5, reserve: int = 1,
    slots: int = 4, max_cells: int = 1000, account: str = ACCOUNT, size: str = "db.m6i.xlarge",
    doors: Mapping[str, Sequence[int]] = MappingProxyType({}),
) -> int:  # fmt: skip
    """Make a reef in service and return its id; gateways are `g0`, `g1`, hosts `h0`, `h1`.

    `doors` are load balancers for cells to share: of each kind (`web`, `polling`) how many cells each one takes.
    """
    new = stock.NewReef(name=name, account=account, cloud="aws", region=REGION, max_cells=max_cells)
    reef_id = stock.add_reef(database, new)
    stock.move(database, "reef", reef_id, "in_service")
    for number in range(hosts):
        host(database, reef_id, f"h{number}", capacity=capacity, reserve=reserve, size=size)
    for number in range(gateways):
        gateway(database, reef_id, f"{name}-g{number}", slots=slots)
    for kind, counts in doors.items():
        for number, count in enumerate(counts, start=1):
            balancer(database, reef_id, kind, f"{name}-{kind}-{number}", slots=count)
    return reef_id


def balancer(database: Database, reef_id: int, kind: str, name: str, *, slots: int) -> int:
    new = stock.NewBalancer(name=name, kind=kind, slots=slots, object_id=f"arn:{name}")
    balancer_id = stock.add_balancer(database, reef_id, new)
    mine = update(tables.balancers).where(tables.balancers.c.id == balancer_id)
    database.write(lambda connection: connection.execute(mine.values(place={f"{kind}_arn": f"arn:{name}"})))
    stock.move(database, "balancer", balancer_id, "in_service")
    return balancer_id


def host(database: Database, reef_id: int, name: str, *, capacity: int, reserve: int, size: str) -> int:
    new = stock.NewHost(name=name, kind="rds", size=size, ha_mode="always_on", capacity=capacity, reserve=reserve)
    host_id = stock.add_host(database, reef_id, new)
    for state in ("creating", "in_service"):
        stock.move(database, "host", host_id, state)
    return host_id


def gateway(database: Database, reef_id: int, name: str, *, slots: int, in_service: bool = True) -> int:
    new = stock.NewGateway(name=name, kind="storage_gateway", protocol="nfs", max_slots=slots)
    gateway_id = stock.add_gateway(database, reef_id, new)
    for state in _BIRTH:
        stock.move(database, "gateway", gateway_id, state)
    mine = update(share_slots).where(share_slots.c.gateway_id == gateway_id)
    names = {column: literal(f"{name}-") + cast(share_slots.c.number, Text) for column in ("bucket", "share_id")}
    database.write(lambda connection: connection.execute(mine.values(state="available", **names)))
    stock.move(database, "gateway", gateway_id, "probing")
    if in_service:
        stock.move(database, "gateway", gateway_id, "in_service")
    return gateway_id


def cell(database: Database, name: str) -> Request:
    """Make a cell that looks for a place and return its request."""
    return cells(database, [name])[0]


def cells(database: Database, names: list[str], account: str = ACCOUNT) -> list[Request]:
    """Make cells that look for a place and return their requests; a run made the first, the others are as it is."""
    key = journal.CellKey(account=account, cloud="aws", region=REGION, name=names[0], placement="reef")

    def work(connection):
        journal.begin(connection, 1.0, key, journal.Beginning(id=f"op-{key.name}", kind="up"))
        journal.finish(connection, 2.0, key, journal.Ending(id=f"op-{key.name}", result="nothing"))
        model = select(tables.cells).where(tables.cells.c.account == account, tables.cells.c.name == key.name)
        row = dict(connection.execute(model).one()._mapping)
        del row["id"]
        if names[1:]:
            connection.execute(insert(tables.cells), [{**row, "name": name} for name in names[1:]])

    database.write(work)
    return [
        Request(cell=name, account=account, cloud="aws", region=REGION, protocol="nfs", today="2026-11-28")
        for name in names
    ]


def counted(database: Database) -> tuple[int, int, int]:
    """Return how many bindings are open, how many database slots they have, and how many share slots."""
    with database.read() as connection:
        open_ = bindings.c.until.is_(None)
        row = connection.execute(
            select(func.count(), func.count(bindings.c.database_slot_id.distinct())).where(open_)
        ).one()
        shares = select(func.count(binding_shares.c.share_slot_id.distinct())).where(binding_shares.c.until.is_(None))
        return row[0], row[1], connection.execute(shares).scalar_one()
