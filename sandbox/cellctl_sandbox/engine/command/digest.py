"""The digest of `preview --json`: the logical steps with whole states, secrets masked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from cellctl.state.values import Struct, Value, is_secret
from cellctl_sandbox.engine.command.arguments import Arguments
from cellctl_sandbox.engine.core import Result
from cellctl_sandbox.engine.steps import Op, Step
from cellctl_sandbox.engine.urns import ROOT_TYPE, is_default_provider

_REPLACING = frozenset(
    (
        Op.CREATE_REPLACEMENT,
        Op.DELETE_REPLACED,
        Op.READ_REPLACEMENT,
        Op.DISCARD_REPLACED,
        Op.REMOVE_PENDING_REPLACE,
        Op.IMPORT_REPLACEMENT,
    )
)


class Digest:
    """Collects the steps of one preview; an observer of steps that begin. What stays the same is left out."""

    def __init__(self, args: Arguments) -> None:
        self._steps: list[Struct] = []
        self._pending: set[str] = set()
        self._sames, self._physical = args.has("show-sames"), args.has("show-replacement-steps")

    def __call__(self, step: Step) -> None:
        """Take one step."""
        if step.pending_replacement:
            self._pending.add(step.urn)
        if is_default_provider(step.urn) or not self._shows(step):
            return
        shown = _step_json(step, pending=step.urn in self._pending)
        for place, earlier in enumerate(self._steps):
            if earlier["urn"] == step.urn and earlier["op"] == Op.REFRESH and not step.logical:
                self._steps[place] = shown  # what was read has shown what it is
                return
        self._steps.append(shown)

    def _shows(self, step: Step) -> bool:
        if step.state.type == ROOT_TYPE:
            return True
        if step.op is not Op.SAME:
            return step.logical or self._physical or step.op not in _REPLACING
        changed = step.old is not None and step.new is not None and step.old.protect != step.new.protect
        return self._sames or changed

    def text(self, result: Result, config: Mapping[str, str]) -> str:
        """Return the digest of a preview that has ended."""
        said: list[Value] = [
            {"severity": item.severity, "message": item.message, "urn": item.urn} for item in result.said
        ]
        document: Struct = {
            "config": dict(config),
            "steps": [*self._steps],
            "diagnostics": said,
            "duration": 0,
            "changeSummary": dict(result.changes),
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _step_json(step: Step, *, pending: bool) -> Struct:
    """Return one step; `pending`: what it replaces is deleted before."""
    shown: Struct = {"op": step.op, "urn": step.urn}
    if step.state.provider:
        shown["provider"] = step.state.provider
    for name, state in (("oldState", step.old), ("newState", step.new)):
        if state is not None:
            told = replace(state, pending_replacement=True) if pending and name == "oldState" else state
            shown[name] = _plain(told.to_json())
    for name, keys in (("diffReasons", step.diffs), ("replaceReasons", step.keys)):
        if keys:
            shown[name] = list(keys)
    shown["detailedDiff"] = (
        {path: {"kind": item.kind, "inputDiff": item.input_diff} for path, item in step.detailed.items()}
        if step.detailed is not None
        else None
    )
    return shown


def _plain(value: Value) -> Value:
    if is_secret(value):
        return "[secret]"
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
