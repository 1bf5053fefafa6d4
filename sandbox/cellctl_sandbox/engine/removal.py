"""Deleting what the program no longer declares and what was replaced: planned from the state, done by dependency."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from cellctl.state.resources import ResourceState
from cellctl_sandbox.engine.errors import StepFailed
from cellctl_sandbox.engine.executor import Executor
from cellctl_sandbox.engine.gate import Gate, Stopped
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.steps import Op, Step, deletion_step, removal_order


def condemned(scope: Scope) -> list[ResourceState]:
    """Return what has to go, in the order of the state: what nobody registered, and replaced copies."""
    kept, removed = scope.decisions.kept, scope.decisions.removed
    registered = [scope.made[urn] for urn in scope.decisions.condemned if urn in scope.made]
    return registered + [
        item
        for item in scope.journal.olds()
        if item.delete or (item.urn not in kept and (item.row not in removed or item.pending_replacement))
    ]


def removal_step(item: ResourceState) -> Step:
    """Return the step that removes `item` at the end of an operation."""
    if item.pending_replacement and not item.delete:
        return Step(op=Op.REMOVE_PENDING_REPLACE, urn=item.urn, old=item)
    return deletion_step(item, replaced=item.delete)


class Removal:
    """Deletes the condemned: each as soon as nothing depends on it any more, `parallel` at a time."""

    def __init__(self, scope: Scope, executor: Executor, gate: Gate, fail: Callable[[StepFailed], None]) -> None:
        self._scope = scope
        self._executor = executor
        self._gate = gate
        self._fail = fail
        self._ready = threading.Condition()

    def run(self, items: Sequence[ResourceState]) -> None:
        """Delete all items; after a failure nothing new is begun, and what is under way is finished."""
        self._scope.decisions.deleted.update(item.urn for item in items)
        order = removal_order(items)
        try:
            self._ensure_providers(items)
        except StepFailed as error:
            self._fail(error)
            return
        if self._scope.planning:
            for item, _ in order:
                self._remove(item)
            return
        waiting = {item.row: set(users) for item, users in order}
        states = {item.row: item for item, _ in order}
        running: set[int] = set()
        with ThreadPoolExecutor(max_workers=max(1, self._scope.options.parallel)) as pool, self._ready:
            while waiting or running:
                for row in [row for row, users in waiting.items() if not users and not self._gate.stopped]:
                    del waiting[row]
                    running.add(row)
                    pool.submit(self._remove_and_tell, states[row], running, waiting)
                if not running:
                    return
                self._ready.wait()

    def _ensure_providers(self, items: Sequence[ResourceState]) -> None:
        """Configure every provider that is needed, before anything is deleted; a preview deletes nothing."""
        for item in items if not self._scope.planning else ():
            if item.custom and item.provider:
                self._scope.instance(item.provider)

    def _remove_and_tell(self, item: ResourceState, running: set[int], waiting: dict[int, set[int]]) -> None:
        gone = False
        try:
            gone = self._remove(item)
        finally:
            with self._ready:
                running.discard(item.row)
                for users in waiting.values() if gone else ():
                    users.discard(item.row)
                self._ready.notify()

    def _remove(self, item: ResourceState) -> bool:
        try:
            with self._gate.step():
                self._executor.perform(removal_step(item))
        except StepFailed as error:
            self._fail(error)
            return False
        except Stopped:
            return False
        return True
