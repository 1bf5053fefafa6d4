"""A cell claims its place: a database slot and share slots of one reef, reserved for a while, then bound.

    found = claim(database, request)            # the same one again until it is given back or runs out
    confirm(database, found, database_name="octo_acme_g1")
    give_back(database, found.account, found.cell)

Slots change hands by compare-and-swap on their version, within one transaction: whoever dies in it has claimed nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Row, bindparam, func, select, update

from cellctl.errors import RegistryError, UsageError
from cellctl.placement import Placement, Refusal, Request, place
from cellctl.registry import doors, own_files
from cellctl.registry.database import Conflict, Database, insert_new
from cellctl.registry.holding import share_kinds
from cellctl.registry.inventory import inventory
from cellctl.registry.rows import change, row_of, tell
from cellctl.registry.tables import (
    balancer_slots,
    binding_balancers,
    binding_shares,
    bindings,
    cells,
    database_slots,
    gateways,
    hosts,
    reefs,
    share_slots,
)

RESERVED_S = 900.0


class ClaimLost(RegistryError):
    """The reservation ran out and its slots went to another cell: claim again."""

    code = "claim_lost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What a cell has. `reserved_until`: unix seconds, None once it is bound. `shares`: slots in order.

    `doors`: its slots of web and polling on load balancers that it shares, none where it brings its own.
    """

    binding: int
    account: str
    cell: str
    reef: str
    host: str
    gateway: str
    database_slot: int
    shares: tuple[int, ...]
    reserved_until: float | None
    doors: tuple[int, ...] = ()


def claim(database: Database, request: Request, *, reserve_s: float = RESERVED_S) -> Claim | Refusal:
    """Reserve a place for `reserve_s` seconds; a cell that has one keeps it, its reservation prolonged.

    Raises:
        UsageError: The registry has no such cell.
        RegistryError: The registry cannot be reached.
    """

    return database.write(
        lambda connection: claim_in(connection, database.now(connection), request, reserve_s=reserve_s)
    )


def claim_in(connection: Connection, now: float, request: Request, *, reserve_s: float = RESERVED_S) -> Claim | Refusal:
    """As `claim`, within a transaction of the caller's."""
    cell = _cell(connection, request.account, request.cell)
    binding = _open_binding(connection, cell.id)
    if binding is not None:
        return _prolonged(connection, binding, now + reserve_s)
    if cell.accounts_apart != request.accounts_apart:
        change(connection, cells, cell.id, cell.version, {"accounts_apart": request.accounts_apart})
    placed = _placed(connection, request)
    if isinstance(placed, Refusal) and _take_back_expired(connection, now):
        placed = _placed(connection, request)
    if isinstance(placed, Refusal):
        return placed
    return _reserved(connection, request, cell, placed, since=now, until=now + reserve_s)


def confirm(database: Database, claimed: Claim, *, database_name: str) -> Claim:
    """Bind what was reserved: from now on it may hold this cell's data.

    Raises:
        ClaimLost: The reservation is another's by now, or was given back.
    """

    def work(connection: Connection) -> Claim:
        now = database.now(connection)
        binding = _open_binding(connection, _cell(connection, claimed.account, claimed.cell).id)
        if binding is None or binding.id != claimed.binding:
            raise ClaimLost(f"the place of cell '{claimed.cell}' was given to another", hint="claim again")
        if binding.reserved_until is None:
            return _claim_of(connection, binding)
        change(connection, bindings, binding.id, binding.version, {"reserved_until": None})
        bound = {"state": "bound", "state_since": now}
        slot = row_of(connection, "database_slot", binding.database_slot_id)
        change(connection, database_slots, slot.id, slot.version, {**bound, "database": database_name})
        for share in _shares(connection, binding.id):
            values = {**bound, "held_data": True, "scrub_remaining": None}
            change(connection, share_slots, share.id, share.version, values)
        doors.moved(connection, int(binding.id), "bound", now)
        tell(connection, now, (claimed.account, "cell", claimed.cell), "bound", {"reef": claimed.reef})
        return _claim_of(connection, _open_binding(connection, binding.cell_id) or binding)

    return database.write(work)


def give_back(database: Database, account: str, cell: str) -> bool:
    """End a cell's binding; tell whether there was one.

    What was only reserved is free at once. What was bound may hold data: its shares go to `detaching`, its database to
    `readonly_hold`, and come back only by their own way.
    """

    def work(connection: Connection) -> bool:
        binding = _open_binding(connection, _cell(connection, account, cell).id)
        if binding is None:
            return False
        _end(connection, binding, database.now(connection))
        return True

    return database.write(work)


def left(connection: Connection, now: float, account: str, cell: str) -> None:
    """End the binding of a cell whose resources are gone: its database was dropped, its share admits nobody.

    The database's slot is free again. What the share held is still in its bucket, so its slot is quarantined; a storage
    account of the cell's own is gone with it.
    """
    binding = _open_binding(connection, _cell(connection, account, cell).id)
    if binding is None:
        return
    shares = [int(share.id) for share in _shares(connection, binding.id)]
    _end(connection, binding, now)
    slot = row_of(connection, "database_slot", binding.database_slot_id)
    if slot.state == "readonly_hold":
        values = {"state": "available", "state_since": now, "database": ""}
        change(connection, database_slots, slot.id, slot.version, values)
    for share in (row_of(connection, "share_slot", share_id) for share_id in shares):
        if share.state == "detaching" and not own_files.left(connection, int(share.id), now=now):
            values = {"state": "quarantined", "state_since": now, "client_list": []}
            change(connection, share_slots, share.id, share.version, values)


def take_back_expired(database: Database) -> int:
    """Free the slots whose reservation ran out before anything was mounted; return how many cells lost theirs."""
    return database.write(lambda connection: _take_back_expired(connection, database.now(connection)))


def free_orphans(connection: Connection, now: float) -> int:
    """Free slots that are reserved and that no cell has; return how many there were."""
    held = select(binding_shares.c.share_slot_id).where(binding_shares.c.until.is_(None))
    bound = select(bindings.c.database_slot_id).where(bindings.c.until.is_(None))
    shared = select(binding_balancers.c.balancer_slot_id).where(binding_balancers.c.until.is_(None))
    count = 0
    for table, taken in ((share_slots, held), (database_slots, bound), (balancer_slots, shared)):
        orphans = (table.c.state == "reserved") & table.c.id.not_in(taken)
        values = {"state": "available", "state_since": now, "version": table.c.version + 1}
        count += connection.execute(update(table).where(orphans).values(values)).rowcount
    return count


def _placed(connection: Connection, request: Request) -> Placement | Refusal:
    found = inventory(connection, account=request.account, cloud=request.cloud, region=request.region)
    return place(found, request)


def _reserved(
    connection: Connection,
    request: Request,
    cell: Row[tuple[object, ...]],
    placed: Placement,
    *,
    since: float,
    until: float,
) -> Claim:
    reef, host, gateway = _locked(connection, request, placed)
    slot = _swapped_database(connection, host, since)
    gateway, shares = _files(connection, request, reef, gateway, since)
    taken = doors.reserved(connection, reef, placed, since)
    binding = insert_new(
        connection,
        bindings,
        {"account": cell.account, "cloud": cell.cloud, "region": cell.region, "cell_id": cell.id, "reef_id": reef,
         "database_slot_id": slot, "gateway_id": gateway, "tier": request.tier, "since": since,
         "reserved_until": until},
    )  # fmt: skip
    for share, kind in zip(shares, share_kinds(len(shares)), strict=True):
        values = {"binding_id": binding, "share_slot_id": share, "gateway_id": gateway, "kind": kind}
        insert_new(connection, binding_shares, values)
    doors.given(connection, binding, reef, taken)
    tell(connection, since, (request.account, "cell", request.cell), "reserved", {"reef": placed.reef})
    return Claim(
        binding=binding, account=request.account, cell=request.cell, reef=placed.reef, host=placed.host,
        gateway=placed.gateway or str(row_of(connection, "gateway", gateway).name), database_slot=slot, shares=shares,
        reserved_until=until,
        doors=tuple(slot for _, slot in taken),
    )  # fmt: skip


_ON_REEF = select(func.count()).where(bindings.c.reef_id == reefs.c.id, bindings.c.until.is_(None)).scalar_subquery()
_PLACE = (
    select(reefs.c.id, hosts.c.id.label("host"), func.coalesce(gateways.c.id, 0).label("gateway"))
    .join(hosts, hosts.c.reef_id == reefs.c.id)
    .outerjoin(
        gateways,
        (gateways.c.reef_id == reefs.c.id)
        & (gateways.c.name == bindparam("gateway_name"))
        & (gateways.c.state == "in_service"),
    )
    .where(*(table.c.state == "in_service" for table in (reefs, hosts)))
    .where(hosts.c.name == bindparam("host_name"))
    .where(reefs.c.id == bindparam("reef"), reefs.c.max_cells > _ON_REEF)
)


# Built once: building a statement costs more than running it.
_NAMED_REEF = (
    select(reefs.c.id)
    .where(reefs.c.account == bindparam("account"), reefs.c.name == bindparam("reef"), reefs.c.kind == "shared")
    .with_for_update()
)
_FREE_DATABASE = (
    select(database_slots)
    .where(database_slots.c.host_id == bindparam("host"), database_slots.c.purpose == "cell")
    .where(database_slots.c.state == "available")
    .order_by(database_slots.c.number)
    .limit(1)
)
_FREE_SHARES = (
    select(share_slots)
    .where(share_slots.c.gateway_id == bindparam("gateway"), share_slots.c.state == "available")
    .order_by(share_slots.c.number)
    .limit(bindparam("wanted"))
)
_CELL = select(cells).where(cells.c.account == bindparam("account"), cells.c.name == bindparam("name"))
_BINDING = select(bindings).where(bindings.c.cell_id == bindparam("cell"), bindings.c.until.is_(None)).with_for_update()
_SHARES = (
    select(share_slots)
    .join(binding_shares, binding_shares.c.share_slot_id == share_slots.c.id)
    .where(binding_shares.c.binding_id == bindparam("binding"), binding_shares.c.until.is_(None))
    .order_by(share_slots.c.number)
)


def _locked(connection: Connection, request: Request, placed: Placement) -> tuple[int, int, int]:
    """Lock the reef that was chosen and look once more: nobody changes it until this transaction has ended.

    Returns ids; that of the gateway is 0 where the cell brings its own files.
    """
    reef = connection.execute(_NAMED_REEF, {"account": request.account, "reef": placed.reef}).scalar()
    names = {"reef": reef, "host_name": placed.host, "gateway_name": placed.gateway}
    found = connection.execute(_PLACE, names).one_or_none()
    if found is None or bool(found.gateway) != bool(placed.gateway):
        raise Conflict
    return found.id, found.host, found.gateway


def _swapped_database(connection: Connection, host: int, now: float) -> int:
    slot = connection.execute(_FREE_DATABASE, {"host": host}).one_or_none()
    if slot is None:
        raise Conflict
    change(connection, database_slots, slot.id, slot.version, {"state": "reserved", "state_since": now})
    return int(slot.id)


def _files(
    connection: Connection, request: Request, reef: int, gateway: int, now: float
) -> tuple[int, tuple[int, ...]]:
    """Reserve shares of a gateway, or record the account that the cell brings; return ids of gateway and slots."""
    if gateway:
        return gateway, _swapped_shares(connection, gateway, request.shares, now)
    gateway, slot = own_files.brought(connection, reef, request.cell, request.protocol, now=now)
    return gateway, (slot,)


def _swapped_shares(connection: Connection, gateway: int, wanted: int, now: float) -> tuple[int, ...]:
    found = connection.execute(_FREE_SHARES, {"gateway": gateway, "wanted": wanted}).all()
    if len(found) < wanted:
        raise Conflict
    for slot in found:
        change(connection, share_slots, slot.id, slot.version, {"state": "reserved", "state_since": now})
    return tuple(int(slot.id) for slot in found)


def _take_back_expired(connection: Connection, now: float) -> int:
    query = select(bindings).where(bindings.c.until.is_(None), bindings.c.reserved_until < now)
    expired = connection.execute(query.with_for_update(skip_locked=True)).all()
    for binding in expired:
        _end(connection, binding, now)
    return len(expired)


def _end(connection: Connection, binding: Row[tuple[object, ...]], now: float) -> None:
    reserved = binding.reserved_until is not None
    change(connection, bindings, binding.id, binding.version, {"until": now})
    slot = row_of(connection, "database_slot", binding.database_slot_id)
    state = "available" if reserved else "readonly_hold"
    change(connection, database_slots, slot.id, slot.version, {"state": state, "state_since": now})
    for share in _shares(connection, binding.id):
        if reserved and own_files.left(connection, int(share.id), now=now):
            continue
        state = "available" if reserved else "detaching"
        change(connection, share_slots, share.id, share.version, {"state": state, "state_since": now})
    mine = binding_shares.c.binding_id == binding.id
    connection.execute(binding_shares.update().where(mine).values(until=now))
    doors.moved(connection, int(binding.id), "available", now)
    name = connection.execute(select(cells.c.name).where(cells.c.id == binding.cell_id)).scalar_one()
    tell(connection, now, (binding.account, "cell", str(name)), "given_back", {"held_data": not reserved})


def _prolonged(connection: Connection, binding: Row[tuple[object, ...]], until: float) -> Claim:
    if binding.reserved_until is None:
        return _claim_of(connection, binding)
    change(connection, bindings, binding.id, binding.version, {"reserved_until": until})
    return _claim_of(connection, _open_binding(connection, binding.cell_id) or binding)


def _cell(connection: Connection, account: str, name: str) -> Row[tuple[object, ...]]:
    found = connection.execute(_CELL, {"account": account, "name": name}).one_or_none()
    if found is None:
        raise UsageError(f"the registry knows no cell '{name}'", hint=f"cellctl up {name}", code="not_in_registry")
    return found


def _open_binding(connection: Connection, cell: int) -> Row[tuple[object, ...]] | None:
    return connection.execute(_BINDING, {"cell": cell}).one_or_none()


def _shares(connection: Connection, binding: int) -> list[Row[tuple[object, ...]]]:
    return list(connection.execute(_SHARES, {"binding": binding}).all())


def _claim_of(connection: Connection, binding: Row[tuple[object, ...]]) -> Claim:
    slot = row_of(connection, "database_slot", binding.database_slot_id)
    return Claim(
        binding=binding.id,
        account=binding.account,
        cell=str(connection.execute(select(cells.c.name).where(cells.c.id == binding.cell_id)).scalar_one()),
        reef=str(row_of(connection, "reef", binding.reef_id).name),
        host=str(row_of(connection, "host", slot.host_id).name),
        gateway=str(row_of(connection, "gateway", binding.gateway_id).name),
        database_slot=binding.database_slot_id,
        shares=tuple(int(share.id) for share in _shares(connection, binding.id)),
        reserved_until=binding.reserved_until,
        doors=tuple(int(one.id) for one in doors.held(connection, binding.id)),
    )
