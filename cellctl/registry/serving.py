"""Gateways on their way into service: which slot a probe may use, what their gates were, who let them in."""
# SQLAlchemy's Table is generic over Any; nothing written here is.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, Row, Select, func, select

from cellctl.errors import UsageError
from cellctl.gates import Judged, judged_of
from cellctl.registry import states
from cellctl.registry.database import Database
from cellctl.registry.rows import change, row_of, tell
from cellctl.registry.tables import binding_shares, bindings, cells, gateways, reefs, share_slots

WAITING = ("probing", "cordoned")
"""States from which a gateway goes into service."""

_OPEN = binding_shares.c.until.is_(None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A share of a gateway: what it is doing, whose it is (`` nobody's), and what its bucket is called."""

    id: int
    number: int
    share: str
    arn: str
    bucket: str
    state: str
    cell: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayView:
    """A gateway as the registry has it. `judged` is None before its gates were tried; `judged_at`: unix seconds."""

    name: str
    reef: str
    dedicated: bool
    region: str
    zone: str
    protocol: str
    state: str
    since: float
    health: str
    host: str
    object_id: str
    slots: tuple[Slot, ...]
    judged: Judged | None
    judged_at: float

    @property
    def free(self) -> int:
        """How many of its shares a cell can have."""
        return sum(slot.state == "available" for slot in self.slots)

    @property
    def unproven(self) -> tuple[str, ...]:
        """Names of its quarantined shares: a look at their buckets may prove that they hold nothing."""
        return tuple(slot.share for slot in self.slots if slot.state == "quarantined" and not slot.cell)

    @property
    def unfinished(self) -> bool:
        """Whether the run that makes it has not come to its end."""
        return self.state in states.BUILDING

    @property
    def deprecated(self) -> str:
        """Day on which its software is no longer supported, `` where none is known."""
        return self.judged.facts.deprecated if self.judged else ""


def listed(connection: Connection, account: str) -> list[GatewayView]:
    """Return the gateways of an account that are not retired, those of reefs and those of single cells."""
    mine = (reefs.c.account == account) & (gateways.c.kind == "storage_gateway") & (gateways.c.state != "retired")
    rows = connection.execute(_GATEWAYS.where(mine).order_by(reefs.c.kind.desc(), gateways.c.name)).all()
    return [_view(connection, row) for row in rows]


def named(connection: Connection, account: str, name: str) -> GatewayView:
    """Return one gateway.

    Raises:
        UsageError: There is no such gateway (code `no_gateway`).
    """
    return _view(connection, _row(connection, account, name))


@contextmanager
def probing(database: Database, account: str, gateway: str) -> Iterator[str]:
    """Keep a share that no cell has from being claimed for the block; yield its name, `` where none is free.

    The caller has the reef's lease, so one that is reserved by nobody is what a probe left that was killed.
    """
    slot = database.write(lambda connection: _taken(connection, database.now(connection), account, gateway))
    try:
        yield slot.share_name if slot is not None else ""
    finally:
        if slot is not None:
            database.write(lambda connection: _returned(connection, database.now(connection), int(slot.id)))


def record(database: Database, account: str, found: Judged, *, by: str) -> str:
    """Record how a gateway's gates were found; one that is to serve, and whose gates all hold, goes into service.

    If all hold, quarantined shares that were found clean are free. Returns its state; `by` is who did it, in words.

    Raises:
        UsageError: There is no such gateway.
    """

    def work(connection: Connection) -> str:
        now, row = database.now(connection), _row(connection, account, found.gateway)
        row_of(connection, "reef", int(row.reef_id), lock=True)
        row = _row(connection, account, found.gateway)
        health = "ok" if found.passed else "offline" if found.shut and found.shut[0].gate == "connected" else "degraded"
        values: dict[str, object] = {
            "judged": {**asdict(found), "at": now}, "deprecation_date": found.facts.deprecated, "health": health,
            "last_error": found.shut[0].message if found.shut else "",
        }  # fmt: skip
        served = found.serve and found.passed and row.state in WAITING
        if served:
            values |= {"state": "in_service", "state_since": now}
        change(connection, gateways, int(row.id), int(row.version), values)
        freed = _freed(connection, now, int(row.id), found.clean) if found.passed else []
        shut = [one.gate for one in found.shut]
        detail = {"by": by, **({"shut": shut} if shut else {}), **({"proven_clean": freed} if freed else {})}
        tell(connection, now, (account, "gateway", found.gateway), "in_service" if served else "judged", detail)
        return str(values.get("state", row.state))

    return database.write(work)


def states_of(connection: Connection, account: str, reef: str) -> dict[str, str]:
    """Return the state of each gateway of a reef by its name."""
    mine = (reefs.c.account == account) & (reefs.c.name == reef) & (reefs.c.kind == "shared")
    return {str(row.name): str(row.state) for row in connection.execute(_GATEWAYS.where(mine))}


_GATEWAYS: Select[tuple[object, ...]] = select(
    gateways, reefs.c.name.label("reef"), reefs.c.region.label("region"), reefs.c.kind.label("reef_kind")
).join(reefs, reefs.c.id == gateways.c.reef_id)


def _row(connection: Connection, account: str, name: str) -> Row[tuple[object, ...]]:
    mine = (reefs.c.account == account) & (gateways.c.name == name) & (gateways.c.kind == "storage_gateway")
    found = connection.execute(_GATEWAYS.where(mine)).first()
    if found is None:
        hint = "cellctl gateway status lists them"
        raise UsageError(f"the registry knows no gateway '{name}'", hint=hint, code="no_gateway")
    return found


def _view(connection: Connection, row: Row[tuple[object, ...]]) -> GatewayView:
    owner = (
        select(binding_shares.c.share_slot_id, func.min(cells.c.name).label("cell"))
        .join(bindings, bindings.c.id == binding_shares.c.binding_id)
        .join(cells, cells.c.id == bindings.c.cell_id)
        .where(_OPEN)
        .group_by(binding_shares.c.share_slot_id)
        .subquery()
    )
    query = (
        select(share_slots, owner.c.cell)
        .outerjoin(owner, owner.c.share_slot_id == share_slots.c.id)
        .where(share_slots.c.gateway_id == row.id)
        .order_by(share_slots.c.number)
    )
    slots = tuple(
        Slot(
            id=one.id,
            number=one.number,
            share=one.share_name,
            arn=one.share_id,
            bucket=one.bucket,
            state=one.state,
            cell=one.cell or "",
        )
        for one in connection.execute(query)
    )
    known: Mapping[str, object] = row.judged if isinstance(row.judged, dict) else {}
    at = known.get("at")
    return GatewayView(
        name=row.name, reef=row.reef, dedicated=row.reef_kind == "dedicated", region=row.region, zone=row.zone,
        protocol=row.protocol, state=row.state, since=row.state_since, health=row.health, host=row.dns_name,
        object_id=row.object_id, slots=slots, judged=judged_of(known) if known else None,
        judged_at=float(at) if isinstance(at, int | float) else 0.0,
    )  # fmt: skip


def _taken(connection: Connection, now: float, account: str, gateway: str) -> Row[tuple[object, ...]] | None:
    row = _row(connection, account, gateway)
    row_of(connection, "reef", int(row.reef_id), lock=True)
    held = select(binding_shares.c.share_slot_id).where(_OPEN)
    mine = select(share_slots).where(share_slots.c.gateway_id == row.id, share_slots.c.id.not_in(held))
    free = mine.where(share_slots.c.state.in_(("reserved", "available")))
    slot = connection.execute(free.order_by(share_slots.c.state.desc(), share_slots.c.number.desc())).first()
    if slot is not None and slot.state == "available":
        change(connection, share_slots, int(slot.id), int(slot.version), {"state": "reserved", "state_since": now})
    return slot


def _freed(connection: Connection, now: float, gateway: int, clean: Sequence[str]) -> list[str]:
    """Free the quarantined slots whose buckets were counted empty; return the names of their shares."""
    held = select(binding_shares.c.share_slot_id).where(_OPEN)
    mine = (share_slots.c.gateway_id == gateway) & share_slots.c.share_id.in_(clean)
    quarantined = mine & (share_slots.c.state == "quarantined") & share_slots.c.id.not_in(held)
    rows = connection.execute(select(share_slots).where(quarantined).order_by(share_slots.c.number)).all()
    for row in rows:
        values = {"state": "available", "state_since": now, "scrub_remaining": 0}
        change(connection, share_slots, int(row.id), int(row.version), values)
    return [str(row.share_name) for row in rows]


def _returned(connection: Connection, now: float, slot: int) -> None:
    row = row_of(connection, "share_slot", slot)
    if row.state == "reserved":
        change(connection, share_slots, slot, int(row.version), {"state": "available", "state_since": now})
