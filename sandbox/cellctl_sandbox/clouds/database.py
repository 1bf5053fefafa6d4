"""The sandbox's SQLite file: one for each home, used by any number of processes at once.

Other owners keep their tables in the same file (prefixes `sql_`, `gateway_`, `octopus_`). Secret values are sealed with
a key beside the file: a copy of the file alone tells none of them.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from cellctl.errors import UsageError
from cellctl.state.files import write_atomically
from cellctl.state.sqlite import write_ahead
from cellctl.state.values import SECRET, SIGNATURE, Struct, Value, contains_secret, is_secret

BUSY_S = 30.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  number INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT UNIQUE NOT NULL, package TEXT NOT NULL, account TEXT NOT NULL,
  region TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, urn TEXT NOT NULL,
  cell TEXT NOT NULL, inputs TEXT NOT NULL, outputs TEXT NOT NULL, born_s REAL NOT NULL, gone_s REAL,
  stages TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS objects_by_id ON objects (type, id);
CREATE TABLE IF NOT EXISTS handles (
  value TEXT NOT NULL, uid TEXT NOT NULL, PRIMARY KEY (value, uid)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS handles_by_uid ON handles (uid);
CREATE TABLE IF NOT EXISTS links (
  target TEXT NOT NULL, source TEXT NOT NULL, path TEXT NOT NULL, blocks INTEGER NOT NULL,
  PRIMARY KEY (target, source, path)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS links_by_source ON links (source);
CREATE TABLE IF NOT EXISTS names (
  scope TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, uid TEXT, held_until REAL, message TEXT NOT NULL,
  PRIMARY KEY (scope, namespace, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quotas (
  package TEXT NOT NULL, name TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, maximum INTEGER NOT NULL,
  PRIMARY KEY (package, name, account, region)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS withheld (size TEXT NOT NULL, zone TEXT NOT NULL, PRIMARY KEY (size, zone)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS buckets (
  package TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, tokens REAL NOT NULL,
  at_s REAL NOT NULL, PRIMARY KEY (package, account, region, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS drift_rules (id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS drifts (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at_s REAL NOT NULL, uid TEXT NOT NULL, rule INTEGER, change TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS drifts_by_time ON drifts (at_s);
CREATE TABLE IF NOT EXISTS faults (id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, used INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS contests (
  id INTEGER PRIMARY KEY AUTOINCREMENT, rule INTEGER NOT NULL, at_s REAL NOT NULL, key TEXT NOT NULL, struck INTEGER);
CREATE TABLE IF NOT EXISTS calls (
  number INTEGER PRIMARY KEY AUTOINCREMENT, at_s REAL NOT NULL, due_s REAL NOT NULL, pid INTEGER NOT NULL,
  operation TEXT NOT NULL, package TEXT NOT NULL, type TEXT NOT NULL, urn TEXT NOT NULL, object TEXT NOT NULL,
  outcome TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS clock (
  id INTEGER PRIMARY KEY CHECK (id = 1), mode TEXT NOT NULL, scale REAL NOT NULL, now_s REAL NOT NULL,
  running INTEGER NOT NULL, mark REAL NOT NULL, seed INTEGER NOT NULL, ambient REAL NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS participants (
  token TEXT PRIMARY KEY, pid INTEGER NOT NULL, started TEXT NOT NULL, quiet INTEGER NOT NULL, beat REAL NOT NULL,
  pace REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiters (
  token TEXT NOT NULL, number INTEGER NOT NULL, due_s REAL NOT NULL, PRIMARY KEY (token, number)) WITHOUT ROWID;
"""
ADDED = (("objects", "stages", "TEXT NOT NULL DEFAULT ''"), ("clock", "ambient", "REAL NOT NULL DEFAULT 0"))
"""Columns that files of older versions lack."""
DEFAULT_SCALE = 1000.0
"""Simulated seconds in one real second: an hour of a cloud's time in six seconds."""


class Database:
    """One open sandbox file. Methods are called from many threads; there is one connection, and a lock."""

    _open: dict[tuple[int, Path], Database] = {}  # noqa: RUF012  a registry, guarded by _registry
    _registry = threading.Lock()

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        write_ahead(self._connection, BUSY_S)
        self._connection.execute("PRAGMA synchronous = OFF")
        self.sealer = Sealer(path.with_suffix(".key"))
        with self.transaction() as rows:
            for statement in SCHEMA.split(";\n"):
                if statement.strip():
                    rows.execute(statement)
            for table, column, kind in ADDED:
                if column not in {str(row[1]) for row in rows.execute(f"PRAGMA table_info({table})")}:
                    rows.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
            rows.execute("INSERT OR IGNORE INTO clock VALUES (1, 'paced', ?, 0, 0, 0, 1, 0)", (DEFAULT_SCALE,))

    @classmethod
    def open(cls, home: Path) -> Database:
        """Return the database of a home, one for each process."""
        path = home.resolve() / ".cellctl" / "sandbox.db"
        with cls._registry:
            key = (os.getpid(), path)
            found = cls._open.get(key)
            if found is None or not path.exists():
                found = cls._open[key] = _made(path)
            return found

    def close(self) -> None:
        """Close the file; the next `open` of this home opens it again."""
        with self._registry:
            self._open.pop((os.getpid(), self.path), None)
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Open a write transaction; it is rolled back if the block raises. Never wait inside."""
        self._begin()
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        else:
            self._connection.execute("COMMIT")
        finally:
            self._lock.release()

    def _begin(self) -> None:
        """Begin, and hold the lock. While others write it is not held: they may need it to come to their own end."""
        until = time.monotonic() + BUSY_S
        while True:
            self._lock.acquire()
            try:
                self._connection.execute("PRAGMA busy_timeout = 5")
                self._connection.execute("BEGIN IMMEDIATE")
            except BaseException as error:
                self._lock.release()
                if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            else:
                self._connection.execute(f"PRAGMA busy_timeout = {BUSY_S * 1000:.0f}")
                return
            time.sleep(0.002)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for queries, without a transaction."""
        with self._lock:
            yield self._connection

    def rows(self, query: str, arguments: Sequence[str | int | float] = ()) -> list[tuple[object, ...]]:
        """Return the rows of one query, outside of a transaction."""
        with self._lock:
            return self._connection.execute(query, tuple(arguments)).fetchall()

    def dump(self, value: Struct) -> str:
        """Return a struct as JSON text with its secrets sealed."""
        return json.dumps(self.sealer.seal(value) if contains_secret(value) else value, separators=(",", ":"))

    def load(self, text: object) -> Struct:
        """Return what `dump` wrote."""
        value = json.loads(str(text))
        opened = self.sealer.unseal(value) if '"sealed"' in str(text) else value
        assert isinstance(opened, dict)
        return opened


def _made(path: Path) -> Database:
    """Open or make the file; one that is damaged is told in one sentence."""
    try:
        return Database(path)
    except sqlite3.DatabaseError as error:
        hint = "restore it, or move it away and begin the sandbox anew: only simulated objects are in it"
        message = f"{path} cannot be used: {error}"
        raise UsageError(message, hint=hint, code="sandbox_damaged") from None


class Sealer:
    """Encrypts secret values; the key is a file that only its owner can read, made when first needed."""

    def __init__(self, path: Path, key: bytes = b"") -> None:
        self._path = path
        self._key = key

    @classmethod
    def under(cls, key: bytes) -> Sealer:
        """Return a sealer with a key of 32 bytes that is no file."""
        return cls(Path(), key)

    def fingerprint(self) -> str:
        """Return what tells this key from others and nothing about it."""
        return hmac.new(self.material(), b"fingerprint", "sha256").hexdigest()[:32]

    def replace(self, key: bytes) -> None:
        """Make another key this file's own: whoever sealed with the old one has lost it."""
        write_atomically(self._path, key)
        self._path.chmod(0o600)
        self._key = key

    def seal(self, value: Value) -> Value:
        """Return `value` with each secret wrapper's content encrypted."""
        if is_secret(value):
            return {SIGNATURE: SECRET, "sealed": self.encrypt(json.dumps(value.get("value")))}
        if isinstance(value, dict):
            return {key: self.seal(item) for key, item in value.items()}
        return [self.seal(item) for item in value] if isinstance(value, list) else value

    def unseal(self, value: Value) -> Value:
        """Return `value` with each secret wrapper's content in clear."""
        if is_secret(value):
            sealed = value.get("sealed")
            return {SIGNATURE: SECRET, "value": json.loads(self.decrypt(sealed))} if isinstance(sealed, str) else value
        if isinstance(value, dict):
            return {key: self.unseal(item) for key, item in value.items()}
        return [self.unseal(item) for item in value] if isinstance(value, list) else value

    def derive(self, purpose: str) -> str:
        """Return a password for a purpose, the same every time: what a cloud makes and never shows. A secret."""
        digest = hmac.new(self.material(), purpose.encode(), "sha256").digest()
        return f"Aa1!{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"

    def encrypt(self, text: str) -> str:
        """Return a text encrypted, as base64."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(12)
        return base64.b64encode(nonce + AESGCM(self.material()).encrypt(nonce, text.encode(), None)).decode()

    def decrypt(self, sealed: str) -> str:
        """Return what `encrypt` made of a text; cryptography's InvalidTag if the key is another."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        data = base64.b64decode(sealed)
        return AESGCM(self.material()).decrypt(data[:12], data[12:], None).decode()

    def material(self) -> bytes:
        """Return the key; whoever comes first makes it, whole, and threads and processes that come later read it."""
        if not self._key:
            if not self._path.exists():
                self._make()
            self._key = self._path.read_bytes()
        return self._key

    def _make(self) -> None:
        fresh = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(os.urandom(32))
            with contextlib.suppress(FileExistsError):
                os.link(fresh, self._path)
        finally:
            fresh.unlink()
