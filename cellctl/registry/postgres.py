"""Connections to PostgreSQL that never wait for ever: on a server that falls silent we hang up.

A timeout that the server keeps (`statement_timeout`) does not help when it is the server, or its machine, that hangs.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

SILENT_S = 15.0  # longer than the server itself lets a statement or a lock take
_IDLE_S = 5.0
_CONNECT_S = 5
_SETTINGS = "-c statement_timeout=12000 -c lock_timeout=8000 -c idle_in_transaction_session_timeout=60000"
_USED, _ASKED = "cellctl_used", "cellctl_asked"


def engine(url: URL, silent_s: float) -> Engine:
    """Return an engine whose pooled connections are tried before use when they were idle."""
    made = create_engine(
        url,
        pool_size=2,
        connect_args={"connect_timeout": _CONNECT_S, "application_name": "cellctl", "options": _SETTINGS},
    )

    def tried(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
        idle = time.monotonic() - record.info.setdefault(_USED, time.monotonic())
        record.info[_USED] = time.monotonic()
        if idle > _IDLE_S and not _answers(connection, silent_s):
            raise DisconnectionError

    event.listen(made, "checkout", tried)
    for moment in ("before_cursor_execute", "commit", "rollback"):
        event.listen(made, moment, _asked)
    event.listen(made, "after_cursor_execute", _answered)
    return made


def _asked(connection: Connection, *_details: object) -> None:
    connection.get_execution_options().get(_ASKED, {})["since"] = time.monotonic()


def _answered(connection: Connection, *_details: object) -> None:
    connection.get_execution_options().get(_ASKED, {})["since"] = None


def asked_at(connection: Connection) -> Callable[[], float | None]:
    """Return what tells since when the server owes this connection an answer, None while it owes none."""
    since: dict[str, float | None] = {"since": None}
    connection.execution_options(**{_ASKED: since})
    return lambda: since["since"]


@contextmanager
def watched(descriptor: int, silent_s: float, asked: Callable[[], float | None]) -> Iterator[None]:
    """Hang up on the connection behind a file descriptor when one answer takes longer than it may."""
    line = socket.socket(fileno=os.dup(descriptor))
    over = threading.Event()

    def watch() -> None:
        while not over.wait(silent_s / 4):
            since = asked()
            if since is not None and time.monotonic() - since > silent_s:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
                return

    threading.Thread(target=watch, name="registry", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        line.close()


def _answers(connection: object, silent_s: float) -> bool:
    from psycopg import Connection as Driver
    from psycopg import Error

    assert isinstance(connection, Driver)
    try:
        now = time.monotonic()
        with watched(connection.fileno(), silent_s, lambda: now):
            connection.execute("SELECT 1")
            connection.rollback()
    except Error:
        return False
    return True
