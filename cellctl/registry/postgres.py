"""Connections to PostgreSQL that never wait for ever: on a server that falls silent we hang up.

A timeout that the server keeps (`statement_timeout`) does not help when it is the server, or its machine, that hangs.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

SILENT_S = 15.0  # longer than the server itself lets a statement or a lock take
_IDLE_S = 5.0
_CONNECT_S = 5
_SETTINGS = "-c statement_timeout=12000 -c lock_timeout=8000 -c idle_in_transaction_session_timeout=60000"
_USED = "cellctl_used"


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
    return made


@contextmanager
def watched(descriptor: int, silent_s: float) -> Iterator[None]:
    """Hang up on the connection behind a file descriptor when the block takes longer than it may."""
    line = socket.socket(fileno=os.dup(descriptor))

    def hang_up() -> None:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(silent_s, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        line.close()


def _answers(connection: object, silent_s: float) -> bool:
    from psycopg import Connection, Error

    assert isinstance(connection, Connection)
    try:
        with watched(connection.fileno(), silent_s):
            connection.execute("SELECT 1")
            connection.rollback()
    except Error:
        return False
    return True
