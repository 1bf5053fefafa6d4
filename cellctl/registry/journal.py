"""What was done to cells and reefs: operations from begin to end, and the state that each leaves its cell in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, Row, Select, insert, select, update

from cellctl.registry.database import Database, insert_new
from cellctl.registry.rows import change, tell
from cellctl.registry.tables import cells, operations

Kind = Literal["cell", "reef"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CellKey:
    """Which cell or reef: `account` is `aws:ACCOUNT`, `azure:SUBSCRIPTION` or `sandbox:HOME`."""

    account: str
    cloud: str
    region: str
    name: str
    placement: str = "dedicated"
    kind: Kind = "cell"

    @property
    def target(self) -> tuple[str, str, str]:
        """Whom events are told of."""
        return self.account, self.kind, self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Beginning:
    """An operation that begins. `holder` is who does it, in words; `lease_token` the fencing token it holds."""

    id: str
    kind: str
    command: str = ""
    holder: str = ""
    lease_token: int = 0
    spec_digest: str = ""
    incarnation: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How an operation ended. `gate` says what was proven before it counted as a success; `error` is one sentence.

    `cell_state` is the state that the cell is in now, `` for the one it had.
    """

    id: str
    result: str
    gate: str = ""
    error: str = ""
    plan_hash: str = ""
    cell_state: str = ""
    evidence: Mapping[str, object] | None = None


def begin(connection: Connection, now: float, key: CellKey, beginning: Beginning) -> None:
    """Record that an operation begins. The caller holds the lease, so one that still runs here is lost."""
    cell = cell_row(connection, now, key, beginning.incarnation) if key.kind == "cell" else None
    target = key.target
    mine = (operations.c.account == key.account) & (operations.c.target_kind == key.kind)
    running = mine & (operations.c.target == key.name) & operations.c.ended.is_(None)
    for lost in connection.execute(select(operations.c.id).where(running).with_for_update()).scalars().all():
        connection.execute(update(operations).where(operations.c.id == lost).values(state="lost", ended=now))
        tell(connection, now, target, "lost", operation=lost)
    connection.execute(
        insert(operations).values(
            id=beginning.id, account=key.account, target_kind=key.kind, target=key.name, kind=beginning.kind,
            command=beginning.command, holder=beginning.holder, lease_token=beginning.lease_token,
            spec_digest=beginning.spec_digest, step="begun", state="running", began=now,
        )
    )  # fmt: skip
    if cell is not None and beginning.kind == "down" and cell.state != "decommissioning":
        change(connection, cells, cell.id, cell.version, {"state": "decommissioning", "state_since": now})
    tell(connection, now, target, f"{beginning.kind}.begun", operation=beginning.id)


def finish(connection: Connection, now: float, key: CellKey, ending: Ending) -> None:
    """Record how it ended."""
    connection.execute(
        update(operations)
        .where(operations.c.id == ending.id, operations.c.ended.is_(None))
        .values(
            state=ending.result, gate=ending.gate, error=ending.error, plan_hash=ending.plan_hash, step="ended",
            evidence=dict(ending.evidence) if ending.evidence else None, ended=now,
        )
    )  # fmt: skip
    cell = connection.execute(_of(key)).one_or_none() if key.kind == "cell" else None
    if cell is not None:
        values: dict[str, object] = {"last_error": ending.error}
        if ending.cell_state and ending.cell_state != cell.state:
            values |= {"state": ending.cell_state, "state_since": now}
        change(connection, cells, cell.id, cell.version, values)
    detail = {"result": ending.result, **({"error": ending.error} if ending.error else {})}
    tell(connection, now, key.target, "ended", detail, operation=ending.id)


def incarnation(connection: Connection, account: str, name: str) -> int:
    """Return which incarnation of a cell lives, 1 where the registry does not know it."""
    query = select(cells.c.incarnation).where(cells.c.account == account, cells.c.name == name)
    return int(connection.execute(query).scalar() or 1)


def set_incarnation(connection: Connection, account: str, name: str, number: int) -> None:
    """Record that a cell's names are used up to this incarnation; it never falls."""
    mine = (cells.c.account == account) & (cells.c.name == name) & (cells.c.incarnation < number)
    connection.execute(update(cells).where(mine).values(incarnation=number, version=cells.c.version + 1))


def running(database: Database, account: str) -> list[tuple[str, str]]:
    """Return name (`acme`, `reef/r1`) and id of each operation that has not said how it ended."""
    query = select(operations.c.target_kind, operations.c.target, operations.c.id).where(
        operations.c.account == account, operations.c.target_kind.in_(("cell", "reef")), operations.c.ended.is_(None)
    )
    with database.read() as connection:
        rows = connection.execute(query.order_by(operations.c.began))
        return [(row.target if row.target_kind == "cell" else f"reef/{row.target}", row.id) for row in rows]


def cell_row(connection: Connection, now: float, key: CellKey, number: int) -> Row[tuple[object, ...]]:
    """Return the cell's row, made where there is none; one that was purged begins anew."""
    found = connection.execute(_of(key)).one_or_none()
    if found is None:
        values = {"account": key.account, "cloud": key.cloud, "region": key.region, "name": key.name}
        life = {"placement": key.placement, "incarnation": number, "state": "requested", "state_since": now}
        insert_new(connection, cells, {**values, **life})
    elif found.state == "purged":
        values = {"cloud": key.cloud, "region": key.region, "placement": key.placement}
        life = {"state": "requested", "state_since": now, "generation": found.generation + 1}
        change(connection, cells, found.id, found.version, {**values, **life})
    set_incarnation(connection, key.account, key.name, number)
    return connection.execute(_of(key)).one()


def _of(key: CellKey) -> Select[tuple[object, ...]]:
    return select(cells).where(cells.c.account == key.account, cells.c.name == key.name)
