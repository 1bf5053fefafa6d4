"""Deleting what the program no longer declares and what was replaced: planned from the state, done layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from cellctl.state.resources import ResourceState
from cellctl_provider import baton
from cellctl_sandbox.engine.errors import NotStarted, StepFailed
from cellctl_sandbox.engine.executor import Executor
from cellctl_sandbox.engine.gate import Gate, Stopped
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.steps import Op, Step, deletion_step


def condemned(scope: Scope) -> list[ResourceState]:
    """Return what has to go, in the order of the state: what nobody registered, and replaced copies.

    Where there was nothing when a destroy began, what its program registered stays: the CLI looks for what goes in the
    state with which it began, and not at all in one that is empty.
    """
    kept, removed = scope.decisions.kept, scope.decisions.removed
    listed = () if scope.journal.began_empty else scope.decisions.condemned
    registered = [scope.made[urn] for urn in listed if urn in scope.made]
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


def needed_rows(items: Sequence[ResourceState], state: Iterable[ResourceState]) -> dict[int, set[int]]:
    """Return for the row of each of the condemned those of the condemned that must outlive it.

    These are the ones it needs that come before it in the state (a copy that waits for deletion must not wait for its
    own successor); a component counts with all that is in it.
    """
    parents = {item.urn: item.parent for item in state if not item.delete}
    found: dict[int, set[int]] = {}
    before: dict[str, set[int]] = {}  # rows of each URN
    inside: dict[str, set[int]] = {}  # rows below each component
    custom = {item.urn for item in state if item.custom}
    for item in items:
        needs = item.needs()
        found[item.row] = set().union(*(before.get(urn, set()) for urn in needs))
        for urn in needs - custom - {item.parent}:
            found[item.row] |= inside.get(urn, set())
        before.setdefault(item.urn, set()).add(item.row)
        above = item.parent
        while above:
            inside.setdefault(above, set()).add(item.row)
            above = parents.get(above, "")
    return found


def layers(items: Sequence[ResourceState], needed: Mapping[int, set[int]]) -> list[list[ResourceState]]:
    """Return the condemned in the order in which they go: each layer at once, when the one before it is gone.

    As the CLI does it: a resource goes as late as it can, just before what it needs. What stands alone goes last.
    """
    depth: dict[int, int] = {}
    found: list[list[ResourceState]] = []
    for item in items:
        depth[item.row] = 1 + max((depth[row] for row in needed[item.row]), default=-1)
        found += [[] for _ in range(depth[item.row] + 1 - len(found))]
        found[depth[item.row]].insert(0, item)
    return found[::-1]


class Removal:
    """Deletes the condemned: a layer after the other, `parallel` at a time."""

    def __init__(self, scope: Scope, executor: Executor, gate: Gate, fail: Callable[[StepFailed], None]) -> None:
        self._scope = scope
        self._executor = executor
        self._gate = gate
        self._fail = fail

    def run(self, items: Sequence[ResourceState]) -> None:
        """Delete all items; what something needs that could not be deleted stays."""
        self._scope.decisions.deleted.update(item.urn for item in items)
        try:
            self._ensure_providers(items)
        except StepFailed as error:
            self._fail(error)
            return
        needed = needed_rows(items, self._scope.journal.checkpoint().resources)
        kept: set[int] = set()
        most = 1 if self._scope.planning else self._scope.options.parallel
        for layer in layers(items, needed):
            doing = [item for item in layer if item.row not in kept]
            done = list(map(self._remove, doing)) if most == 1 else baton.each(self._remove, doing, most)
            going = {item.row for item, gone in zip(doing, done, strict=True) if gone}
            for item in layer:
                if item.row not in going:
                    kept |= needed[item.row]

    def _ensure_providers(self, items: Sequence[ResourceState]) -> None:
        """Configure every provider that is needed, before anything is deleted; a preview deletes nothing."""
        for item in items if not self._scope.planning else ():
            if item.custom and item.provider:
                try:
                    self._scope.instance(item.provider)
                except NotStarted as error:
                    raise StepFailed(f"could not load provider for resource {item.urn}: {error.message}") from error

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
