"""Where a server's facts are kept: two tables of the sandbox's SQLite file, one JSON document per server and database.

Every commit is one short SQLite transaction that checks the versions it read, so a statement is durable or never
happened, also under `kill -9`, and processes do not overwrite each other.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from cellctl.state.sqlite import write_ahead
from cellctl_sandbox.standins.tds.model import (
    DatabaseRecord,
    LoginRecord,
    ServerRecord,
    TableColumn,
    TableRecord,
    UserRecord,
    from_json_value,
    key,
    to_json_value,
)

SCHEMAS = {
    "sql_servers": "CREATE TABLE IF NOT EXISTS sql_servers "
    "(host TEXT PRIMARY KEY, version INTEGER NOT NULL, content TEXT NOT NULL)",
    "sql_databases": "CREATE TABLE IF NOT EXISTS sql_databases (host TEXT NOT NULL, key TEXT NOT NULL, "
    "version INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY (host, key))",
}
"""How its tables are made, by name."""
_BUSY_SECONDS = 30.0
_Result = TypeVar("_Result")


class Conflict(Exception):
    """What was read has changed meanwhile; nothing was written."""


class Store:
    """The SQLite file; safe to use from many threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.connection() as connection:
            write_ahead(connection, _BUSY_SECONDS)
            connection.executescript("; ".join(SCHEMAS.values()))

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for a moment; closed after use, so that no thread keeps a file open."""
        connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=NORMAL")  # survives kill -9; a power cut is no concern of a sandbox
            yield connection
        finally:
            connection.close()

    def workspace(self, host: str) -> Workspace:
        """Return a workspace on the server called `host`."""
        return Workspace(self, key(host))

    def change(self, host: str, work: Callable[[Workspace], _Result]) -> _Result:
        """Do `work` on a fresh workspace and commit it, again where somebody else was faster."""
        for _ in range(200):
            workspace = self.workspace(host)
            result = work(workspace)
            try:
                workspace.commit()
            except Conflict:
                continue
            return result
        raise Conflict


class Workspace:
    """A consistent view of a server: what it read is kept, changes stay private until `commit`."""

    def __init__(self, store: Store, host: str) -> None:
        self._store, self._host = store, host
        self._server: ServerRecord | None = None
        self._databases: dict[str, DatabaseRecord] = {}
        self._versions: dict[str, int] = {}
        self._original: dict[str, str] = {}
        self._dropped: set[str] = set()
        self._loaded = False

    def server(self) -> ServerRecord | None:
        """Return the server's facts, None before `found`."""
        self._load()
        return self._server

    def found(self, record: ServerRecord) -> None:
        """Begin a server, or begin it anew: databases of an earlier one are dropped."""
        self._load()
        self._server = record
        self._dropped |= set(self._databases)
        self._databases = {}

    def databases(self) -> dict[str, DatabaseRecord]:
        """Return all databases by key; the dict is a copy, the records are not."""
        self._load()
        return dict(self._databases)

    def database(self, name: str) -> DatabaseRecord | None:
        """Return one database."""
        self._load()
        return self._databases.get(key(name))

    def add_database(self, record: DatabaseRecord) -> None:
        """Add a database."""
        self._load()
        self._databases[key(record.name)] = record
        self._dropped.discard(key(record.name))

    def drop_database(self, name: str) -> None:
        """Remove a database and all in it."""
        self._load()
        if self._databases.pop(key(name), None) is not None:
            self._dropped.add(key(name))

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        with self._store.connection() as connection:
            connection.execute("BEGIN")
            server = connection.execute(
                "SELECT version, content FROM sql_servers WHERE host = ?", (self._host,)
            ).fetchone()
            rows = connection.execute(
                "SELECT key, version, content FROM sql_databases WHERE host = ?", (self._host,)
            ).fetchall()
            connection.execute("COMMIT")
        if server is not None:
            self._versions[""], self._original[""] = server
            self._server = _server_from(str(server[1]))
        for name, version, content in rows:
            self._versions[name], self._original[name] = version, content
            self._databases[name] = _database_from(content)

    def commit(self) -> None:
        """Write what changed, all or nothing; raises `Conflict` where something read was changed by somebody else."""
        if not self._loaded:
            return
        now, changed, gone = self._changes()
        if not changed and not gone:
            return
        with self._store.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for name in changed | gone:
                    self._write(connection, name, now.get(name))
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _changes(self) -> tuple[dict[str, str], set[str], set[str]]:
        """Return all documents as they are now, and the names of those changed and of those gone."""
        now = {name: _dump(record) for name, record in self._databases.items()}
        if self._server is not None:
            now[""] = _dump(self._server)
        changed = {name for name, content in now.items() if self._original.get(name) != content}
        return now, changed, self._dropped & set(self._original) - set(now)

    def catch_up(self) -> None:
        """See what others have committed meanwhile, unless something here is changed already (read committed)."""
        _, changed, gone = self._changes()
        if self._loaded and not changed and not gone:
            self._loaded = False
            self._versions, self._original, self._databases = {}, {}, {}

    def _write(self, connection: sqlite3.Connection, name: str, content: str | None) -> None:
        table, where, at = (
            ("sql_databases", "host = ? AND key = ?", (self._host, name))
            if name
            else ("sql_servers", "host = ?", (self._host,))
        )
        found = connection.execute(f"SELECT version FROM {table} WHERE {where}", at).fetchone()  # noqa: S608
        if (found[0] if found else None) != self._versions.get(name):
            raise Conflict
        if content is None:
            connection.execute(f"DELETE FROM {table} WHERE {where}", at)  # noqa: S608
            return
        version = self._versions.get(name, 0) + 1
        columns = "host, key, version, content" if name else "host, version, content"
        marks = ", ".join("?" * (len(at) + 2))
        connection.execute(f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})", (*at, version, content))  # noqa: S608


def _dump(record: ServerRecord | DatabaseRecord) -> str:
    return json.dumps(asdict(record), default=to_json_value, sort_keys=True)


def _server_from(content: str) -> ServerRecord:
    data = json.loads(content)
    logins = {name: LoginRecord(**login) for name, login in data.pop("logins").items()}
    return ServerRecord(logins=logins, **data)


def _database_from(content: str) -> DatabaseRecord:
    data = json.loads(content)
    users = {name: UserRecord(**user) for name, user in data.pop("users").items()}
    tables = {name: _table_from(table) for name, table in data.pop("tables").items()}
    members = [(role, member) for role, member in data.pop("members")]
    return DatabaseRecord(users=users, tables=tables, members=members, **data)


def _table_from(data: dict[str, object]) -> TableRecord:
    columns, rows = data["columns"], data["rows"]
    assert isinstance(columns, list)
    assert isinstance(rows, list)
    return TableRecord(
        name=str(data["name"]),
        object_id=int(str(data["object_id"])),
        columns=[TableColumn(**column) for column in columns],
        rows=[[from_json_value(value) for value in row] for row in rows],
        next_identity=int(str(data["next_identity"])),
    )
