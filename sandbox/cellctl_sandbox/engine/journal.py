"""The state while an operation changes it, and its writing: before and after each mutating step.

Nobody goes on before a write holds what he recorded. Who comes while another writes waits, and the next write holds the
records of all who waited: sixteen steps at once cost few writes, and the whole state is written so often only once.

Rows identify resources (two copies of a URN exist during a replacement). The state is: what this operation registered,
in the order in which it was done, then what it has not dealt with yet, in the old order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace

from cellctl.state.checkpoint import Checkpoint, now_text
from cellctl.state.resources import (
    PendingKind,
    PendingOperation,
    ResourceState,
    renamed,
    without_references,
)
from cellctl_provider import baton
from cellctl_provider.probes import Moment, Place, Probe, unobserved
from cellctl_sandbox.engine.errors import StepFailed

Save = Callable[[Checkpoint], None]


class SaveFailed(StepFailed):
    """The state could not be saved; the last one that could be is in place."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"the state could not be saved: {error.strerror or error}")


class Journal:
    """Owner of the state of one operation. Every method may be called from any thread."""

    def __init__(self, checkpoint: Checkpoint, save: Save | None, probe: Probe = unobserved) -> None:
        self._base = checkpoint
        self._save = save
        self._probe = probe
        self._lock = threading.Lock()
        self._turn = threading.Condition()
        self._writing = False
        self._changes = 0  # records made
        self._written = 0  # of these, in the last write
        self._records: list[tuple[str, str, str]] = []  # those that wait for the next write: what, of whom
        self._olds = {item.row: item for item in checkpoint.resources}
        self._news: dict[int, ResourceState] = {}
        self._names: dict[str, str] = {}
        self._gone: dict[str, str] = {}
        self.wrote = False
        # Only pending creates outlive an operation: an update or delete is simply done again.
        self._pending = {item.resource.row: item for item in checkpoint.pending if item.kind == "creating"}

    @property
    def base_time(self) -> str:
        """When the state this operation began with was written."""
        return self._base.time

    @property
    def began_empty(self) -> bool:
        """Whether the state this operation began with held no resource."""
        return not self._base.resources

    @property
    def saves(self) -> bool:
        """Whether this operation writes: a preview does not."""
        return self._save is not None

    def begin(self, kind: PendingKind, resource: ResourceState) -> None:
        """Record that an operation on `resource` is about to begin, and save."""
        with self._lock:
            self._pending[resource.row] = PendingOperation(resource=resource, kind=kind)
            change = self._changed("begin", resource.urn, kind)
        self._write(change)

    def abandon(self, resource: ResourceState) -> None:
        """Record that the operation on `resource` ended without a change, and save."""
        with self._lock:
            self._pending.pop(resource.row, None)
            change = self._changed("abandon", resource.urn)
        self._write(change)

    def commit(
        self,
        *,
        new: ResourceState | None = None,
        gone: tuple[ResourceState, ...] = (),
        kept: ResourceState | None = None,
        pending: ResourceState | None = None,
        lazily: bool = False,
    ) -> None:
        """Record the end of a step, and save.

        `new` joins the state or takes the place of its row; `gone` leave it; `kept` is an old resource with another
        mark (delete, pending replacement); `pending` is the resource given to `begin`. `lazily`: nothing that matters
        changed, so the next save will do.
        """
        with self._lock:
            for item in gone:
                self._olds.pop(item.row, None)
                self._news.pop(item.row, None)
            if kept is not None:
                place = self._news if kept.row in self._news else self._olds
                place[kept.row] = without_references(kept, self._gone)
            if new is not None:
                self._gone.pop(new.urn, None)
                self._news[new.row] = without_references(new, self._gone)
            if pending is not None:
                self._pending.pop(pending.row, None)
            if lazily:
                return
            about = new or kept or (gone[0] if gone else None)
            change = self._changed("commit", about.urn if about else "", "" if new or kept or not gone else "gone")
        self._write(change)

    def rename(self, old: str, new: str) -> None:
        """Let what refers to a resource by its old URN, also what takes no part, name the new one once it is there."""
        if old != new:
            with self._lock:
                self._names[old] = new

    def clear_pending_creates(self) -> None:
        """Forget all pending creates."""
        with self._lock:
            self._pending.clear()

    def prune(self, gone: Mapping[str, str]) -> None:
        """Take references to the keys of `gone` out of the state; their values are their children's new parents.

        What is committed later loses them too, until there is such a resource again.
        """
        with self._lock:
            self._gone.update(gone)
            for rows in (self._olds, self._news):
                for row, item in rows.items():
                    rows[row] = without_references(item, gone)

    def forget_needless(self) -> None:
        """Take out of the state which properties need nothing: a refresh of the CLI forgets these, and only these."""
        with self._lock:
            for rows in (self._olds, self._news):
                for row, item in rows.items():
                    needing = {key: urns for key, urns in item.property_dependencies.items() if urns}
                    if len(needing) < len(item.property_dependencies):
                        rows[row] = replace(item, property_dependencies=needing)

    @property
    def interrupted(self) -> tuple[PendingOperation, ...]:
        """The operations that were pending when this one began."""
        return self._base.pending

    def finish(self) -> None:
        """Save the final state, also if nothing changed: the manifest says when the last operation was."""
        with self._lock:
            change = self._changed("finish")
        self._write(change)

    def checkpoint(self) -> Checkpoint:
        """Return the state as it is now, secrets opened."""
        with self._lock:
            return self._snapshot()

    def olds(self) -> tuple[ResourceState, ...]:
        """Return what this operation has not dealt with yet, in the old order."""
        with self._lock:
            return tuple(self._olds.values())

    def current(self, row: int) -> ResourceState | None:
        """Return the resource of a row as it is now."""
        with self._lock:
            return self._news.get(row) or self._olds.get(row)

    def _snapshot(self) -> Checkpoint:
        there = {item.urn for item in self._news.values()} if self._names else ()
        names = {old: new for old, new in self._names.items() if new in there}
        if names:
            self._news = {row: renamed(item, names) for row, item in self._news.items()}
        olds = (renamed(item, names) for item in self._olds.values())
        return replace(
            self._base,
            resources=(*self._news.values(), *olds),
            pending=tuple(self._pending.values()),
            time=now_text(),
            fresh=False,
        )

    def _changed(self, what: str, urn: str = "", part: str = "") -> int:
        if self._save is not None:
            self._records.append((what, urn, part))
        self._changes += 1
        return self._changes

    def _write(self, change: int) -> None:
        """Write the state, or wait until a write that another thread began after `change` is done."""
        if self._save is None:
            return
        self.wrote = True
        baton.give_way()  # who can go on may have a record for the same write
        with nullcontext() if baton.alone() else baton.aside():
            self._write_or_wait(change, self._save)

    def _write_or_wait(self, change: int, save: Save) -> None:
        with self._turn:
            while self._writing and self._written < change:
                self._turn.wait()
            if self._written >= change:
                return
            self._writing = True
        written = 0
        try:
            written = self._written_all(save)
        except OSError as error:
            raise SaveFailed(error) from error
        finally:
            with self._turn:
                self._writing, self._written = False, max(self._written, written)
                self._turn.notify_all()

    def _written_all(self, save: Save) -> int:
        """Write the state with every record made until now; return how many those are."""
        with self._lock:
            snapshot, newest = self._snapshot(), self._changes
            records, self._records = self._records, []
        self._look("saving", records)
        save(snapshot)
        self._look("saved", records)
        return newest

    def _look(self, place: Place, records: list[tuple[str, str, str]]) -> None:
        for what, urn, part in records:
            self._probe(Moment(place=place, operation=what, urn=urn, part=part))
