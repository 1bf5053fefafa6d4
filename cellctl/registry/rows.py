"""Reading and changing single rows: a change is made only to the version that was read."""
# SQLAlchemy's Table is generic over Any; nothing written here is.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from sqlalchemy import Connection, Insert, Row, Select, Table, Update, bindparam, insert, select, update

from cellctl.errors import UsageError
from cellctl.registry import tables
from cellctl.registry.database import Conflict
from cellctl.registry.states import Kind

TABLES: Mapping[str, Table] = {
    "reef": tables.reefs,
    "host": tables.hosts,
    "gateway": tables.gateways,
    "balancer": tables.balancers,
    "database_slot": tables.database_slots,
    "share_slot": tables.share_slots,
    "balancer_slot": tables.balancer_slots,
}


def row_of(connection: Connection, kind: Kind, row_id: int, *, lock: bool = False) -> Row[tuple[object, ...]]:
    """Return one row; with `lock` nobody else changes it before this transaction ends.

    Raises:
        UsageError: There is none.
    """
    found = connection.execute(_row(TABLES[kind], lock), {"row_id": row_id}).one_or_none()
    if found is None:
        raise UsageError(f"the registry has no {kind.replace('_', ' ')} {row_id}", code="not_in_registry")
    return found


def change(connection: Connection, table: Table, row_id: int, version: int, values: Mapping[str, object]) -> None:
    """Change the row that was read as `version`; Conflict where somebody else has changed it since."""
    read = {"row_id": row_id, "read_version": version}
    done = connection.execute(_change(table), {**values, "version": version + 1, **read})
    if done.rowcount != 1:
        raise Conflict


def add(connection: Connection, table: Table, values: Mapping[str, object]) -> int:
    """Insert a row and return its id."""
    return int(connection.execute(_addition(table), dict(values)).scalar_one())


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
    told = {"at": at, "account": account, "target_kind": target_kind, "target": name, "kind": kind}
    connection.execute(_EVENT, {**told, "operation_id": operation, "detail": dict(detail) if detail else None})


# Built once: building a statement costs more than running it.
_EVENT = insert(tables.events)


@cache
def _row(table: Table, lock: bool) -> Select[tuple[object, ...]]:
    query = select(table).where(table.c.id == bindparam("row_id"))
    return query.with_for_update() if lock else query


@cache
def _change(table: Table) -> Update:
    return update(table).where(table.c.id == bindparam("row_id"), table.c.version == bindparam("read_version"))


@cache
def _addition(table: Table) -> Insert:
    return insert(table).returning(table.c.id)
