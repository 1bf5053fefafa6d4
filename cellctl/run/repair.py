"""What an earlier run left behind, repaired before anything is changed, by looking: never by forgetting.

Stale locks of dead processes go. A create that had begun may have made an object that no state knows, also beside the
one that it is to replace: it is looked up, becomes a resource of the state, and is read; only what is certainly not
there is cleared. Pending updates and deletes are done again by the engine.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cellctl.engine.wire import Task
from cellctl.engine.workspace import stack_name
from cellctl.errors import EngineError, GuardError, Locked, Objection
from cellctl.state.backend import FileBackend
from cellctl.state.checkpoint import Checkpoint
from cellctl.state.locks import Lock, provably_dead
from cellctl.state.pending import adopted, cleared, known_ids, pending_creates, unread_ids
from cellctl.state.resources import PendingOperation, ResourceState

if TYPE_CHECKING:
    from cellctl.engine.raw_events import StepEvent
    from cellctl.run.session import Session
    from cellctl.run.target import Target

DYING_S = 3.0  # an operation process whose parent was killed holds its lock until the kernel has taken it apart
POLL_S = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Repaired:
    """What was found and done. `adopt`: URN -> id of objects the coming `up` imports. `said`: one line each."""

    adopt: Mapping[str, str] = field(default_factory=dict)
    said: tuple[str, ...] = ()


def repair(session: Session) -> Repaired:
    """Repair the state of a cell whose lease we hold.

    Raises:
        Locked: A living process holds the stack's lock.
        GuardError: An object may exist and nobody can say; the caller must adopt or forget it.
        EngineError: What was found could not be read; it stays pending.
    """
    target, options = session.target, session.options
    loaded = session.load()
    said = [str(loaded.recovered)] if loaded and loaded.recovered else []
    said += _unlock(target.files, target) if target.files else []
    if loaded is None:
        return Repaired(adopt=dict(options.adopt), said=tuple(said))
    found, gone = _resolve(loaded.checkpoint, session)
    checkpoint = loaded.checkpoint
    for urn in gone:
        checkpoint = cleared(checkpoint, urn)
    for urn, id_ in found.items():
        checkpoint = adopted(checkpoint, urn, id=id_)
    if checkpoint is not loaded.checkpoint or loaded.recovered:
        session.store(checkpoint)
    if found:
        _read_adopted(session, tuple(found))
    said += [f"{_name(urn)} had been created when a run ended early; it is adopted" for urn in found]
    said += [f"{_name(urn)} was about to be created when a run ended early; it is not there" for urn in gone]
    return Repaired(adopt={urn: id_ for urn, id_ in options.adopt.items() if urn not in found}, said=tuple(said))


def _read_adopted(session: Session, urns: tuple[str, ...]) -> None:
    """Read what was adopted, because only its id is known; then its creation is pending no more."""
    progress, ended = session.change(Task(verb="refresh", targets=urns, parallel=session.options.parallel))
    session.stop_if_interrupted()
    if ended.broke:
        raise ended.broke
    loaded = session.load()
    assert loaded is not None
    checkpoint = loaded.checkpoint
    missing = [urn for urn in urns if checkpoint.find(urn) is None]
    if ended.failed or progress.failures or missing:
        failure = next(iter(progress.failures), None)
        why = failure.message if failure else ended.failed or f"the cloud does not show {_name(missing[0])} yet"
        hint = "run the same command again in a minute: it goes on looking"
        raise EngineError(f"what a run that ended early has made cannot be read: {why}", hint=hint, code="unread")
    for urn in urns:
        checkpoint = cleared(checkpoint, urn)
    session.store(checkpoint)


def doubt(session: Session, unanswered: Sequence[StepEvent]) -> None:
    """After a run: keep as pending each create whose answer was lost, so that the next run looks for its object.

    The embedded engine does so itself; the real CLI forgets it. Resources of provider `cellctl` look for themselves
    before they create.
    """
    loaded = session.load() if unanswered else None
    if loaded is None:
        return
    checkpoint = loaded.checkpoint
    known = {item.resource.urn for item in checkpoint.pending}
    lost = {event.urn: event for event in unanswered if event.urn not in known}
    new = tuple(
        PendingOperation(resource=_half_made(event), kind="creating")
        for event in lost.values()
        if not event.type.startswith("cellctl:")
    )
    if new:
        checkpoint = replace(checkpoint, pending=(*checkpoint.pending, *new))
        session.store(checkpoint)


def _half_made(event: StepEvent) -> ResourceState:
    """Return what an event tells of a resource; its inputs are left out, because events hide secrets."""
    new = event.new
    return ResourceState(
        urn=event.urn,
        type=event.type,
        custom=True,
        parent=new.parent if new else "",
        protect=new.protect if new else False,
        provider=new.provider if new else "",
    )


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
    """Return which pending creates have made an object that the state does not know (URN -> id), and which have not."""
    found: dict[str, str] = {}
    gone: list[str] = []
    unknown: list[Objection] = []
    options, urns = session.options, {item.resource.urn: item.resource for item in pending_creates(checkpoint)}
    objects = session.look_up(tuple(urn for urn, resource in urns.items() if _has_object(resource)))
    for urn, resource in urns.items():
        listed = objects.get(urn)
        known = known_ids(checkpoint, urn) - unread_ids(checkpoint, resource)
        new = [id_ for id_ in listed if id_ not in known] if isinstance(listed, list) else None
        if urn in options.adopt:
            found[urn] = options.adopt[urn]
        elif urn in options.forget or new == [] or not _has_object(resource):
            gone.append(urn)
        elif new is None or len(new) > 1:
            unknown.append(_unknown(urn))
        else:
            found[urn] = str(new[0])
    if unknown:
        raise GuardError(unknown)
    return found, gone


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


def forget(session: Session, urns: frozenset[str]) -> None:
    """Drop resources from the state whose objects are gone; references to them go too, so that the state is sound."""
    from cellctl.state.resources import without_references

    loaded = session.load() if urns else None
    if loaded is None:
        return
    parents = {row.urn: row.parent for row in loaded.checkpoint.resources if row.urn in urns}
    rows = tuple(without_references(row, parents) for row in loaded.checkpoint.resources if row.urn not in urns)
    if len(rows) != len(loaded.checkpoint.resources):
        session.store(replace(loaded.checkpoint, resources=rows))


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]
