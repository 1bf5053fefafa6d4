"""What an interrupted operation left behind, and how to repair it: pure functions on a Checkpoint.

A SIGKILL leaves pending operations in the checkpoint and a lock file. Pending updates and deletes need no repair: the
next `up` does them again. A pending *create* may have made an object that no state knows, also where the state holds
what it is to replace: look it up in the cloud, then take it over (`adopted`) and read it, or drop it (`cleared`).
Source: reference/engine.md 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cellctl.state.checkpoint import Checkpoint, now_text
from cellctl.state.resources import PendingOperation, ResourceState, next_row


def pending_creates(checkpoint: Checkpoint) -> tuple[PendingOperation, ...]:
    """Return the pending creates, in the order in which they began."""
    return tuple(item for item in checkpoint.pending if item.kind == "creating")


def known_ids(checkpoint: Checkpoint, urn: str) -> frozenset[str]:
    """Return the ids of the objects of a URN that the state owns, those about to be deleted included."""
    return frozenset(row.id for row in checkpoint.resources if row.urn == urn and not row.pending_replacement)


def unread_ids(checkpoint: Checkpoint, resource: ResourceState) -> frozenset[str]:
    """Return the id under which a pending create was `adopted` by a run that ended before it read it."""
    rows = (row for row in checkpoint.resources if row.urn == resource.urn and not row.delete)
    return frozenset(row.id for row in rows if row.outputs == resource.inputs)


def cleared(checkpoint: Checkpoint, urn: str = "") -> Checkpoint:
    """Return the checkpoint without the pending create of `urn`, or without any if `urn` is empty.

    Only right when the object was looked up and is not there, or is in the state by now.
    """
    rest = tuple(item for item in checkpoint.pending if item.kind != "creating" or (urn and item.resource.urn != urn))
    return replace(checkpoint, pending=rest)


def adopted(checkpoint: Checkpoint, urn: str, *, id: str) -> Checkpoint:
    """Return the checkpoint as if the answer to a pending create had come: the object is a resource of the state.

    `id` is what a look-up in the cloud found; the inputs are those of the pending operation, outputs come from the
    refresh that has to follow. An object that it replaces is marked for deletion. The operation stays pending until
    it is `cleared`, so that a second crash before that refresh loses nothing.

    Raises:
        KeyError: No create of that URN is pending.
    """
    if id in known_ids(checkpoint, urn):
        return checkpoint
    for item in pending_creates(checkpoint):
        if item.resource.urn == urn:
            now = now_text()
            new = replace(item.resource, id=id, outputs=item.resource.inputs, created=now, modified=now, row=next_row())
            return replace(checkpoint, resources=tuple(_in_place(checkpoint.resources, new)))
    raise KeyError(urn)


def _in_place(resources: tuple[ResourceState, ...], new: ResourceState) -> Iterator[ResourceState]:
    """Yield the resources with `new` where its URN lived, because what depends on it comes later; else at the end."""
    placed = False
    for item in resources:
        if item.urn != new.urn or item.delete:
            yield item
            continue
        placed = True
        yield new
        if not item.pending_replacement:  # where the old object is deleted first, it is gone by now
            yield replace(item, delete=True)
    if not placed:
        yield new
