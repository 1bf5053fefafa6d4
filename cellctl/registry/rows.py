"""Reading and changing single rows: a change is made only to the version that was read."""
# SQLAlchemy's Table is generic over Any; nothing written here is.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Row, Table, insert, select, update

from cellctl.errors import UsageError
from cellctl.registry import tables
from cellctl.registry.database import Conflict
from cellctl.registry.states import Kind

TABLES: Mapping[str, Table] = {
    "reef": tables.reefs,
    "host": tables.hosts,
    "gateway": tables.gateways,
    "database_slot": tables.database_slots,
    "share_slot": tables.share_slots,
}


def row_of(connection: Connection, kind: Kind, row_id: int, *, lock: bool = False) -> Row[tuple[object, ...]]:
    """Return one row; with `lock` nobody else changes it before this transaction ends.

    Raises:
        UsageError: There is none.
    """
    table = TABLES[kind]
    query = select(table).where(table.c.id == row_id)
    found = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise UsageError(f"the registry has no {kind.replace('_', ' ')} {row_id}", code="not_in_registry")
    return found


def change(connection: Connection, table: Table, row_id: int, version: int, values: Mapping[str, object]) -> None:
    """Change the row that was read as `version`; Conflict where somebody else has changed it since."""
    mine = (table.c.id == row_id) & (table.c.version == version)
    done = connection.execute(update(table).where(mine).values({**values, "version": version + 1}))
    if done.rowcount != 1:
        raise Conflict


def add(connection: Connection, table: Table, values: Mapping[str, object]) -> int:
    """Insert a row and return its id."""
    return int(connection.execute(insert(table).values(dict(values)).returning(table.c.id)).scalar_one())


def tell(
    connection: Connection,
    at: float,
    target: tuple[str, str, str],
    kind: str,
    detail: Mapping[str, object] | None = None,
    *,
    operation: str | None = None,
) -> None:
    """Add an event; `target` is account, kind and name."""
    account, target_kind, name = target
    connection.execute(
        insert(tables.events).values(
            at=at, account=account, target_kind=target_kind, target=name, operation_id=operation, kind=kind,
            detail=dict(detail) if detail else None,
        )
    )  # fmt: skip
