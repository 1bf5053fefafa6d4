"""Writing engine events: sequence, masking, counting, and the sink they go to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from cellctl.state.events import state_json
from cellctl.state.resources import ResourceState
from cellctl.state.values import Struct, Value
from cellctl_provider.protocol import PropertyDiff
from cellctl_sandbox.engine.steps import Op, Step
from cellctl_sandbox.engine.urns import is_default_provider

_SHORTEST_HIDDEN = 3  # replacing shorter texts would hide nothing and garble everything
_WORDS = frozenset(("true", "false", "null", "none"))  # no secrets, whatever a configuration calls them
Severity = Literal["debug", "info", "info#err", "warning", "error"]
Sink = Callable[[Struct], None]
Observer = Callable[[Step], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A diagnostic of this operation."""

    severity: Severity
    message: str
    urn: str = ""


@dataclass(kw_only=True)
class Tally:
    """What happened so far; written by the event log, read when the operation ends."""

    changes: dict[str, int] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    refused: bool = False


class EventLog:
    """One operation's events, in order, from any thread.

    `hidden` are the secrets of the configuration: a program can build texts of them that are not marked secret.
    """

    def __init__(
        self, sink: Sink | None, *, planning: bool, observer: Observer | None = None, hidden: Collection[str] = ()
    ) -> None:
        self.tally = Tally()
        self._hidden = sorted(
            (text for text in hidden if len(text) >= _SHORTEST_HIDDEN and text not in _WORDS), key=len, reverse=True
        )
        self._sink = sink
        self._observer = observer
        self._planning = planning
        self._sequence = 0
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._closed = False

    # ---- steps ----
    def began(self, step: Step) -> None:
        """Write that a step began."""
        if self._observer:
            self._observer(step)
        self._emit("resourcePreEvent", self._step(step, step.op, step.new))

    def done(self, step: Step, result: ResourceState | None, op: Op | None = None, *, count: bool = True) -> None:
        """Write that a step is done, with the state it led to; `op` where only the end tells what it was."""
        if count:
            self._count(step, op or step.op)
        read = step.op is Op.REFRESH and (op is Op.DELETE or (op is Op.UPDATE and step.detailed is not None))
        if self._observer and op and read:
            self._observer(replace(step, op=op, new=result))
        self._emit("resOutputsEvent", self._step(step, op or step.op, result))

    def counted(self, step: Step) -> None:
        """Count a step whose end is written later: a component's, by its registered outputs."""
        self._count(step, step.op)

    def failed(self, step: Step) -> None:
        """Write that a step failed."""
        self._emit("resOpFailedEvent", {**self._step(step, step.op, step.new), "status": 0, "steps": 0})

    def _count(self, step: Step, op: Op) -> None:
        counted = step.logical or op in (Op.UPDATE, Op.DELETE, Op.SAME)
        if op is Op.READ and step.old is None:
            return  # the CLI counts what is read only from the second time on
        if counted and not is_default_provider(step.urn):
            with self._lock:
                self.tally.changes[op] = self.tally.changes.get(op, 0) + 1

    def _step(self, step: Step, op: Op, new: ResourceState | None) -> Struct:
        provider = (new or step.state).provider
        metadata: Struct = {
            "op": op,
            "urn": step.urn,
            "type": step.state.type,
            "old": state_json(step.old),
            "new": state_json(new),
            "detailedDiff": detailed_json(step.detailed),
            "logical": step.logical,
            "provider": provider,
        }
        if step.keys:
            metadata["keys"] = list(step.keys)
        if step.diffs:
            metadata["diffs"] = list(step.diffs)
        return {"metadata": metadata, "planning": True} if self._planning else {"metadata": metadata}

    # ---- the rest ----
    def prelude(self, config: Mapping[str, str]) -> None:
        """Write the first event; secrets in `config` are masked by the caller."""
        self._emit("preludeEvent", {"config": dict(config)})

    def say(self, severity: Severity, message: str, urn: str = "", *, ephemeral: bool = False) -> None:
        """Write a diagnostic; it must hold no secret."""
        prefix = f"{severity.partition('#')[0]}: "
        body: Struct = {"prefix": prefix, "message": f"{message}\n", "color": "never", "severity": severity}
        if urn:
            body = {"urn": urn, **body}
        if ephemeral:
            body["ephemeral"] = True
        else:
            with self._lock:
                self.tally.said.append(Said(severity=severity, message=message, urn=urn))
        self._emit("diagnosticEvent", body)

    def note(self, message: str) -> None:
        """Keep an error that the operation's result tells, and that is no event."""
        with self._lock:
            self.tally.said.append(Said(severity="error", message=message))

    def refuse(self) -> None:
        """Note that the plan is refused although the preview goes on."""
        self.tally.refused = True

    def stdout(self, message: str) -> None:
        """Write a message that is about the operation as a whole."""
        self._emit("stdoutEvent", {"message": message, "color": "never"})

    def close(self, *, succeeded: bool, begun: bool = True) -> None:
        """Write the summary, of an operation that had begun, and the end; what comes later is dropped."""
        if begun:
            self._emit("summaryEvent", self._summary(succeeded=succeeded))
        self._emit("cancelEvent", {})
        self._closed = True

    def _summary(self, *, succeeded: bool) -> Struct:
        changes: Struct = dict(self.tally.changes)
        return {
            "maybeCorrupt": False,
            "durationSeconds": int(time.monotonic() - self._began),
            "resourceChanges": changes,
            "PolicyPacks": {},
            "isPreview": self._planning,
            "result": "succeeded" if succeeded else "failed",
        }

    def _emit(self, kind: str, body: Value) -> None:
        with self._lock:
            if self._closed:
                return
            shown = self._without_hidden(body) if self._hidden else body
            event: Struct = {"sequence": self._sequence, "timestamp": int(time.time()), kind: shown}
            self._sequence += 1
            if self._sink:
                self._sink(event)

    def _without_hidden(self, value: Value) -> Value:
        if isinstance(value, str):
            for text in self._hidden:
                value = value.replace(text, "[secret]")
            return value
        if isinstance(value, dict):
            return {key: self._without_hidden(item) for key, item in value.items()}
        return [self._without_hidden(item) for item in value] if isinstance(value, list) else value


def detailed_json(detailed: Mapping[str, PropertyDiff] | None) -> Value:
    """Return property diffs as events spell them."""
    if detailed is None:
        return None
    return {path: {"diffKind": item.kind, "inputDiff": item.input_diff} for path, item in detailed.items()}
