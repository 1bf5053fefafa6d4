"""SQLite files that several processes write."""

from __future__ import annotations

import sqlite3
import time

_PAUSE_S = 0.005


def write_ahead(connection: sqlite3.Connection, patience_s: float = 20.0) -> None:
    """Let a file be written ahead (WAL).

    Where several open a new file at once SQLite does not wait, whatever its timeout: the switch is busy at once.

    Raises:
        sqlite3.OperationalError: It stays busy for `patience_s` seconds, or cannot be written.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= until:
                raise
        time.sleep(_PAUSE_S)
