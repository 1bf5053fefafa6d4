"""The whole sandbox as one file, to attach to an issue and replay elsewhere.

`{"kind": "cellctl-sandbox", "format_version", "cellctl", "key", "tables": {name: {"columns", "rows"}}}`. Secrets stay
sealed with the home's key. The key is in the file only if a passphrase was given, encrypted under it (scrypt,
AES-256-GCM); without it, and in a home with another key, an import has to give the secrets up.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import sqlite3
from importlib.metadata import version
from typing import TypeAlias

from cellctl.errors import UsageError
from cellctl.state.values import SECRET, SIGNATURE, Struct, Value, is_secret
from cellctl_sandbox.clouds.database import Database, Sealer
from cellctl_sandbox.clouds.quiet import alive

KIND, FORMAT = "cellctl-sandbox", "1"
OF_THE_MOMENT = {"participants", "waiters", "network_versions"}
"""Tables about running processes and what follows from others: they are not exported."""
DOCUMENTS = frozenset(f"{what}_documents" for what in ("bucket", "gateway", "octopus", "run", "secret", "storage"))
"""Tables of stand-ins that all look alike."""
LOST = "[a secret that was not exported]"
_SCRYPT = {"n": 2**15, "r": 8, "p": 1}
_Cell: TypeAlias = str | int | float | bytes | None


def exported(database: Database, passphrase: str = "") -> Struct:
    """Return the sandbox as JSON-like data, in which no secret stands in clear."""
    tables: Struct = {}
    with database.transaction() as rows:
        for name in _tables(rows):
            found = rows.execute(f"SELECT * FROM {name}")  # noqa: S608  a name from the schema
            columns: list[Value] = [item[0] for item in found.description]
            tables[name] = {"columns": columns, "rows": [[_told(cell) for cell in row] for row in found.fetchall()]}
    return {
        "kind": KIND,
        "format_version": FORMAT,
        "cellctl": version("cellctl"),
        "key": _key(database.sealer, passphrase),
        "tables": tables,
    }


def imported(database: Database, document: Value, *, passphrase: str = "", without_secrets: bool = False) -> int:
    """Replace the sandbox by an exported one; return how many objects it has.

    Raises:
        UsageError: It is no export, or of another format; its secrets cannot be opened; an operation is under way.
    """
    tables, key = _read(document)
    _refuse_if_busy(database)
    _refuse_unknown(database, tables)
    if without_secrets:
        database.sealer.fingerprint()
    else:
        _take_key(database.sealer, key, passphrase)
    with database.transaction() as rows:
        for name in _tables(rows):
            rows.execute(f"DELETE FROM {name}")  # noqa: S608  a name from the schema
        for name, (columns, content) in tables.items():
            _fill(
                rows, name, columns, [_emptied(row, database.sealer) for row in content] if without_secrets else content
            )
        rows.execute("UPDATE clock SET running = 0, mark = 0")
        return int(rows.execute("SELECT count(*) FROM objects").fetchone()[0])


def _tables(rows: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name"
    return [str(name) for (name,) in rows.execute(query) if name not in OF_THE_MOMENT]


def _told(cell: _Cell) -> Value:
    return {"base64": base64.b64encode(cell).decode()} if isinstance(cell, bytes) else cell


def _stored(cell: Value) -> _Cell:
    if isinstance(cell, dict) and isinstance(cell.get("base64"), str):
        return base64.b64decode(str(cell["base64"]))
    if isinstance(cell, dict | list):
        raise ValueError("a cell is text, a number, null or base64")
    return cell


def _key(sealer: Sealer, passphrase: str) -> Struct:
    found: Struct = {"fingerprint": sealer.fingerprint()}
    if passphrase:
        salt = os.urandom(16)
        sealed = Sealer.under(_derived(passphrase, salt)).encrypt(sealer.material().hex())
        found |= {"kdf": "scrypt", **_SCRYPT, "salt": base64.b64encode(salt).decode(), "sealed": sealed}
    return found


def _derived(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=_SCRYPT["n"], r=_SCRYPT["r"], p=_SCRYPT["p"], maxmem=2**26, dklen=32
    )


def _read(document: Value) -> tuple[dict[str, tuple[list[str], list[list[_Cell]]]], Struct]:
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise _no_export("it does not say so")
    if document.get("format_version") != FORMAT:
        said = document.get("format_version")
        raise _no_export(f"its format is {said!r}, and this cellctl reads {FORMAT!r}")
    tables, key = document.get("tables"), document.get("key")
    found: dict[str, tuple[list[str], list[list[_Cell]]]] = {}
    try:
        assert isinstance(tables, dict)
        for name, table in tables.items():
            assert isinstance(table, dict)
            if name in OF_THE_MOMENT:
                continue
            columns, rows = table["columns"], table["rows"]
            assert isinstance(columns, list)
            assert isinstance(rows, list)
            found[name] = ([str(item) for item in columns], [_row(row, len(columns)) for row in rows])
    except (AssertionError, KeyError, ValueError, binascii.Error):
        raise _no_export("its tables are damaged") from None
    return found, key if isinstance(key, dict) else {}


def _row(row: Value, width: int) -> list[_Cell]:
    if not isinstance(row, list) or len(row) != width:
        raise ValueError("a row has a cell for each column")
    return [_stored(cell) for cell in row]


def _no_export(why: str) -> UsageError:
    return UsageError(
        f"this is no exported sandbox: {why}", hint="`cellctl sandbox export` writes one", code="no_export"
    )


def _refuse_if_busy(database: Database) -> None:
    for pid, started in database.rows("SELECT pid, started FROM participants"):
        if int(str(pid)) != os.getpid() and alive(int(str(pid)), str(started)):
            hint = "let it end first: an import replaces the whole sandbox"
            raise UsageError(f"process {pid} is using this sandbox", hint=hint, code="sandbox_busy")


def _refuse_unknown(database: Database, tables: dict[str, tuple[list[str], list[list[_Cell]]]]) -> None:
    """Refuse tables and columns that this cellctl would not make: nothing in the file is ever executed."""
    with database.transaction() as rows:
        for name, (columns, _) in tables.items():
            statement = _made_by_standins(name)
            if statement:
                rows.execute(statement)
            known = (
                [] if name not in _tables(rows) else [str(row[1]) for row in rows.execute(f"PRAGMA table_info({name})")]
            )
            strange = next((item for item in columns if item not in known), "")
            if not known or strange:
                raise _no_export(
                    f"table '{name}' {f'has a column {strange!r}, which' if known else ''} is not known here"
                )


def _made_by_standins(name: str) -> str:
    """Return how stand-ins make a table of theirs, `` if it is none."""
    from cellctl_sandbox.network import first_boots
    from cellctl_sandbox.standins.documents import schema_of
    from cellctl_sandbox.standins.tds.store import SCHEMAS

    if name in DOCUMENTS:
        return schema_of(name)
    return {**SCHEMAS, first_boots.TABLE: first_boots.SCHEMA}.get(name, "")


def _take_key(sealer: Sealer, key: Struct, passphrase: str) -> None:
    """Make the key of the file the home's own, where it is not already.

    Raises:
        UsageError: The file does not hold it, or the passphrase is wrong.
    """
    if key.get("fingerprint") == sealer.fingerprint():
        return
    salt, sealed = key.get("salt"), key.get("sealed")
    if not passphrase or not isinstance(salt, str) or not isinstance(sealed, str):
        message = "the secrets in this file are sealed with the key of another home"
        hint = "give the passphrase it was exported with, or import it --without-secrets"
        raise UsageError(message, hint=hint, code="sealed")
    from cryptography.exceptions import InvalidTag

    try:
        material = bytes.fromhex(Sealer.under(_derived(passphrase, base64.b64decode(salt))).decrypt(sealed))
    except (InvalidTag, ValueError):
        raise UsageError(
            "the passphrase is wrong", hint="it is the one that the export was given", code="sealed"
        ) from None
    sealer.replace(material)


def _fill(rows: sqlite3.Connection, name: str, columns: list[str], content: list[list[_Cell]]) -> None:
    marks = ", ".join("?" for _ in columns)
    rows.executemany(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})", content)  # noqa: S608  known names


def _emptied(row: list[_Cell], sealer: Sealer) -> list[_Cell]:
    return [_without_secrets(cell, sealer) if isinstance(cell, str) and '"sealed"' in cell else cell for cell in row]


def _without_secrets(text: str, sealer: Sealer) -> str:
    try:
        value: Value = json.loads(text)
    except ValueError:
        return text
    return json.dumps(sealer.seal(_replaced(value)), separators=(",", ":"))


def _replaced(value: Value) -> Value:
    if is_secret(value):
        return {SIGNATURE: SECRET, "value": LOST}
    if isinstance(value, dict):
        return {key: _replaced(item) for key, item in value.items()}
    return [_replaced(item) for item in value] if isinstance(value, list) else value
