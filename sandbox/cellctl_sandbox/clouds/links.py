"""Who refers to whom, and who lies in whom: what a create needs, and what a deletion takes with it or breaks."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from cellctl.facts.conditions import every
from cellctl.state.values import Value, bare
from cellctl_sandbox.clouds.behaviour import Behaviour, Reference, known_behaviour
from cellctl_sandbox.clouds.records import COLUMNS, CloudRecord, record_of, refused

if TYPE_CHECKING:
    from cellctl_sandbox.clouds.world import World


def link(world: World, behaviour: Behaviour, record: CloudRecord) -> None:
    """Note what an object refers to; ProviderError if that, or what the object lies in, does not exist."""
    for reference in behaviour.references:
        for value in every(record.inputs, reference.path):
            _link_one(world, reference, record, bare(value))
    if behaviour.contained:
        _require_parent(world, record)


def _link_one(world: World, reference: Reference, record: CloudRecord, value: Value) -> None:
    if not isinstance(value, str) or not value or any(fnmatchcase(value, item) for item in reference.unless):
        return
    target = world.by_handle(value, reference.types)
    if target is None:
        code = reference.code or f"{reference.types[0].rpartition(':')[2]}NotFound"
        raise refused(f"{code}: '{value}' ({reference.path}) does not exist", "not_found")
    if target.uid != record.uid:
        world.rows.execute(
            "INSERT OR IGNORE INTO links VALUES (?, ?, ?, ?)",
            (target.uid, record.uid, reference.path, int(reference.blocks)),
        )


def _require_parent(world: World, record: CloudRecord) -> None:
    parts = record.id.split("/")
    group = next((i for i, part in enumerate(parts) if part.lower() == "resourcegroups"), None)
    if group is None or len(parts) <= group + 2:
        return
    # …/providers/NAMESPACE/TYPE/NAME lies in what stands before; …/TYPE/NAME lies in the object before it.
    parent = "/".join(parts[:-4] if parts[-4].lower() == "providers" else parts[:-2])
    if _exists(world, parent):
        return
    code = "ResourceGroupNotFound" if len(parent.split("/")) == group + 2 else "ParentResourceNotFound"
    raise refused(f"{code}: '{parent}' does not exist", "not_found")


def _exists(world: World, value: str) -> bool:
    """Tell whether an object with this very id or handle exists."""
    found = world.rows.execute(
        "SELECT 1 FROM objects WHERE uid IN (SELECT uid FROM handles WHERE value = ?) AND gone_s IS NULL",
        (value.lower(),),
    ).fetchone()
    return found is not None


def contents(world: World, record: CloudRecord) -> list[CloudRecord]:
    """Return what lies in an object and goes with it."""
    if not record.id.startswith("/"):
        return []
    start = record.id.lower() + "/"
    found = world.rows.execute(
        f"SELECT {COLUMNS} FROM objects WHERE package = ? AND gone_s IS NULL "  # noqa: S608  a constant
        "AND substr(lower(id), 1, ?) = ? AND uid != ?",
        (world.tenancy.package, len(start), start, record.uid),
    ).fetchall()
    below = [record_of(world.database, row, world.tenancy.tenant) for row in found]
    # What is not `contained` stays, and refuses the deletion if it refers to what goes: a management lock.
    return [item for item in below if (known := known_behaviour(item.type)) is None or known.contained]


def refuse_dependants(world: World, doomed: list[CloudRecord], record: CloudRecord) -> None:
    """Raise ProviderError if something that stays refers to what goes."""
    inside = {item.uid for item in doomed}
    for item in doomed:
        for source, path in world.rows.execute(
            "SELECT source, path FROM links WHERE target = ? AND blocks = 1", (item.uid,)
        ).fetchall():
            holder = world.rows.execute("SELECT type, id FROM objects WHERE uid = ?", (source,)).fetchone()
            if source not in inside and holder is not None:
                text = f"DependencyViolation: '{record.id}' is in use by {holder[0]} '{holder[1]}' ({path})"
                raise refused(text, "conflict")
