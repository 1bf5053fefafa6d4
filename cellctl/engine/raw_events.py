"""Raw engine events, parsed: the JSON of the event log as small frozen values. Unknown events are no error.

Source: the event log of CLI 3.260 (reference/engine.md section 3); the SDK's own classes drop fields and whole events.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from cellctl.state.values import Struct, Value

Moment = Literal["pre", "outputs", "failed"]
_STEP_EVENTS: Mapping[str, Moment] = {
    "resourcePreEvent": "pre",
    "resOutputsEvent": "outputs",
    "resOpFailedEvent": "failed",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """A resource before or after a step."""

    id: str
    inputs: Struct
    outputs: Struct
    parent: str
    protect: bool
    custom: bool
    provider: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepEvent:
    """One moment of one step. `keys` replace; `diffs` are changed top-level keys; `detailed` path -> kind, input?"""

    moment: Moment
    op: str
    urn: str
    type: str
    logical: bool
    planning: bool
    old: Side | None
    new: Side | None
    keys: tuple[str, ...] = ()
    diffs: tuple[str, ...] = ()
    detailed: Mapping[str, tuple[str, bool]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Logical name."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def internal(self) -> bool:
        """Whether this is a default provider: the engine's own business, never counted."""
        return self.type.startswith("pulumi:providers:") and self.name.startswith("default")

    @property
    def of_cloud(self) -> bool:
        """Whether it is about something in a cloud: no component, no provider."""
        side = self.new or self.old
        return side is not None and side.custom and not self.type.startswith("pulumi:")


@dataclass(frozen=True, kw_only=True, slots=True)
class DiagnosticEvent:
    """Something said; severity `debug`, `info`, `info#err`, `warning` or `error`."""

    severity: str
    message: str
    urn: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StdoutEvent:
    """A remark of the engine itself, for example on an interrupt."""

    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SummaryEvent:
    """The engine's own account of the run; `counts` has done steps only."""

    preview: bool
    result: str
    counts: Mapping[str, int]


RawEvent: TypeAlias = StepEvent | DiagnosticEvent | StdoutEvent | SummaryEvent


def parse(text: str) -> RawEvent | None:
    """Return the event of one line of the event log, None for what cellctl has no use for or cannot read."""
    try:
        body = json.loads(text)
    except ValueError:
        return None
    return read(body) if isinstance(body, dict) else None


def read(body: Struct) -> RawEvent | None:
    """Return the event of one JSON object, None for what cellctl has no use for."""
    for key, moment in _STEP_EVENTS.items():
        event = body.get(key)
        if isinstance(event, dict):
            return _step(moment, event)
    said, stdout, summary = body.get("diagnosticEvent"), body.get("stdoutEvent"), body.get("summaryEvent")
    if isinstance(said, dict) and not said.get("ephemeral"):
        return DiagnosticEvent(severity=_text(said, "severity"), message=_text(said, "message"), urn=_text(said, "urn"))
    if isinstance(stdout, dict):
        return StdoutEvent(message=_text(stdout, "message"))
    if isinstance(summary, dict):
        return _summary(summary)
    return None


def _step(moment: Moment, event: Struct) -> StepEvent | None:
    metadata = event.get("metadata")
    if not isinstance(metadata, dict):
        return None
    return StepEvent(
        moment=moment,
        op=_text(metadata, "op"),
        urn=_text(metadata, "urn"),
        type=_text(metadata, "type"),
        logical=metadata.get("logical") is True,
        planning=event.get("planning") is True,
        old=_side(metadata.get("old")),
        new=_side(metadata.get("new")),
        keys=_texts(metadata.get("keys")),
        diffs=_texts(metadata.get("diffs")),
        detailed=_detailed(metadata.get("detailedDiff")),
    )


def _side(value: Value) -> Side | None:
    if not isinstance(value, dict):
        return None
    return Side(
        id=_text(value, "id"),
        inputs=_struct(value, "inputs"),
        outputs=_struct(value, "outputs"),
        parent=_text(value, "parent"),
        protect=value.get("protect") is True,
        custom=value.get("custom") is True,
        provider=_text(value, "provider"),
    )


def _summary(event: Struct) -> SummaryEvent:
    counts = _struct(event, "resourceChanges")
    return SummaryEvent(
        preview=event.get("isPreview") is True,
        result=_text(event, "result"),
        counts={key: number for key, number in counts.items() if isinstance(number, int)},
    )


def _detailed(value: Value) -> dict[str, tuple[str, bool]]:
    if not isinstance(value, dict):
        return {}
    return {
        path: (_text(item, "diffKind") or _text(item, "kind"), item.get("inputDiff") is True)
        for path, item in value.items()
        if isinstance(item, dict)
    }


def _text(struct: Struct, key: str) -> str:
    value = struct.get(key)
    return value if isinstance(value, str) else ""


def _texts(value: Value) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _struct(struct: Struct, key: str) -> Struct:
    value = struct.get(key)
    return value if isinstance(value, dict) else {}
