"""JSON documents of a stand-in, in a table of its own in the sandbox's SQLite file; many processes use it at once."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from cellctl.state.values import Struct, Value, contains_secret

_BUSY_S = 30.0


class Seal(Protocol):
    """Encrypts what is inside secret wrappers (`values.secret`), so that a copy of the file tells nothing."""

    def seal(self, value: Value) -> Value:
        """Return `value` with the content of each secret wrapper encrypted."""

    def unseal(self, value: Value) -> Value:
        """Return what was sealed."""


def schema_of(table: str) -> str:
    """Return the statement that makes a table of documents where there is none."""
    return (
        f"CREATE TABLE IF NOT EXISTS {table} (kind TEXT NOT NULL, key TEXT NOT NULL, "
        "document TEXT NOT NULL, PRIMARY KEY (kind, key))"
    )


class Transaction:
    """Reads and writes of one moment; nothing else writes meanwhile."""

    def __init__(self, connection: sqlite3.Connection, table: str, seal: Seal | None) -> None:
        self._connection = connection
        self._table = table
        self._seal = seal

    def get(self, kind: str, key: str) -> Struct | None:
        """Return a document, None if there is none."""
        query = f"SELECT document FROM {self._table} WHERE kind = ? AND key = ?"  # noqa: S608  a constant of our own
        row = self._connection.execute(query, (kind, key)).fetchone()
        return None if row is None else self._document(row[0])

    def all(self, kind: str) -> list[Struct]:
        """Return all documents of a kind, oldest first."""
        query = f"SELECT document FROM {self._table} WHERE kind = ? ORDER BY rowid"  # noqa: S608
        return [self._document(row[0]) for row in self._connection.execute(query, (kind,)).fetchall()]

    def items(self, kind: str) -> dict[str, Struct]:
        """Return all documents of a kind by their keys, oldest first."""
        query = f"SELECT key, document FROM {self._table} WHERE kind = ? ORDER BY rowid"  # noqa: S608
        return {str(key): self._document(text) for key, text in self._connection.execute(query, (kind,)).fetchall()}

    def put(self, kind: str, key: str, document: Struct) -> None:
        """Add or replace a document; a replaced one keeps its place."""
        statement = (
            f"INSERT INTO {self._table} (kind, key, document) VALUES (?, ?, ?) "  # noqa: S608
            "ON CONFLICT (kind, key) DO UPDATE SET document = excluded.document"
        )
        self._connection.execute(statement, (kind, key, json.dumps(self._sealed(document))))

    def remove(self, kind: str, key: str) -> None:
        """Remove a document; removing what is gone succeeds."""
        statement = f"DELETE FROM {self._table} WHERE kind = ? AND key = ?"  # noqa: S608
        self._connection.execute(statement, (kind, key))

    def move(self, scope: str, to: str) -> None:
        """Give all documents whose field `scope` is one text another one, with the beginning of their keys."""
        statement = (
            f"UPDATE {self._table} SET key = ? || substr(key, ?), document = json_set(document, '$.scope', ?) "  # noqa: S608
            "WHERE json_extract(document, '$.scope') = ?"
        )
        self._connection.execute(statement, (to, len(scope) + 1, to, scope))

    def _sealed(self, document: Struct) -> Value:
        if not contains_secret(document):
            return document
        if self._seal is None:
            raise ValueError("a document with a secret needs a seal")
        return self._seal.seal(document)

    def _document(self, text: str) -> Struct:
        document = json.loads(text)
        opened = self._seal.unseal(document) if self._seal is not None else document
        assert isinstance(opened, dict)
        return opened


class Documents:
    """The documents of one stand-in. `table` is the name of its table, `path` the sandbox's SQLite file.

    `seal` is needed where documents hold secrets.
    """

    def __init__(self, path: Path, table: str, *, seal: Seal | None = None) -> None:
        self._seal = seal
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
                connection.execute(schema_of(self._table))
                yield Transaction(connection, self._table, self._seal)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")  # simulated data survives a killed process, not a lost machine
        return connection
