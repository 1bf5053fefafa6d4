"""Refresh: every object is read, and the state follows what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cellctl.state.checkpoint import now_text
from cellctl.state.resources import ResourceState
from cellctl_provider import baton
from cellctl_provider.protocol import DiffKind, InitFailed, PropertyDiff, ProviderError
from cellctl_sandbox.engine.errors import NotStarted, StepFailed
from cellctl_sandbox.engine.executor import Executor
from cellctl_sandbox.engine.gate import Gate, Stopped
from cellctl_sandbox.engine.outputs import reasons_text, with_secret_outputs
from cellctl_sandbox.engine.planner import Planner
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.steps import Op, Step


class Refresh:
    """Reads everything in the state, `parallel` objects at a time; a preview reads one after the other."""

    def __init__(self, scope: Scope, executor: Executor, planner: Planner, gate: Gate, *, counted: bool) -> None:
        self._scope = scope
        self._executor = executor
        self._planner = planner
        self._gate = gate
        self._counted = counted

    def run(self) -> list[StepFailed]:
        """Refresh all that the program did not register; return what failed. Dependents forget what is gone."""
        scope = self._scope
        olds = [item for item in scope.journal.olds() if item.delete or item.urn not in scope.decisions.kept]
        items = olds if scope.selection.everything else [item for item in olds if scope.selection.names(item)]
        self._start_providers(items)
        if scope.planning:
            results = [self._one(item) for item in items]
        else:
            results = baton.each(self._one, items, scope.options.parallel)
        self._forget([item for item, result in zip(items, results, strict=True) if result is None])
        scope.journal.forget_needless()
        return [result for result in results if isinstance(result, StepFailed)]

    def _start_providers(self, items: Sequence[ResourceState]) -> None:
        """Start every provider that is needed before anything is read; raises `NotStarted`."""
        for item in items:
            if item.custom and item.provider:
                try:
                    self._scope.instance(item.provider)
                except NotStarted as error:
                    raise NotStarted(f"could not load provider for resource {item.urn}: {error.message}") from error
                except StepFailed:
                    continue  # its configuration is refused: whoever needs it will say so

    def one(self, old: ResourceState, wanted: ResourceState) -> ResourceState | None:
        """Read one object that the program registers as `wanted`; None if it is gone.

        Raises:
            StepFailed: It could not be read.
        """
        if not old.custom or old.is_provider:
            step = Step(op=Op.REFRESH, urn=old.urn, old=old, new=wanted)
            self._scope.log.began(step)
            op = Op.UPDATE if self._counted else Op.REFRESH  # nothing is read, but the CLI calls it an update
            self._scope.log.done(step, old, op, count=False)
            return old
        result = self._one(old, wanted)
        if isinstance(result, StepFailed):
            raise result
        if result is None:
            self._forget([old])
            self._scope.olds.pop(old.urn, None)
        else:
            self._scope.olds[old.urn] = result
        return result

    def _forget(self, gone: list[ResourceState]) -> None:
        """Take references to what is gone out of the state; a child has no parent then, as with the CLI."""
        living = {item.urn for item in self._scope.journal.checkpoint().resources}
        self._scope.journal.prune({item.urn: "" for item in gone if item.urn not in living})

    def _one(self, old: ResourceState, wanted: ResourceState | None = None) -> ResourceState | StepFailed | None:
        """Return the new state, None if the object is gone, or why it failed."""
        try:
            with self._gate.step():
                return self._read(old, wanted or old)
        except Stopped:
            return old
        except (ProviderError, StepFailed) as error:
            return StepFailed(str(error), urn=old.urn)

    def _read(self, old: ResourceState, wanted: ResourceState) -> ResourceState | None:
        scope = self._scope
        step = Step(op=Op.REFRESH, urn=old.urn, old=old, new=wanted)
        scope.log.began(step)
        self._executor.warn_of_secret_id(step)
        if not old.custom or old.is_provider or old.pending_replacement or not old.id:
            self._told(step, old, Op.SAME)
            return old
        if not scope.planning:
            self._executor.observe("before_call", step)
        try:
            new = self._found(old, wanted)
        except (ProviderError, StepFailed):
            scope.log.failed(step)
            raise
        if not scope.planning:
            self._executor.observe("after_call", step)
        if new is None:
            scope.journal.commit(gone=(old,), lazily=True)
            self._told(step, None, Op.DELETE)
            return None
        if (new.inputs, new.outputs) != (old.inputs, old.outputs):
            new = replace(new, modified=now_text())
        try:
            op, step = self._verdict(old, new, step)
        except (ProviderError, StepFailed):
            scope.log.failed(step)
            raise
        new = with_secret_outputs(new)
        scope.journal.commit(kept=new, lazily=True)
        self._told(step, new, op)
        return new

    def _told(self, step: Step, new: ResourceState | None, op: Op) -> None:
        """Tell what a read has shown; where refresh is a part of another operation, only that it is done."""
        self._scope.log.done(step, new, op if self._counted else Op.REFRESH, count=self._counted)

    def _found(self, old: ResourceState, wanted: ResourceState) -> ResourceState | None:
        """Return what is there, with the options and the parent of `wanted`: the program's where that was run."""
        kept = replace(wanted, id=old.id, inputs=old.inputs, outputs=old.outputs, row=old.row)
        try:
            found = self._executor.look(old, old.outputs, old.inputs)
        except InitFailed as error:
            self._scope.log.say("warning", reasons_text(error.reasons), old.urn)
            new = replace(kept, outputs=error.properties, init_errors=error.reasons)
            return replace(new, inputs=error.inputs or old.inputs)
        if found is None:
            return None
        return replace(kept, id=found.id, inputs=found.inputs or old.inputs, outputs=found.properties, init_errors=())

    def _verdict(self, old: ResourceState, new: ResourceState, step: Step) -> tuple[Op, Step]:
        """Tell whether the object differs from what the program last asked for: Diff, asked the other way round."""
        if old.external:
            return (Op.SAME if old.outputs == new.outputs else Op.UPDATE), step
        changed = replace(old, inputs=new.inputs, outputs=new.outputs)
        diff = self._planner.provider_diff(changed, old.inputs, old.provider, old.ignore_changes)
        step = replace(step, new=new)
        if diff.changes != "some":
            return Op.SAME, step
        return Op.UPDATE, replace(step, diffs=diff.diffs, detailed=inverted(diff.detailed))


_INVERTED: Mapping[str, DiffKind] = {
    "add": "delete",
    "delete": "add",
    "add-replace": "delete-replace",
    "delete-replace": "add-replace",
}


def inverted(detailed: Mapping[str, PropertyDiff] | None) -> Mapping[str, PropertyDiff] | None:
    """Return details the other way round: from what the program asked for to what is there."""
    if detailed is None:
        return None
    return {path: replace(item, kind=_INVERTED.get(item.kind, item.kind)) for path, item in detailed.items()}
