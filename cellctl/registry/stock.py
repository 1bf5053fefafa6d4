"""What a reef has: its hosts and gateways, their slots, and how each goes from one state to the next.

Whoever changes what is on a reef locks the reef's row first, so claims see capacity either before or after.
"""
# SQLAlchemy's Table is generic over Any; nothing written here is.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import ColumnElement, Connection, exists, insert, select, update

from cellctl.errors import GuardError, Objection
from cellctl.facts.capacity import capacity
from cellctl.facts.document import FactsError
from cellctl.registry import doors, states, tables
from cellctl.registry.database import Database
from cellctl.registry.rows import TABLES, add, change, row_of, tell

Slot = Literal["database_slot", "share_slot"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NewReef:
    """A reef that is planned."""

    name: str
    account: str
    cloud: str
    region: str
    max_cells: int
    kind: str = "shared"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewHost:
    """A database host that is planned. `capacity` and `reserve` 0: what the facts say of its size and mode."""

    name: str
    kind: str
    size: str
    ha_mode: str
    capacity: int = 0
    reserve: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class NewGateway:
    """A gateway (AWS) or storage account (Azure) that is planned. `max_slots` 0: what the facts say."""

    name: str
    kind: str
    protocol: str
    max_slots: int = 0
    zone: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewBalancer:
    """A load balancer that is planned, for cells to share. `kind`: web or polling."""

    name: str
    kind: str
    slots: int
    object_id: str = ""


def add_reef(database: Database, new: NewReef) -> int:
    """Plan a reef and return its id."""

    def work(connection: Connection) -> int:
        now = database.now(connection)
        reef = add(connection, tables.reefs, {**asdict(new), "state": "planned", "state_since": now})
        tell(connection, now, (new.account, "reef", new.name), "planned")
        return reef

    return database.write(work)


def add_host(database: Database, reef: int, new: NewHost) -> int:
    """Plan a host with one slot for each database it takes, the last of them for restores; return its id.

    Raises:
        GuardError: More databases than its size takes in its mode, or fewer kept free than restores need.
    """

    def work(connection: Connection) -> int:
        takes, reserve = _sized(new, str(row_of(connection, "reef", reef, lock=True).cloud))
        life = {"state_since": database.now(connection)}
        sized = {**asdict(new), "capacity": takes, "reserve": reserve}
        host = add(connection, tables.hosts, {**sized, "reef_id": reef, "state": "planned", **life})
        add_database_slots(connection, host, now=life["state_since"])
        return host

    return database.write(work)


def add_database_slots(connection: Connection, host: int, *, now: float) -> None:
    """Add a slot for each database that a host takes and has none for yet; the last ones are for restores."""
    row = row_of(connection, "host", host)
    slots = tables.database_slots
    there = set(connection.execute(select(slots.c.number).where(slots.c.host_id == host)).scalars())
    cells = row.capacity - row.reserve
    new = [
        {"host_id": host, "reef_id": row.reef_id, "number": number, "state": "available", "state_since": now,
         "purpose": "cell" if number <= cells else "restore"}
        for number in range(1, row.capacity + 1) if number not in there
    ]  # fmt: skip
    if new:
        connection.execute(insert(slots), new)


def add_gateway(database: Database, reef: int, new: NewGateway) -> int:
    """Plan a gateway with its slots, none of which has a share yet; return its id.

    Raises:
        GuardError: More slots than a gateway can have.
    """

    def work(connection: Connection) -> int:
        known = capacity(str(row_of(connection, "reef", reef, lock=True).cloud))
        count = new.max_slots or known.gateway_slots
        if count > known.gateway_limit:
            raise _too_much(new.name, f"can have {known.gateway_limit} shares, not {count}")
        life = {"state_since": database.now(connection)}
        sized = {**asdict(new), "max_slots": count}
        gateway = add(connection, tables.gateways, {**sized, "reef_id": reef, "state": "planned", **life})
        slots = [{"gateway_id": gateway, "number": number, "state": "absent", **life} for number in range(1, count + 1)]
        connection.execute(insert(tables.share_slots), slots)
        return gateway

    return database.write(work)


def add_balancer(database: Database, reef: int, new: NewBalancer) -> int:
    """Plan a load balancer that cells share, with a slot for each of them; return its id.

    Raises:
        GuardError: More slots than its quotas allow.
    """

    def work(connection: Connection) -> int:
        counted = capacity(str(row_of(connection, "reef", reef, lock=True).cloud)).shared[new.kind]
        if new.slots > counted.places():
            raise _too_much(new.name, f"takes {counted.places()} cells ({counted.binding}), not {new.slots}")
        now = database.now(connection)
        values = {**asdict(new), "reef_id": reef, "state": "planned", "state_since": now}
        balancer = add(connection, tables.balancers, values)
        doors.add_slots(connection, balancer, reef, new.slots, now=now)
        return balancer

    return database.write(work)


def move(database: Database, kind: states.Kind, row_id: int, to: str, **values: object) -> None:
    """Bring a reef, host, gateway or slot to its next state, and set what comes with it.

    Raises:
        GuardError: No such thing may follow its present state, or cells still depend on it.
        InvariantBroken: E.g. a share that held data may not be had again before its scrub is proven (I6).
    """

    def work(connection: Connection) -> None:
        _lock_reef(connection, kind, row_id)
        row = row_of(connection, kind, row_id)
        before = str(row.state)
        if not states.may_follow(kind, before, to):
            raise _refused(kind, row_id, f"is {before} and cannot become {to}")
        if to in ("retired", "retiring") and _in_use(connection, kind, row_id):
            raise _refused(kind, row_id, "is in use by cells; drain it first")
        now = database.now(connection)
        change(connection, TABLES[kind], row_id, int(row.version), {"state": to, "state_since": now, **values})

    database.write(work)


def scrubbed(database: Database, slot: int, *, remaining: int) -> None:
    """Record what a look at a share's bucket found: objects, versions, delete markers and unfinished uploads."""

    def work(connection: Connection) -> None:
        row = row_of(connection, "share_slot", slot)
        if row.state != "verifying":
            raise _refused("share_slot", slot, f"is {row.state}; a scrub is proven while it is verifying")
        change(connection, tables.share_slots, slot, int(row.version), {"scrub_remaining": remaining})

    database.write(work)


def set_cordon(database: Database, kind: states.Kind, row_id: int, *, on: bool) -> None:
    """Let a reef, host or gateway take no new cells, or take them again; what is on it stays."""
    move(database, kind, row_id, "cordoned" if on else "in_service")


def retire_slots(database: Database, gateway: int) -> None:
    """Retire the slots of a gateway that goes; those that a cell still has are refused."""

    def work(connection: Connection) -> None:
        _lock_reef(connection, "gateway", gateway)
        if _in_use(connection, "gateway", gateway):
            raise _refused("gateway", gateway, "is in use by cells; drain it first")
        mine = (tables.share_slots.c.gateway_id == gateway) & (tables.share_slots.c.state != "retired")
        connection.execute(
            update(tables.share_slots)
            .where(mine)
            .values(state="retired", state_since=database.now(connection), version=tables.share_slots.c.version + 1)
        )

    database.write(work)


def _sized(new: NewHost, cloud: str) -> tuple[int, int]:
    """Return how many databases a new host takes, and how many of them stay free for restores."""
    known = capacity(cloud)
    try:
        most = known.databases_of(new.size, new.ha_mode)
    except FactsError as error:
        raise _too_much(new.name, f"cannot be planned: {error}") from None
    takes = new.capacity or most
    reserve = new.reserve or known.reserve_of(takes)
    if takes > most:
        raise _too_much(new.name, f"({new.size}, {new.ha_mode}) takes {most} databases, not {takes}")
    if reserve < known.reserve_of(takes):
        raise _too_much(new.name, f"must keep {known.reserve_of(takes)} databases free for restores, not {reserve}")
    return takes, reserve


def _too_much(name: str, why: str) -> GuardError:
    remedy = "the limits are data: cellctl/facts/placement"
    return GuardError([Objection(code="capacity_limit", reason=f"'{name}' {why}", remedy=remedy)])


def _lock_reef(connection: Connection, kind: states.Kind, row_id: int) -> None:
    row = row_of(connection, kind, row_id)
    if kind == "share_slot":
        row = row_of(connection, "gateway", int(row.gateway_id))
    row_of(connection, "reef", row_id if kind == "reef" else int(row.reef_id), lock=True)


def _in_use(connection: Connection, kind: states.Kind, row_id: int) -> bool:
    """Tell whether a cell has a place on a reef, host, gateway or balancer, or in a slot."""
    if kind in ("balancer", "balancer_slot"):
        return _has_door(connection, kind, row_id)
    slots = select(tables.database_slots.c.id).where(tables.database_slots.c.host_id == row_id)
    wanted: dict[str, ColumnElement[bool]] = {
        "reef": tables.bindings.c.reef_id == row_id,
        "host": tables.bindings.c.database_slot_id.in_(slots),
        "gateway": tables.bindings.c.gateway_id == row_id,
        "database_slot": tables.bindings.c.database_slot_id == row_id,
    }
    shares = tables.binding_shares
    there = (
        exists().where(tables.bindings.c.until.is_(None), wanted[kind])
        if kind in wanted
        else exists().where(shares.c.until.is_(None), shares.c.share_slot_id == row_id)
    )
    return bool(connection.execute(select(there)).scalar())


def _has_door(connection: Connection, kind: states.Kind, row_id: int) -> bool:
    held, slots = tables.binding_balancers, tables.balancer_slots
    mine = slots.c.balancer_id == row_id if kind == "balancer" else slots.c.id == row_id
    there = exists().where(held.c.until.is_(None), held.c.balancer_slot_id == slots.c.id, mine)
    return bool(connection.execute(select(there)).scalar())


def _refused(kind: str, row_id: int, why: str) -> GuardError:
    reason = f"{kind.replace('_', ' ')} {row_id} {why}"
    remedy = "look at what the registry says of it: cellctl registry check"
    return GuardError([Objection(code="registry_state", reason=reason, remedy=remedy)])
