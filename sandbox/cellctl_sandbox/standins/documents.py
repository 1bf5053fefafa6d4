"""JSON documents of a stand-in, in a table of its own in the sandbox's SQLite file; many processes use it at once."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from cellctl.state.values import Struct

_BUSY_S = 30.0


class Transaction:
    """Reads and writes of one moment; nothing else writes meanwhile."""

    def __init__(self, connection: sqlite3.Connection, table: str) -> None:
        self._connection = connection
        self._table = table

    def get(self, kind: str, key: str) -> Struct | None:
        """Return a document, None if there is none."""
        query = f"SELECT document FROM {self._table} WHERE kind = ? AND key = ?"  # noqa: S608  a constant of our own
        row = self._connection.execute(query, (kind, key)).fetchone()
        return None if row is None else _document(row[0])

    def all(self, kind: str) -> list[Struct]:
        """Return all documents of a kind, oldest first."""
        query = f"SELECT document FROM {self._table} WHERE kind = ? ORDER BY rowid"  # noqa: S608
        return [_document(row[0]) for row in self._connection.execute(query, (kind,)).fetchall()]

    def put(self, kind: str, key: str, document: Struct) -> None:
        """Add or replace a document; a replaced one keeps its place."""
        statement = (
            f"INSERT INTO {self._table} (kind, key, document) VALUES (?, ?, ?) "  # noqa: S608
            "ON CONFLICT (kind, key) DO UPDATE SET document = excluded.document"
        )
        self._connection.execute(statement, (kind, key, json.dumps(document)))

    def remove(self, kind: str, key: str) -> None:
        """Remove a document; removing what is gone succeeds."""
        statement = f"DELETE FROM {self._table} WHERE kind = ? AND key = ?"  # noqa: S608
        self._connection.execute(statement, (kind, key))


class Documents:
    """The documents of one stand-in. `table` is the name of its table, `path` the sandbox's SQLite file."""

    def __init__(self, path: Path, table: str) -> None:
        if not table.replace("_", "").isalnum():
            raise ValueError(f"not a table name: {table!r}")
        self._path = path
        self._table = table

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a write transaction; it is rolled back if the block raises. Never nest it, never wait inside."""
        with contextlib.closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {self._table} (kind TEXT NOT NULL, key TEXT NOT NULL, "
                    "document TEXT NOT NULL, PRIMARY KEY (kind, key))"
                )
                yield Transaction(connection, self._table)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)


def _document(text: str) -> Struct:
    document = json.loads(text)
    assert isinstance(document, dict)
    return document
