"""Who refers to whom, and who lies in whom: what a create needs, and what a deletion takes with it or breaks."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from cellctl.facts.conditions import every
from cellctl.state.values import Value, bare
from cellctl_sandbox.clouds.behaviour import Behaviour, known_behaviour
from cellctl_sandbox.clouds.clauses import Reference
from cellctl_sandbox.clouds.records import COLUMNS, Attempt, CloudRecord, record_of, refused

if TYPE_CHECKING:
    from cellctl_sandbox.clouds.world import World


_ALWAYS_THERE = ("/fileservices/default", "/blobservices/default", "/backupfabrics/azure")
"""What an object has from its beginning (Microsoft Learn, File Services and Backup REST API: one for each, 2026-11)."""


_OF_NOBODY = {
    "aws:ec2/securityGroup:SecurityGroup": (
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "securityGroupId",
    )
}
"""What goes with an object although no program declares it: type, and the property that names the object. A group's
rules go with it (Amazon EC2 API Reference, DeleteSecurityGroup, 2026-11)."""


def link(world: World, behaviour: Behaviour, record: CloudRecord, begin_s: float) -> float:
    """Note what an object refers to, and return when all of it is found, at the earliest `begin_s`.

    Raises:
        ProviderError: Something does not exist, or is not found yet for longer than the provider waits.
    """
    for reference in behaviour.references:
        for value in every(record.inputs, reference.path):
            target = _target(world, reference, bare(value))
            if target is None or target.uid == record.uid:
                continue
            begin_s = _found(world, behaviour, reference, target, begin_s)
            world.rows.execute(
                "INSERT OR IGNORE INTO links VALUES (?, ?, ?, ?)",
                (target.uid, record.uid, reference.path, int(reference.blocks)),
            )
    if behaviour.contained:
        _require_parent(world, record)
    return begin_s


def _target(world: World, reference: Reference, value: Value) -> CloudRecord | None:
    if not isinstance(value, str) or not value or any(fnmatchcase(value, item) for item in reference.unless):
        return None
    target = world.by_handle(value, reference.types)
    if target is None:
        raise refused(f"{_code(reference)}: '{value}' ({reference.path}) does not exist", "not_found")
    return target


def _code(reference: Reference) -> str:
    return reference.code or f"{reference.types[0].rpartition(':')[2]}NotFound"


def _found(world: World, behaviour: Behaviour, reference: Reference, target: CloudRecord, begin_s: float) -> float:
    """Return when the provider finds what it refers to: it repeats the call as long as its documentation says."""
    if not hidden(target, behaviour.type, begin_s):
        return begin_s
    known = known_behaviour(target.type)
    code = (known.facts.settles.code if known and known.facts.settles else "") or _code(reference)
    said = f"{code}: '{target.id}' ({reference.path}) is not found yet"
    if target.timeline.settled_s - begin_s > behaviour.facts.waits_s:
        raise refused(said, "not_found")
    world.attempts.append(Attempt(begin_s, target.timeline.settled_s, said))
    return target.timeline.settled_s


def hidden(target: CloudRecord, asker: str, now_s: float) -> bool:
    """Tell whether `asker` (a type, `service:NAME`, `read`) does not find an object yet: eventual consistency."""
    if target.timeline.settled_s <= now_s:
        return False
    if target.timeline.unseen:
        return True
    return hides(target.type, asker)


def hides(type: str, asker: str) -> bool:
    """Tell whether new objects of a type are hidden from `asker` for a while."""
    known = known_behaviour(type)
    settles = known.facts.settles if known else None
    return settles is not None and any(fnmatchcase(asker, item) for item in settles.hidden_from)


def readable(world: World, behaviour: Behaviour, record: CloudRecord, begin_s: float) -> float | None:
    """Return when a Read that begins at `begin_s` finds an object, None if the provider does not wait as long."""
    if not hidden(record, "read", begin_s):
        return begin_s
    settled = record.timeline.settled_s
    if settled - begin_s > behaviour.facts.waits_s:
        return None
    world.attempts.append(Attempt(begin_s, settled, f"'{record.id}' is not found yet"))
    return settled


def _require_parent(world: World, record: CloudRecord) -> None:
    parts = record.id.split("/")
    group = next((i for i, part in enumerate(parts) if part.lower() == "resourcegroups"), None)
    if group is None or len(parts) <= group + 2:
        return
    # …/providers/NAMESPACE/TYPE/NAME lies in what stands before; …/TYPE/NAME lies in the object before it.
    parent = "/".join(parts[:-4] if parts[-4].lower() == "providers" else parts[:-2])
    if parent.lower().endswith(_ALWAYS_THERE):
        parent = parent.rsplit("/", 2)[0]
    if _exists(world, parent):
        return
    if "/vaults/" in parent and parent.split("/")[-2] == "secrets" and _exists(world, parent.rsplit("/", 2)[0]):
        return  # what was written through a vault's data plane is no object here
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
    if record.type in _OF_NOBODY:
        return _added(world, record)
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


def _added(world: World, record: CloudRecord) -> list[CloudRecord]:
    """Return what no program has declared in an object: a service's API was asked to add it."""
    type_, path = _OF_NOBODY[record.type]
    found = world.rows.execute(
        f"SELECT {COLUMNS} FROM objects WHERE type = ? AND urn = '' AND gone_s IS NULL",  # noqa: S608  a constant
        (type_,),
    ).fetchall()
    rules = [record_of(world.database, row, world.tenancy.tenant) for row in found]
    return [rule for rule in rules if bare(rule.properties().get(path)) == record.id]


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
