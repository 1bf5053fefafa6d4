"""What stand-ins see of the simulated clouds, and how they change it: the same rows that providers use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from cellctl.state.values import Struct, bare_struct, is_secret, secret
from cellctl_sandbox.clouds.behaviour import known_behaviour
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.outputs import settled, visible
from cellctl_sandbox.clouds.records import COLUMNS, CloudRecord, Tenancy, record_of
from cellctl_sandbox.clouds.world import World, remove
from cellctl_sandbox.standins.cloud_view import CloudObject

if TYPE_CHECKING:
    import sqlite3


REMEMBERED = 512
"""Rows whose meaning a view keeps: stand-ins ask for the same few objects at every call."""


class ObjectView:
    """Satisfies `cellctl_sandbox.standins.cloud_view.CloudView`. What it returns is shared: nobody changes it."""

    def __init__(self, database: Database, clock: SimulatedClock) -> None:
        self._database = database
        self._clock = clock
        self._record = lru_cache(REMEMBERED)(lambda row: record_of(database, row))
        self._settled = lru_cache(REMEMBERED)(lambda row: as_object(self._record(row), float("inf")))

    def now(self) -> float:
        """Return simulated seconds."""
        return self._clock.now()

    def records(self, type: str, cell: str = "") -> list[CloudRecord]:
        """Return the objects of a type that exist now, oldest first, with their uid and secrets still marked.

        `cell` narrows them to one cell, `` to none.
        """
        return [self._record(row) for row in _rows(self._database, type, cell)]

    def objects(self, type: str, cell: str = "") -> Sequence[CloudObject]:
        """Return the objects of a type, of one cell or of all, that exist now, oldest first; properties in clear."""
        now = self.now()
        return [self._object(row, now) for row in _rows(self._database, type, cell)]

    def _object(self, row: tuple[object, ...], now: float) -> CloudObject:
        record = self._record(row)
        return self._settled(row) if settled(record, now) else as_object(record, now)

    def put(self, item: CloudObject) -> None:
        """Add an object, or replace the properties of the one with this type and id."""
        with self._database.transaction() as rows:
            known = _row(self._database, rows, item.type, item.id)
            now = float(rows.execute("SELECT now_s FROM clock").fetchone()[0])
            record = _changed(known, item.properties) if known else _made(rows, item, now)
            World(self._database, rows, record.tenancy, now).store(record)

    def remove(self, type: str, id: str) -> None:
        """Remove an object; removing what is gone succeeds."""
        with self._database.transaction() as rows:
            known = _row(self._database, rows, type, id)
            if known is not None:
                remove(rows, known.uid)


def records(database: Database, type_: str = "", cell: str = "") -> list[CloudRecord]:
    """Return the objects that exist now, of one type and cell or of all, oldest first."""
    return [record_of(database, row) for row in _rows(database, type_, cell)]


def _rows(database: Database, type_: str, cell: str) -> list[tuple[object, ...]]:
    wanted = {"type": type_, "cell": cell}
    narrowed = "".join(f" AND {column} = ?" for column, value in wanted.items() if value)
    query = (
        f"SELECT {COLUMNS} FROM objects WHERE (gone_s IS NULL OR gone_s > (SELECT now_s FROM clock)) "  # noqa: S608
        f"{narrowed} ORDER BY number"
    )
    values = tuple(value for value in wanted.values() if value)
    return database.rows(query, values)


def as_object(record: CloudRecord, now_s: float) -> CloudObject:
    """Return a record as stand-ins see it at a simulated time."""
    return CloudObject(
        type=record.type,
        id=record.id,
        properties=bare_struct(visible(known_behaviour(record.type), record, now_s)),
        cell=record.cell,
        region=record.tenancy.region,
        born_s=record.born_s,
    )


def _row(database: Database, rows: sqlite3.Connection, type_: str, id_: str) -> CloudRecord | None:
    query = f"SELECT {COLUMNS} FROM objects WHERE type = ? AND id = ? AND gone_s IS NULL"  # noqa: S608  a constant
    row = rows.execute(query, (type_, id_)).fetchone()
    return None if row is None else record_of(database, row)


def _changed(record: CloudRecord, properties: Struct) -> CloudRecord:
    """Return a record with other properties: inputs stay inputs, secrets stay secret."""
    inputs, outputs = dict(record.inputs), dict(record.outputs)
    for key, value in properties.items():
        side = inputs if key in inputs else outputs
        side[key] = secret(value) if is_secret(side.get(key)) else value
    for side in (inputs, outputs):
        for key in [name for name in side if name not in properties]:
            del side[key]
    return replace(record, inputs=inputs, outputs=outputs)


def _made(rows: sqlite3.Connection, item: CloudObject, now: float) -> CloudRecord:
    """Return a record for an object that a stand-in made; it belongs to the account of its cell."""
    package = item.type.partition(":")[0]
    row = rows.execute(
        "SELECT account, region FROM objects WHERE package = ? AND cell = ? LIMIT 1", (package, item.cell)
    ).fetchone() or ("000000000000", "")
    seed = json.dumps([item.type, item.id, now])
    return CloudRecord(
        uid=hashlib.sha256(seed.encode()).hexdigest()[:32],
        tenancy=Tenancy(package=package, account=str(row[0]), region=item.region or str(row[1])),
        type=item.type,
        id=item.id,
        name=item.text("name") or item.id.rpartition("/")[2],
        urn="",
        cell=item.cell,
        inputs={},
        outputs=dict(item.properties),
        born_s=item.born_s or now,
    )
