"""The registry's database, SQLite or PostgreSQL: one transaction at a time, repeated where another was first.

Importing this module loads SQLAlchemy. A password in the URL never reaches a message.
"""

# SQLAlchemy's Table is generic over Any; nothing written here is.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import URL, Connection, Engine, Insert, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, OperationalError

from cellctl.errors import RegistryError, UsageError
from cellctl.registry import postgres
from cellctl.registry.postgres import SILENT_S, asked_at, watched
from cellctl.state.sqlite import write_ahead

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

T = TypeVar("T")

_WRITE = "cellctl_write"
_KEPT = 8  # engines of files that were opened last
_BUSY_S = 20.0
_PATIENCE_S = 60.0
_PAUSE_S = (0.002, 0.25)
_AGAIN = frozenset({"40001", "40P01", "55P03"})  # serialization failure, deadlock, lock not available


class Conflict(Exception):
    """Somebody else changed a row between its read and its change: the transaction is done again."""


class InvariantBroken(RegistryError):
    """The database refused what would have broken an invariant; `constraint` is its name."""

    code = "registry_invariant"

    def __init__(self, constraint: str) -> None:
        super().__init__(
            f"the registry refuses what would break {constraint}", hint="cellctl registry check says what is wrong"
        )
        self.constraint = constraint


class Database:
    """One database, by its URL or as a SQLite file. Safe from any thread, and in a fork.

    `where` names it in messages, without its password.
    """

    def __init__(self, url: str | Path, *, silent_s: float = SILENT_S) -> None:
        address = f"sqlite:///{url}" if isinstance(url, Path) else url
        try:
            self._engine, self.where = _engine(address, silent_s), _shown(address)
        except (ArgumentError, NoSuchModuleError):
            raise UsageError("the registry's URL is not one", hint="postgresql+psycopg://HOST/NAME") from None
        self.postgresql = self._engine.dialect.name == "postgresql"
        self._silent_s = silent_s

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one moment and changes nothing.

        Raises:
            RegistryError: The database cannot be reached, or stays busy.
        """
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if self.postgresql else {}
        try:
            with self._connected() as connection:
                connection.execution_options(**options)
                with connection.begin():
                    yield connection
        except Conflict:
            raise _busy(self.where) from None

    def write(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns, its changes committed; done again where another transaction was first.

        Raises:
            RegistryError: The database cannot be reached, or others were first for a minute.
            InvariantBroken: A constraint refused it.
        """
        until = time.monotonic() + _PATIENCE_S
        pause = _PAUSE_S[0]
        while True:
            try:
                with self._connected() as connection:
                    connection.execution_options(**{_WRITE: True})
                    with connection.begin():
                        return work(connection)
            except Conflict:
                if time.monotonic() >= until:
                    raise _busy(self.where) from None
            pause = min(_PAUSE_S[1], random.uniform(_PAUSE_S[0], pause * 3))  # noqa: S311  jitter
            time.sleep(pause)

    def now(self, connection: Connection) -> float:
        """Return unix seconds by the database's own clock, which all its clients share."""
        if not self.postgresql:
            return time.time()  # the file is on this machine
        return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def close(self) -> None:
        """Close what is pooled."""
        self._engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Give a connection for one transaction; a PostgreSQL server that falls silent is hung up on."""
        with self._translated(), self._engine.connect() as connection:
            if not self.postgresql:
                yield connection
                return
            driver = connection.connection.driver_connection
            with watched(driver.fileno() if driver else -1, self._silent_s, asked_at(connection)):
                yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            raise InvariantBroken(_constraint(error)) from None
        except DBAPIError as error:
            if _first_come(error):
                raise Conflict from None
            raise _unusable(self.where, error) from None


def insert_new(connection: Connection, table: Table, values: Mapping[str, object]) -> int:
    """Insert a row and return its first key, or raise Conflict where a unique constraint allows none beside another."""
    statement = _insertion(table, connection.dialect.name)
    made = connection.execute(statement, dict(values)).first()
    if made is None:
        raise Conflict
    return made[0]  # type: ignore[no-any-return]


@cache  # building a statement costs more than running it
def _insertion(table: Table, dialect: str) -> Insert:
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return statement.on_conflict_do_nothing().returning(*table.primary_key.columns)


_files: dict[str, Engine] = {}


def _forked() -> None:
    """Leave the connections of the parent alone."""
    for engine in _files.values():
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_forked)


def _file_engine(url: URL) -> Engine:
    """Return the engine of a SQLite file: kept, because to compile its statements takes longer than to run them."""
    engine = _files.pop(str(url), None)
    if engine is None:
        engine = create_engine(url, pool_size=2, connect_args={"timeout": _BUSY_S})
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begun)
    _files[str(url)] = engine
    for name in list(_files)[:-_KEPT]:
        _files.pop(name, None)
    return engine


def _engine(address: str, silent_s: float) -> Engine:
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        return _file_engine(url)
    try:
        return postgres.engine(url, silent_s)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the driver of this registry is not installed ({error.name})", hint="pip install 'cellctl[postgres]'"
        ) from None


def _sqlite_connected(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # transactions begin below, not in the driver
    write_ahead(connection, _BUSY_S)
    cursor = connection.cursor()
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begun(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _shown(address: str) -> str:
    url = make_url(address)
    return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)


def _first_come(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    busy = isinstance(error, OperationalError) and "database is locked" in str(error.orig)
    return state in _AGAIN or busy


def _constraint(error: IntegrityError) -> str:
    """Return the name of the constraint where the driver says it, else what it says."""
    name = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return str(name or str(error.orig).rpartition("constraint failed: ")[2])


def _busy(where: str) -> RegistryError:
    return RegistryError(f"the registry {where} stays busy", hint="try again", code="registry_busy")


def _unusable(where: str, error: DBAPIError) -> RegistryError:
    said = (str(error.orig).splitlines() or ["no reason given"])[0]
    return RegistryError(
        f"the registry {where} cannot be used: {said}",
        hint="cells keep running without it; `cellctl doctor` looks at it",
        code="registry_unreachable",
    )
