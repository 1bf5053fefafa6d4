"""Names that only one object may have, and names that stay taken after deletion."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cellctl.facts.conditions import at
from cellctl.state.values import Struct
from cellctl_sandbox.clouds.behaviour import Behaviour
from cellctl_sandbox.clouds.records import CloudRecord, refused
from cellctl_sandbox.clouds.templates import render

if TYPE_CHECKING:
    from cellctl_sandbox.clouds.world import World


def take(world: World, behaviour: Behaviour, record: CloudRecord) -> None:
    """Take the names of an object; ProviderError if another has one, or a deleted one holds it."""
    for scope, namespace, name, code in _names(behaviour, record):
        row = world.rows.execute(
            "SELECT uid, held_until, message FROM names WHERE scope = ? AND namespace = ? AND name = ?",
            (scope, namespace, name),
        ).fetchone()
        if row is not None and (row[0] is not None or float(row[1]) > world.now_s):
            raise refused(f"{code}: {row[2] or f'{record.name!r} already exists'}", "conflict")
        world.rows.execute(
            "INSERT OR REPLACE INTO names VALUES (?, ?, ?, ?, NULL, '')", (scope, namespace, name, record.uid)
        )


def _names(behaviour: Behaviour, record: CloudRecord) -> Iterator[tuple[str, str, str, str]]:
    place = record.tenancy
    scopes = {
        "region": f"{place.package}/{place.account}/{place.region}",
        "account": f"{place.package}/{place.account}",
    }
    properties = record.properties()
    for unique in behaviour.unique:
        parts = [at(properties, path) for path in unique.by]
        if all(part is not None for part in parts):
            text = "\n".join(str(part).lower() for part in parts)
            yield scopes.get(unique.scope, place.package), unique.namespace, text, unique.code


def release(world: World, behaviour: Behaviour | None, record: CloudRecord, gone_s: float) -> None:
    """Give the names of an object up at `gone_s`, or when the service no longer holds them."""
    held = behaviour.facts.held if behaviour else None
    until, message = gone_s, ""
    if held is not None and not (held.unless and held.unless.holds(record.properties())):
        amount = at(record.properties(), held.property) if held.property else None
        until += float(amount) * held.unit_s if isinstance(amount, int | float) else held.seconds
        message = str(render(held.message, world.scope_of(record), "held") or held.message)
    world.rows.execute(
        "UPDATE names SET uid = NULL, held_until = ?, message = ? WHERE uid = ?", (until, message, record.uid)
    )


def held(rows: sqlite3.Connection, now_s: float) -> list[Struct]:
    """Return the names that deleted objects hold at a time, the soonest free first."""
    query = (
        "SELECT name, namespace, held_until - ?, message FROM names WHERE uid IS NULL AND held_until > ? ORDER BY 3, 1"
    )
    return [
        {"name": _shown(str(name)), "of": namespace, "left_s": left, "said": said}
        for name, namespace, left, said in rows.execute(query, (now_s, now_s)).fetchall()
    ]


def purge(rows: sqlite3.Connection, name: str | None) -> int:
    """Give one held name or all free, as a purge of the soft-deleted object does; return how many."""
    found = rows.execute("SELECT scope, namespace, name FROM names WHERE uid IS NULL").fetchall()
    doomed = [row for row in found if name is None or _shown(row[2]) == name.lower()]
    rows.executemany("DELETE FROM names WHERE scope = ? AND namespace = ? AND name = ?", doomed)
    return len(doomed)


def _shown(name: str) -> str:
    return name.replace("\n", "/")
