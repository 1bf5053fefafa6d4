"""What an interrupted operation left behind, and how to repair it: pure functions on a Checkpoint.

A SIGKILL leaves pending operations in the checkpoint and a lock file. Pending updates and deletes need no repair: the
next `up` does them again. A pending *create* may have made an object that no state knows: look it up in the cloud, then
`adopted` it (import option in the program, or with what was read) or `cleared` it. Source: reference/engine.md 7.
"""

from __future__ import annotations

from dataclasses import replace

from cellctl.state.checkpoint import Checkpoint, now_text
from cellctl.state.resources import PendingOperation, ResourceState
from cellctl.state.values import Struct


def pending_creates(checkpoint: Checkpoint) -> tuple[PendingOperation, ...]:
    """Return the pending creates, in the order in which they began."""
    return tuple(item for item in checkpoint.pending if item.kind == "creating")


def unresolved_creates(checkpoint: Checkpoint) -> tuple[PendingOperation, ...]:
    """Return the pending creates whose URN the state does not hold: an object may exist that nobody owns."""
    known = {item.urn for item in checkpoint.resources if not item.delete}
    return tuple(item for item in pending_creates(checkpoint) if item.resource.urn not in known)


def cleared(checkpoint: Checkpoint, urn: str = "") -> Checkpoint:
    """Return the checkpoint without the pending create of `urn`, or without any if `urn` is empty.

    Only right when the object was looked up and is not there, or is in the state by now.
    """
    rest = tuple(item for item in checkpoint.pending if item.kind != "creating" or (urn and item.resource.urn != urn))
    return replace(checkpoint, pending=rest)


def adopted(checkpoint: Checkpoint, urn: str, *, id: str, outputs: Struct) -> Checkpoint:
    """Return the checkpoint with the object of a pending create as a resource of the state.

    `id` and `outputs` are what a look-up in the cloud found. The inputs are those of the pending operation.

    Raises:
        KeyError: No create of that URN is pending.
    """
    for item in pending_creates(checkpoint):
        if item.resource.urn == urn:
            now = now_text()
            resource = replace(item.resource, id=id, outputs=outputs, created=now, modified=now)
            return _with_resource(cleared(checkpoint, urn), resource)
    raise KeyError(urn)


def _with_resource(checkpoint: Checkpoint, resource: ResourceState) -> Checkpoint:
    others = tuple(item for item in checkpoint.resources if item.urn != resource.urn or item.delete)
    return replace(checkpoint, resources=(*others, resource))
