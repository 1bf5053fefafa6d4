"""Storage accounts that cells bring themselves: on Azure an account's key opens every share in it, so none is shared.

Such an account is a gateway of its cell's reef with one slot. It comes with the cell's claim and is retired with it;
what it is called in the cloud is recorded once the cell's state tells it.
"""
# SQLAlchemy's Table is generic over Any; nothing written here is.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from cellctl.registry.rows import add, change, row_of
from cellctl.registry.tables import gateways, share_slots

KIND = "storage_account"
_NAMES = select(gateways.c.name).where(gateways.c.reef_id == bindparam("reef"), gateways.c.kind == KIND)


def brought(connection: Connection, reef: int, cell: str, protocol: str, *, now: float) -> tuple[int, int]:
    """Record the account that a cell brings to a reef, its slot reserved; return the ids of both."""
    taken = set(connection.execute(_NAMES, {"reef": reef}).scalars())
    name = next(one for number in range(1, len(taken) + 2) if (one := _name(cell, number)) not in taken)
    life = {"state_since": now}
    gateway = add(
        connection,
        gateways,
        {"reef_id": reef, "name": name, "kind": KIND, "protocol": protocol, "max_slots": 1, "place": {},
         "state": "in_service", **life},
    )  # fmt: skip
    slot = add(connection, share_slots, {"gateway_id": gateway, "number": 1, "state": "reserved", **life})
    return gateway, slot


def left(connection: Connection, slot: int, *, now: float) -> bool:
    """Retire an account whose cell is gone with it; tell whether the slot was one of these."""
    share = row_of(connection, "share_slot", slot)
    gateway = row_of(connection, "gateway", int(share.gateway_id))
    if gateway.kind != KIND:
        return False
    retired = {"state": "retired", "state_since": now}
    change(connection, share_slots, slot, int(share.version), retired)
    change(connection, gateways, int(gateway.id), int(gateway.version), retired)
    return True


def _name(cell: str, number: int) -> str:
    return cell if number == 1 else f"{cell}-{number}"
