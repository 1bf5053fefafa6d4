"""Leases in a SQLite file of the home. One short transaction for each call, a connection for each transaction.

Expiry is judged on the clock since boot where holder and judge share a boot, so a jump of the wall clock neither frees
a living lease nor prolongs a dead one; between machines the wall clock is all there is.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path

from cellctl.errors import Locked, UsageError
from cellctl.leases.holder import Holder, Liveness, liveness
from cellctl.leases.ports import DEFAULT_TTL_S, Lease, LeaseLost

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


def uptime() -> float:
    """Return seconds since boot, sleep included where the system counts it; never jumps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class SqliteLeases:
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
        self._path = path
        self._now, self._since_boot, self._here = now, since_boot, here

    def acquire(self, cell: str, holder: Holder, *, ttl_s: float = DEFAULT_TTL_S) -> Lease:
        """Take the cell, or raise Locked. The token rises with every acquisition."""
        with self._transaction() as db:
            row = _row(db, cell)
            if row is not None and row.held and not self._lapsed(row):
                raise _locked(row, self._now())
            lease = Lease(
                cell=cell,
                token=1 if row is None else row.token + 1,
                holder=holder,
                expires_at=self._now() + ttl_s,
                ttl_s=ttl_s,
            )
            marks = ", ".join("?" * len(_COLUMNS))
            db.execute(
                f"INSERT OR REPLACE INTO leases ({', '.join(_COLUMNS)}) VALUES ({marks})",  # noqa: S608  constants
                (cell, lease.token, 1, lease.expires_at, self._since_boot() + ttl_s, ttl_s, *astuple(holder)),
            )
        return lease

    def heartbeat(self, lease: Lease) -> Lease:
        """Prolong `lease`; a lease that ran out but that nobody took is taken up again under its own token."""
        expires_at = self._now() + lease.ttl_s
        with self._transaction() as db:
            done = db.execute(
                "UPDATE leases SET expires_at = ?, expires_uptime = ? WHERE cell = ? AND token = ? AND held = 1",
                (expires_at, self._since_boot() + lease.ttl_s, lease.cell, lease.token),
            )
            if done.rowcount != 1:
                raise _lost(lease, _row(db, lease.cell))
        return Lease(cell=lease.cell, token=lease.token, holder=lease.holder, expires_at=expires_at, ttl_s=lease.ttl_s)

    def check(self, lease: Lease) -> None:
        """Raise LeaseLost unless `lease` is held and has not run out."""
        with self._transaction() as db:
            row = _row(db, lease.cell)
        if row is None or not row.held or row.token != lease.token or self._expired(row):
            raise _lost(lease, row)

    def release(self, lease: Lease) -> None:
        """Give the cell back. Its row stays: the token must never fall."""
        with self._transaction() as db:
            db.execute("UPDATE leases SET held = 0 WHERE cell = ? AND token = ?", (lease.cell, lease.token))

    def current(self, cell: str) -> Lease | None:
        """Return the lease in force; a home without a database has none."""
        if not self._path.exists():
            return None
        with self._transaction() as db:
            row = _row(db, cell)
        return None if row is None or not row.held or self._lapsed(row) else row.lease()

    def _lapsed(self, row: _Row) -> bool:
        return self._expired(row) or liveness(row.holder, self._here()) is Liveness.DEAD

    def _expired(self, row: _Row) -> bool:
        if row.holder.same_boot(self._here()):
            return self._since_boot() >= row.expires_uptime
        return self._now() >= row.expires_at

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            db = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise _unusable(self._path, error) from None
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("BEGIN IMMEDIATE")
            db.execute(_SCHEMA)
            yield db
            db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise _unusable(self._path, error) from None
        finally:
            db.close()


class _Row:
    """One row of the table, as values."""

    def __init__(
        self, values: tuple[str, int, int, float, float, float, str, str, str, str, int, str, str, str, float]
    ):
        self.cell, self.token, held, self.expires_at, self.expires_uptime, self.ttl_s, *_ = values
        self.held = bool(held)
        host, machine, boot_id, pid_space, pid, process_start, user, command, since = values[6:]
        self.holder = Holder(
            host=host,
            machine=machine,
            boot_id=boot_id,
            pid_space=pid_space,
            pid=pid,
            process_start=process_start,
            user=user,
            command=command,
            since=since,
        )

    def lease(self) -> Lease:
        """Return the row as a Lease."""
        return Lease(cell=self.cell, token=self.token, holder=self.holder, expires_at=self.expires_at, ttl_s=self.ttl_s)


def _row(db: sqlite3.Connection, cell: str) -> _Row | None:
    query = f"SELECT {', '.join(_COLUMNS)} FROM leases WHERE cell = ?"  # noqa: S608  constants
    found = db.execute(query, (cell,)).fetchone()
    return None if found is None else _Row(found)


def _locked(row: _Row, now: float) -> Locked:
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(row.holder.since))
    minutes = max(0, int(now - row.holder.since)) // 60
    ago = f"{minutes} min ago" if minutes else "less than a minute ago"
    return Locked(
        f"cell '{row.cell}' is being changed by {row.holder.words()} since {since}, {ago}",
        hint=f"wait until that ends, or look: cellctl status {row.cell}",
    )


def _lost(lease: Lease, row: _Row | None) -> LeaseLost:
    taker = f"; {row.holder.words()} has it now" if row is not None and row.held and row.token > lease.token else ""
    return LeaseLost(
        f"the lease of cell '{lease.cell}' (token {lease.token}) is not held any more{taker}",
        hint=f"nothing more is changed by this run; go on with: cellctl up {lease.cell}",
    )


def _unusable(path: Path, error: sqlite3.Error) -> UsageError:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return UsageError(f"{path} stays locked by another process", hint="try again", code="home_busy")
    hint = (
        "check the folder's permissions"
        if isinstance(error, sqlite3.OperationalError)
        else "restore it; moved away, the list of runs is lost, the state of cells is not"
    )
    return UsageError(f"{path} cannot be used: {error}", hint=hint, code="home_unusable")
