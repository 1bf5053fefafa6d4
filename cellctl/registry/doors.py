"""A cell's places in the load balancers of its reef: one of web, one of polling; they come and go with its binding."""
# SQLAlchemy's Table is generic over Any; nothing written here is.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from cellctl.errors import RegistryError
from cellctl.registry.database import Conflict, insert_new
from cellctl.registry.rows import change
from cellctl.registry.tables import balancer_slots, balancers, binding_balancers

if TYPE_CHECKING:
    from cellctl.placement import Placement

_OPEN = binding_balancers.c.until.is_(None)

# Built once: building a statement costs more than running it.
_FREE = (
    select(balancer_slots)
    .join(balancers, balancers.c.id == balancer_slots.c.balancer_id)
    .where(balancers.c.reef_id == bindparam("reef"), balancers.c.name == bindparam("name"))
    .where(balancers.c.state == "in_service", balancer_slots.c.state == "available")
    .order_by(balancer_slots.c.number)
    .limit(1)
)
_HELD = (
    select(
        balancer_slots.c.id, balancer_slots.c.number, balancer_slots.c.version, balancers.c.name, balancers.c.place,
        binding_balancers.c.kind,
    )
    .join(binding_balancers, binding_balancers.c.balancer_slot_id == balancer_slots.c.id)
    .join(balancers, balancers.c.id == balancer_slots.c.balancer_id)
    .where(binding_balancers.c.binding_id == bindparam("binding"), _OPEN)
    .order_by(binding_balancers.c.kind.desc())
)  # fmt: skip


def reserved(connection: Connection, reef: int, placed: Placement, now: float) -> tuple[tuple[str, int], ...]:
    """Reserve a slot in each balancer that a placement names; return each with what it is for.

    Raises:
        Conflict: Somebody else took the last one.
    """
    taken = []
    for kind, name in (("web", placed.web), ("polling", placed.polling)):
        if name:
            slot = connection.execute(_FREE, {"reef": reef, "name": name}).one_or_none()
            if slot is None:
                raise Conflict
            change(connection, balancer_slots, slot.id, slot.version, {"state": "reserved", "state_since": now})
            taken.append((kind, int(slot.id)))
    return tuple(taken)


def given(connection: Connection, binding: int, reef: int, taken: tuple[tuple[str, int], ...]) -> None:
    """Write down that a binding has the slots that were reserved for it."""
    for kind, slot in taken:
        values = {"binding_id": binding, "balancer_slot_id": slot, "reef_id": reef, "kind": kind}
        insert_new(connection, binding_balancers, values)


def held(connection: Connection, binding: int) -> list[Row[tuple[object, ...]]]:
    """Return the slots that a binding has, that of web first."""
    found: list[Row[tuple[object, ...]]] = list(connection.execute(_HELD, {"binding": binding}).all())  # type: ignore[arg-type]  # by label
    return found


def moved(connection: Connection, binding: int, to: str, now: float) -> None:
    """Bring the slots of a binding to a state; once they are available it has them no more: they hold no data."""
    for slot in held(connection, binding):
        change(connection, balancer_slots, slot.id, slot.version, {"state": to, "state_since": now})
    if to == "available":
        mine = (binding_balancers.c.binding_id == binding) & _OPEN
        connection.execute(update(binding_balancers).where(mine).values(until=now))


def place_of(connection: Connection, binding: int) -> dict[str, object]:
    """Return what a cell must know of the balancers it shares, empty where it brings its own.

    Raises:
        RegistryError: Its reef was registered without it.
    """
    entry: dict[str, object] = {}
    for slot in held(connection, binding):
        if not isinstance(slot.place, Mapping):
            raise RegistryError(f"load balancer '{slot.name}' does not say what cells must know of it")
        entry |= slot.place
        entry[f"{slot.kind}_slot"] = slot.number
    return {"entry": entry} if entry else {}


def restored(connection: Connection, now: float, binding: int, reef: int, place: Mapping[str, object]) -> None:
    """Bind the slots that a cell's state names, where they are there and free: of a registry that was filled anew."""
    entry = place.get("entry")
    if not isinstance(entry, Mapping):
        return
    for kind in ("web", "polling"):
        query = (
            select(balancer_slots)
            .join(balancers, balancers.c.id == balancer_slots.c.balancer_id)
            .where(balancers.c.reef_id == reef, balancers.c.kind == kind)
            .where(balancers.c.object_id == str(entry.get(f"{kind}_arn")))
            .where(balancer_slots.c.number == entry.get(f"{kind}_slot"), balancer_slots.c.state == "available")
        )
        slot = connection.execute(query).one_or_none()
        if slot is not None:
            change(connection, balancer_slots, slot.id, slot.version, {"state": "bound", "state_since": now})
            given(connection, binding, reef, ((kind, int(slot.id)),))


def add_slots(connection: Connection, balancer: int, reef: int, count: int, *, now: float) -> None:
    """Add a slot for each cell that a balancer takes and has none for yet."""
    mine = balancer_slots.c.balancer_id == balancer
    there = set(connection.execute(select(balancer_slots.c.number).where(mine)).scalars())
    new = [
        {"balancer_id": balancer, "reef_id": reef, "number": number, "state": "available", "state_since": now}
        for number in range(1, count + 1)
        if number not in there
    ]
    if new:
        connection.execute(insert(balancer_slots), new)
