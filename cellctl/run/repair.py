"""What an earlier run left behind, repaired before anything is changed, by looking: never by forgetting.

Stale locks of dead processes go. A create that had begun may have made an object that no state knows: it is looked up
and adopted; only what is certainly not there is cleared. Pending updates and deletes are done again by the engine.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cellctl.engine.workspace import stack_name
from cellctl.errors import GuardError, Locked, Objection
from cellctl.run.session import checkpoint_text
from cellctl.state.backend import FileBackend, Loaded
from cellctl.state.checkpoint import Checkpoint
from cellctl.state.locks import Lock, provably_dead
from cellctl.state.pending import cleared, pending_creates, unresolved_creates
from cellctl.state.resources import PendingOperation, ResourceState

if TYPE_CHECKING:
    from cellctl.plan import Failure
    from cellctl.run.session import Session
    from cellctl.run.target import Target

DYING_S = 3.0  # an operation process whose parent was killed holds its lock until the kernel has taken it apart
POLL_S = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Repaired:
    """What was found and done. `adopt`: URN -> id of objects the coming `up` takes over. `said`: one line each."""

    adopt: Mapping[str, str] = field(default_factory=dict)
    said: tuple[str, ...] = ()


def repair(session: Session) -> Repaired:
    """Repair the state of a cell whose lease we hold.

    Raises:
        Locked: A living process holds the stack's lock.
        GuardError: An object may exist and nobody can say; the caller must adopt or forget it.
    """
    target, options = session.target, session.options
    files = target.files
    if files is None:
        return Repaired(adopt=dict(options.adopt))
    loaded = target.load()
    said = [str(loaded.recovered)] if loaded and loaded.recovered else []
    said += _unlock(files, target)
    if loaded is None:
        return Repaired(said=tuple(said))
    adopt, gone = _resolve(loaded.checkpoint, session)
    said += [f"{_name(urn)} had been created when a run ended early; it is adopted" for urn in adopt]
    said += [f"{_name(urn)} was about to be created when a run ended early; it is not there" for urn in gone]
    known = {row.urn for row in loaded.checkpoint.resources if not row.delete}
    stale = [item.resource.urn for item in pending_creates(loaded.checkpoint) if item.resource.urn in known]
    _clear(files, target, loaded, {*gone, *stale})
    return Repaired(adopt={**adopt, **options.adopt}, said=tuple(said))


def tidy(target: Target) -> None:
    """After a run: drop the pending creates whose objects the state holds by now."""
    files, loaded = target.files, target.load()
    if files is None or loaded is None:
        return
    known = {row.urn for row in loaded.checkpoint.resources if not row.delete}
    done = {item.resource.urn for item in pending_creates(loaded.checkpoint) if item.resource.urn in known}
    _clear(files, target, loaded, done)


def doubt(target: Target, failures: Sequence[Failure]) -> None:
    """After a run: keep as pending each create whose answer was lost, so that the next run looks for its object.

    Resources of provider `cellctl` look for themselves before they create.
    """
    files, loaded = target.files, target.load()
    if files is None or loaded is None:
        return
    checkpoint = loaded.checkpoint
    known = {row.urn for row in checkpoint.resources if not row.delete} | {
        item.resource.urn for item in checkpoint.pending
    }
    lost = {failure.urn: _type(failure.urn) for failure in failures if failure.code == "answer_lost" and failure.urn}
    new = tuple(
        PendingOperation(resource=ResourceState(urn=urn, type=type_, custom=True), kind="creating")
        for urn, type_ in lost.items()
        if urn not in known and not type_.startswith("cellctl:")
    )
    if new:
        checkpoint = replace(checkpoint, pending=(*checkpoint.pending, *new))
        files.write(stack_name(target.name), checkpoint_text(checkpoint))


def _type(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1] if urn.count("::") >= 3 else ""


def _unlock(files: FileBackend, target: Target) -> list[str]:
    folder = files.locks(stack_name(target.name))
    until = time.monotonic() + DYING_S
    gone: list[Lock] = []
    while held := folder.held():
        dead = provably_dead(held)
        for lock in dead:
            folder.release(lock.key)
        gone += dead
        living = [lock for lock in held if lock not in dead]
        if living and time.monotonic() > until:
            raise _locked_by(living[0])
        if living:
            time.sleep(POLL_S)
    return [f"the lock of pid {lock.pid}, which is gone, was removed" for lock in gone]


def _locked_by(lock: Lock) -> Locked:
    return Locked(
        f"the stack is locked by {lock.username}@{lock.hostname} (pid {lock.pid}) since {lock.timestamp}",
        hint="wait for it to end; if it is not ours, ask its owner",
        code="stack_locked",
    )


def _resolve(checkpoint: Checkpoint, session: Session) -> tuple[dict[str, str], list[str]]:
    """Return which unresolved creates to adopt (URN -> id), and which are certainly not there."""
    adopt: dict[str, str] = {}
    gone: list[str] = []
    unknown: list[Objection] = []
    options, pending = session.options, unresolved_creates(checkpoint)
    objects = session.look_up(tuple(item.resource.urn for item in pending if _has_object(item.resource)))
    for item in pending:
        urn = item.resource.urn
        found = objects.get(urn)
        if urn in options.forget or found == "" or not _has_object(item.resource):
            gone.append(urn)
        elif urn not in options.adopt and found is None:
            unknown.append(_unknown(urn))
        elif isinstance(found, str) and urn not in options.adopt:
            adopt[urn] = found
    if unknown:
        raise GuardError(unknown)
    return adopt, gone


def _has_object(resource: ResourceState) -> bool:
    return resource.custom and not resource.is_provider


def _unknown(urn: str) -> Objection:
    return Objection(
        code="pending_unknown",
        reason=f"a run ended while it created {_name(urn)}; whether the object exists is not known",
        remedy="look in the cloud: adopt it by its id, or say that it is not there",
        flag=f"--adopt '{urn}=ID' or --forget '{urn}'",
        urn=urn,
    )


def _clear(files: FileBackend, target: Target, loaded: Loaded, urns: set[str]) -> None:
    checkpoint = loaded.checkpoint
    for urn in urns:
        checkpoint = cleared(checkpoint, urn)
    if checkpoint is not loaded.checkpoint or loaded.recovered:
        files.write(stack_name(target.name), checkpoint_text(checkpoint))


def forget(target: Target, urns: frozenset[str]) -> None:
    """Drop resources from the state whose objects are gone; references to them go too, so that the state is sound."""
    from cellctl.state.resources import without_references

    files, loaded = target.files, target.load()
    if files is None or loaded is None or not urns:
        return
    rows = tuple(without_references(row, urns) for row in loaded.checkpoint.resources if row.urn not in urns)
    if len(rows) != len(loaded.checkpoint.resources):
        files.write(stack_name(target.name), checkpoint_text(replace(loaded.checkpoint, resources=rows)))


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]
