"""What a cloud makes one after the other: a second one that begins meanwhile is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellctl.facts.conditions import at
from cellctl.state.values import Struct, bare
from cellctl_sandbox.clouds.behaviour import Behaviour
from cellctl_sandbox.clouds.records import COLUMNS, CloudRecord, record_of, refused

if TYPE_CHECKING:
    from cellctl_sandbox.clouds.world import World


def respect(world: World, behaviour: Behaviour, inputs: Struct, begin_s: float) -> None:
    """Raise ProviderError if another object that shares its place is being made at `begin_s`."""
    if behaviour.turn is None:
        return
    query = f"SELECT {COLUMNS} FROM objects WHERE type = ? AND born_s > ? AND gone_s IS NULL"  # noqa: S608  a constant
    for row in world.rows.execute(query, (behaviour.type, begin_s)).fetchall():
        why = crowded(behaviour, inputs, record_of(world.database, row, world.tenancy.tenant))
        if why:
            raise refused(why, behaviour.turn.kind)


def crowded(behaviour: Behaviour, inputs: Struct, other: CloudRecord) -> str:
    """Return what the cloud says to an object that is made at the same time as another, `` if it says nothing."""
    turn = behaviour.turn
    if turn is None or other.type != behaviour.type:
        return ""
    mine, theirs = bare(at(inputs, turn.by)), bare(at(other.inputs, turn.by))
    shared = isinstance(mine, str) and isinstance(theirs, str) and mine.lower() == theirs.lower()
    return f"{turn.code}: {turn.message}: {other.name} is being made" if shared else ""
