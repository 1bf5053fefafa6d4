"""Refresh: every object is read, and the state follows what is there."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from cellctl.state.resources import ResourceState
from cellctl_provider.protocol import DiffKind, InitFailed, PropertyDiff, ProviderError
from cellctl_sandbox.engine.errors import StepFailed
from cellctl_sandbox.engine.executor import Executor, reasons_text, with_secret_outputs
from cellctl_sandbox.engine.gate import Gate, Stopped
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
        """Refresh all; return what failed. Dependents forget an object that is gone."""
        targets = self._scope.options.targets
        items = [item for item in self._scope.journal.olds() if not targets or item.urn in targets]
        if self._scope.planning:
            results = [self._one(item) for item in items]
        else:
            with ThreadPoolExecutor(max_workers=max(1, self._scope.options.parallel)) as pool:
                results = list(pool.map(self._one, items))
        gone = frozenset(item.urn for item, result in zip(items, results, strict=True) if result is None)
        self._scope.journal.prune(gone)
        return [result for result in results if isinstance(result, StepFailed)]

    def _one(self, old: ResourceState) -> ResourceState | StepFailed | None:
        """Return the new state, None if the object is gone, or why it failed."""
        try:
            with self._gate.step():
                return self._read(old)
        except Stopped:
            return old
        except (ProviderError, StepFailed) as error:
            return StepFailed(str(error), urn=old.urn)

    def _read(self, old: ResourceState) -> ResourceState | None:
        scope = self._scope
        step = Step(op=Op.REFRESH, urn=old.urn, old=old, new=old)
        scope.log.began(step)
        if not old.custom or old.is_provider or old.delete or old.pending_replacement or not old.id:
            scope.log.done(step, old, Op.SAME, count=self._counted)
            return old
        if not scope.planning:
            self._executor.observe("before_call", step)
        try:
            new = self._found(old)
        except (ProviderError, StepFailed):
            scope.log.failed(step)
            raise
        if not scope.planning:
            self._executor.observe("after_call", step)
        if new is None:
            scope.journal.commit(gone=(old,), lazily=True)
            scope.log.done(step, None, Op.DELETE, count=self._counted)
            return None
        op, step = self._verdict(old, new, step)
        scope.journal.commit(kept=new, lazily=True)
        scope.log.done(step, new, op, count=self._counted)
        return new

    def _found(self, old: ResourceState) -> ResourceState | None:
        try:
            found = self._executor.look(old, old.outputs, old.inputs)
        except InitFailed as error:
            self._scope.log.say("warning", reasons_text(error.reasons), old.urn)
            new = replace(old, outputs=error.properties, init_errors=error.reasons)
            return with_secret_outputs(replace(new, inputs=error.inputs or old.inputs))
        if found is None:
            return None
        inputs = {} if old.external else found.inputs or old.inputs
        new = replace(old, id=found.id, inputs=inputs, outputs=found.properties, init_errors=())
        return with_secret_outputs(new)

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
