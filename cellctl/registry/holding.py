"""A cell's hold on its place, by what its state was told: bound again where the registry has lost it.

The place that was frozen into a stack is stronger than a registry that was filled anew: the cell's data is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Row, literal, select

from cellctl.registry import doors, own_files
from cellctl.registry.rows import add, change, row_of
from cellctl.registry.tables import binding_shares, bindings, database_slots, gateways, hosts, reefs, share_slots

if TYPE_CHECKING:
    from cellctl.registry.survey import Survey


def restored(connection: Connection, now: float, cell: int, survey: Survey) -> str:
    """Bind a cell to the place that its state names; return what that was, `` if it has a place or none is there."""
    has = select(bindings.c.id).where(bindings.c.cell_id == cell, bindings.c.until.is_(None))
    own = "share_arn" not in survey.place
    found = _place_with_own_files(connection, survey) if own else _place(connection, survey)
    if found is None or connection.execute(has).first() is not None:
        return ""
    slot, key = row_of(connection, "database_slot", int(found.slot)), survey.key
    gateway, share_id = int(found.gateway), int(found.share)
    if own:
        protocol = survey.gateway.protocol if survey.gateway else "smb"
        gateway, share_id = own_files.brought(connection, int(found.reef), key.name, protocol, now=now)
    shares = [share_id, *_apart(connection, gateway, survey)]
    bound = {"state": "bound", "state_since": now}
    change(connection, database_slots, slot.id, slot.version, {**bound, "database": survey.place["database"]})
    for each in shares:
        share = row_of(connection, "share_slot", each)
        change(connection, share_slots, share.id, share.version, {**bound, "held_data": True, "scrub_remaining": None})
    _served(connection, now, gateway)
    binding = add(
        connection,
        bindings,
        {"cell_id": cell, "account": key.account, "cloud": key.cloud, "region": key.region, "reef_id": found.reef,
         "database_slot_id": slot.id, "gateway_id": gateway, "since": now},
    )  # fmt: skip
    for each, kind in zip(shares, share_kinds(len(shares)), strict=True):
        values = {"binding_id": binding, "share_slot_id": each, "gateway_id": gateway, "kind": kind}
        connection.execute(binding_shares.insert().values(values))
    doors.restored(connection, now, binding, int(found.reef), survey.place)
    return f"place of {key.name}"


def share_kinds(count: int) -> list[str]:
    """Return what the shares of a cell on a reef are for, in order: all of its files, or parts of them."""
    return ["files"] if count == 1 else [f"files-{number}" for number in range(1, count + 1)]


def _apart(connection: Connection, gateway: int, survey: Survey) -> list[int]:
    """Return the slots of the shares that a state names besides its first, as far as that gateway has them."""
    told = survey.place.get("apart")
    arns = [str(one.get("share_arn")) for one in (told if isinstance(told, list) else ()) if isinstance(one, dict)]
    query = (
        select(share_slots.c.id)
        .where(share_slots.c.gateway_id == gateway, share_slots.c.share_id.in_(arns))
        .order_by(share_slots.c.number)
    )
    return [int(found) for (found,) in connection.execute(query)] if arns else []


def _served(connection: Connection, now: float, gateway: int) -> None:
    """Take a gateway that waits for its gates as in service: it carries a cell, so somebody has seen them hold."""
    row = row_of(connection, "gateway", gateway)
    if row.state == "probing":
        change(connection, gateways, gateway, int(row.version), {"state": "in_service", "state_since": now})


def _place_with_own_files(connection: Connection, survey: Survey) -> Row[tuple[object, ...]] | None:
    """Return ids of the reef and database slot that a state names; the slot's number decides the cell's addresses."""
    place, key = survey.place, survey.key
    number, none = place.get("number"), literal(0)
    query = (
        select(
            reefs.c.id.label("reef"), none.label("gateway"), none.label("share"), database_slots.c.id.label("slot"),
            database_slots.c.number, hosts.c.place,
        )
        .select_from(reefs)
        .join(hosts, hosts.c.reef_id == reefs.c.id)
        .join(database_slots, database_slots.c.host_id == hosts.c.id)
        .where(reefs.c.account == key.account, reefs.c.name == str(place.get("reef")), reefs.c.kind == "shared")
        .where(hosts.c.name == str(place.get("host")), database_slots.c.state.in_(("available", "bound")))
        .where(database_slots.c.database.in_(("", str(place.get("database")))))
    )  # fmt: skip
    for row in connection.execute(query):
        first = row.place.get("number") if isinstance(row.place, dict) else None
        if isinstance(first, int | float) and first + row.number - 1 == number:
            return row
    return None


def _place(connection: Connection, survey: Survey) -> Row[tuple[object, ...]] | None:
    """Return ids of the reef, gateway, database slot and share slot that a state names."""
    place, key = survey.place, survey.key
    query = (
        select(
            reefs.c.id.label("reef"), gateways.c.id.label("gateway"), share_slots.c.id.label("share"),
            database_slots.c.id.label("slot"),
        )
        .select_from(reefs)
        .join(gateways, gateways.c.reef_id == reefs.c.id)
        .join(share_slots, share_slots.c.gateway_id == gateways.c.id)
        .join(hosts, hosts.c.reef_id == reefs.c.id)
        .join(database_slots, database_slots.c.host_id == hosts.c.id)
        .where(reefs.c.account == key.account, reefs.c.name == str(place.get("reef")), reefs.c.kind == "shared")
        .where(share_slots.c.share_id == str(place.get("share_arn")), hosts.c.name == str(place.get("host")))
        .where(database_slots.c.purpose == "cell", database_slots.c.state.in_(("available", "bound")))
        .where(database_slots.c.database.in_(("", str(place.get("database")))))
        .order_by(database_slots.c.database.desc(), database_slots.c.number)
        .limit(1)
    )  # fmt: skip
    found: Row[tuple[object, ...]] | None = connection.execute(query).first()  # type: ignore[assignment]  # by label
    return found
