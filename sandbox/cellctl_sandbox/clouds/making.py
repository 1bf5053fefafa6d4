"""What a service makes by itself once an object is there, unless a program has made it before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cellctl.facts.conditions import at
from cellctl.state.values import Struct
from cellctl_sandbox.clouds.behaviour import Behaviour, behaviour_of
from cellctl_sandbox.clouds.records import CloudRecord
from cellctl_sandbox.clouds.stages import Timeline
from cellctl_sandbox.clouds.templates import render

if TYPE_CHECKING:
    from cellctl_sandbox.clouds.world import World


def make(world: World, behaviour: Behaviour, record: CloudRecord) -> None:
    """Make what is not there yet. It has nobody's URN: no program made it."""
    for made, inputs in made_by(world, behaviour, record):
        known = behaviour_of(made)
        names = [str(at(inputs, path)) for path in known.unique[0].by] if known.unique else []
        if not any(world.by_handle(name, (made,)) for name in names):
            world.create(known, "", inputs, Timeline(world.now_s, world.now_s))


def made_by(world: World, behaviour: Behaviour, record: CloudRecord) -> Iterator[tuple[str, Struct]]:
    """Yield type and inputs of each object that the service makes for this one."""
    for making in behaviour.makes:
        if not making.when.holds(record.properties()):
            continue
        scope = world.scope_of(record)
        items = at(record.properties(), making.each) if making.each else [None]
        for item in items if isinstance(items, list) else []:
            scope.item = {"value": item}
            inputs = render(dict(making.inputs), scope, "makes")
            assert isinstance(inputs, dict)
            yield making.type, inputs
