"""Leases in the registry: they guard a cell against every machine that uses it, not only against one home."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TypeVar

from sqlalchemy import Connection, Row, select, update

from cellctl.leases import Holder, Lease
from cellctl.leases import stored as leases
from cellctl.registry.database import Database, insert_new
from cellctl.registry.tables import leases as table

T = TypeVar("T")
_FACTS = tuple(field.name for field in fields(Holder))


class RegistryLeases(leases.StoredLeases):
    """`Leases` of the cells of one account. Expiry is judged by the database's clock, which all machines share.

    `now` replaces that clock and `since_boot` this machine's: tests pass their own.
    """

    def __init__(
        self,
        database: Database,
        account: str,
        *,
        now: Callable[[], float] | None = None,
        since_boot: Callable[[], float] = leases.uptime,
        here: Callable[[], Holder] = Holder.current,
    ) -> None:
        super().__init__(since_boot=since_boot, here=here)
        self._database, self._account, self._now = database, account, now

    def _transact(self, work: Callable[[leases.Rows], T]) -> T:
        return self._database.write(lambda connection: work(self._rows(connection)))

    def _rows(self, connection: Connection) -> _Rows:
        return _Rows(connection, self._account, self._now or (lambda: self._database.now(connection)))


class _Rows:
    """The table within one transaction; a row that was found is locked until it ends."""

    def __init__(self, connection: Connection, account: str, now: Callable[[], float]) -> None:
        self._connection, self._account, self.now = connection, account, now

    def find(self, cell: str) -> leases.Row | None:
        query = select(table).where(table.c.account == self._account, table.c.cell == cell).with_for_update()
        found = self._connection.execute(query).one_or_none()
        return None if found is None else _row(found)

    def put(self, row: leases.Row, before: leases.Row | None) -> None:
        lease = row.lease
        values = {
            "token": lease.token, "held": row.held, "expires_at": lease.expires_at, "ttl_s": lease.ttl_s,
            "expires_uptime": row.expires_uptime, **asdict(lease.holder),
        }  # fmt: skip
        mine = (table.c.account == self._account) & (table.c.cell == lease.cell)
        if before is not None:
            self._connection.execute(update(table).where(mine).values(values))
        else:
            insert_new(self._connection, table, {"account": self._account, "cell": lease.cell, **values})


def _row(found: Row[tuple[object, ...]]) -> leases.Row:
    values = found._mapping
    lease = Lease(
        cell=values["cell"],
        token=values["token"],
        holder=Holder(**{name: values[name] for name in _FACTS}),
        expires_at=values["expires_at"],
        ttl_s=values["ttl_s"],
    )
    return leases.Row(lease=lease, held=values["held"], expires_uptime=values["expires_uptime"])
