"""Leases in a SQLite file of the home. One short transaction for each call, a connection for each transaction."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import astuple, fields
from pathlib import Path
from typing import TypeVar

from cellctl.errors import UsageError
from cellctl.leases.holder import Holder
from cellctl.leases.ports import Lease
from cellctl.leases.stored import Row, Rows, StoredLeases, uptime
from cellctl.state.sqlite import write_ahead

T = TypeVar("T")

_BUSY_S = 20.0
_FACTS = tuple(field.name for field in fields(Holder))
_COLUMNS = ("cell", "token", "held", "expires_at", "expires_uptime", "ttl_s", *_FACTS)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS leases (
  cell TEXT PRIMARY KEY, token INTEGER NOT NULL, held INTEGER NOT NULL, expires_at REAL NOT NULL,
  expires_uptime REAL NOT NULL, ttl_s REAL NOT NULL, host TEXT NOT NULL, machine TEXT NOT NULL, boot_id TEXT NOT NULL,
  pid_space TEXT NOT NULL, pid INTEGER NOT NULL, process_start TEXT NOT NULL, user TEXT NOT NULL,
  command TEXT NOT NULL, since REAL NOT NULL
) STRICT
"""


class SqliteLeases(StoredLeases):
    """`Leases` in one file, made on first use.

    `now` and `since_boot` are the two clocks, `here` the facts of this process: tests pass their own.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], float] = time.time,
        since_boot: Callable[[], float] = uptime,
        here: Callable[[], Holder] = Holder.current,
    ) -> None:
        super().__init__(since_boot=since_boot, here=here)
        self._path, self._now = path, now

    def _empty(self) -> bool:
        return not self._path.exists()

    def _transact(self, work: Callable[[Rows], T]) -> T:
        try:
            db = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise _unusable(self._path, error) from None
        try:
            write_ahead(db, _BUSY_S)
            db.execute("PRAGMA synchronous = FULL")
            db.execute("BEGIN IMMEDIATE")
            db.execute(_SCHEMA)
            done = work(_Rows(db, self._now))
            db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise _unusable(self._path, error) from None
        finally:
            db.close()
        return done


class _Rows:
    """The table within one transaction, which holds the file's write lock from its beginning."""

    def __init__(self, db: sqlite3.Connection, now: Callable[[], float]) -> None:
        self._db, self.now = db, now

    def find(self, cell: str) -> Row | None:
        query = f"SELECT {', '.join(_COLUMNS)} FROM leases WHERE cell = ?"  # noqa: S608  constants
        found = self._db.execute(query, (cell,)).fetchone()
        return None if found is None else _row(found)

    def put(self, row: Row, before: Row | None) -> None:
        del before
        lease, marks = row.lease, ", ".join("?" * len(_COLUMNS))
        self._db.execute(
            f"INSERT OR REPLACE INTO leases ({', '.join(_COLUMNS)}) VALUES ({marks})",  # noqa: S608  constants
            (lease.cell, lease.token, int(row.held), lease.expires_at, row.expires_uptime, lease.ttl_s,
             *astuple(lease.holder)),
        )  # fmt: skip


def _row(values: tuple[str, int, int, float, float, float, str, str, str, str, int, str, str, str, float]) -> Row:
    cell, token, held, expires_at, expires_uptime, ttl_s, *_ = values
    host, machine, boot_id, pid_space, pid, process_start, user, command, since = values[6:]
    holder = Holder(
        host=host, machine=machine, boot_id=boot_id, pid_space=pid_space, pid=pid, process_start=process_start,
        user=user, command=command, since=since,
    )  # fmt: skip
    lease = Lease(cell=cell, token=token, holder=holder, expires_at=expires_at, ttl_s=ttl_s)
    return Row(lease=lease, held=bool(held), expires_uptime=expires_uptime)


def _unusable(path: Path, error: sqlite3.Error) -> UsageError:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return UsageError(f"{path} stays locked by another process", hint="try again", code="home_busy")
    hint = (
        "check the folder's permissions"
        if isinstance(error, sqlite3.OperationalError)
        else "restore it; moved away, the list of runs is lost, the state of cells is not"
    )
    return UsageError(f"{path} cannot be used: {error}", hint=hint, code="home_unusable")
