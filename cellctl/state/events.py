"""Engine events: the JSON that an engine writes to its event log, masked, and the same read back as typed values.

An event is one object: `sequence`, `timestamp` and one more key that names its kind. Secrets are masked when an event
is written, so nothing downstream can leak them. Source: the event log of the Pulumi CLI 3.260 (reference/engine.md 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from cellctl.state.resources import ResourceState
from cellctl.state.values import ARCHIVE, ASSET, SECRET, SIGNATURE, Struct, Value, is_secret

Phase = Literal["pre", "outputs", "failed"]
PHASE_KEYS: Mapping[str, Phase] = {
    "resourcePreEvent": "pre",
    "resOutputsEvent": "outputs",
    "resOpFailedEvent": "failed",
}
_MASK: Struct = {SIGNATURE: SECRET, "ciphertext": "[secret]"}
_ELIDED = "<contents elided>"


class MalformedEvent(ValueError):
    """An event does not have the shape of any known kind."""


def masked(value: Value) -> Value:
    """Return `value` with secrets masked and the contents of assets left out."""
    if is_secret(value):
        return dict(_MASK)
    if isinstance(value, dict):
        if value.get(SIGNATURE) in (ASSET, ARCHIVE):
            return {key: _ELIDED if key == "text" else item for key, item in value.items()}
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


def state_json(state: ResourceState | None) -> Value:
    """Return what an event says of a resource, masked; None for none."""
    if state is None:
        return None
    optional: Struct = {
        "delete": state.delete,
        "protect": state.protect,
        "retainOnDelete": state.retain_on_delete,
        "external": state.external,
        "taint": state.taint,
        "initErrors": list(state.init_errors),
    }
    return {
        "type": state.type,
        "urn": state.urn,
        "custom": state.custom,
        "id": state.id,
        "parent": state.parent,
        "inputs": masked(state.inputs),
        "outputs": masked(state.outputs),
        "provider": state.provider,
        **{key: value for key, value in optional.items() if value},
    }


# ---- reading ----
@dataclass(frozen=True, kw_only=True, slots=True)
class PropertyDelta:
    """How one property path differs; `kind` is `add`, `delete`, `update`, each perhaps with `-replace`."""

    kind: str
    input_diff: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class EventState:
    """A resource as an event shows it: masked."""

    urn: str
    type: str
    custom: bool = False
    id: str = ""
    parent: str = ""
    provider: str = ""
    protect: bool = False
    inputs: Struct = field(default_factory=dict)
    outputs: Struct = field(default_factory=dict)
    init_errors: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StepEvent:
    """A step began (`pre`), is done (`outputs`) or failed.

    `keys` made a replacement necessary, `diffs` are the changed top-level keys, `detailed` is None where the provider
    gave no detail. `logical` is false for the physical halves of a replacement and for refresh.
    """

    sequence: int
    timestamp: int
    phase: Phase
    op: str
    urn: str
    type: str
    old: EventState | None = None
    new: EventState | None = None
    keys: tuple[str, ...] = ()
    diffs: tuple[str, ...] = ()
    detailed: Mapping[str, PropertyDelta] | None = None
    logical: bool = True
    provider: str = ""
    planning: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PreludeEvent:
    """The first event: the configuration, secrets masked."""

    sequence: int
    timestamp: int
    config: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class DiagnosticEvent:
    """Something that engine, provider or program said; severity debug, info, info#err, warning or error."""

    sequence: int
    timestamp: int
    severity: str
    message: str
    urn: str = ""
    ephemeral: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SummaryEvent:
    """How it ended and how many steps of each kind were done."""

    sequence: int
    timestamp: int
    result: str
    changes: Mapping[str, int]
    preview: bool = False
    seconds: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class CancelEvent:
    """The last event, whatever the result."""

    sequence: int
    timestamp: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherEvent:
    """A kind that nothing here needs (stdout, progress, policies); kept whole."""

    sequence: int
    timestamp: int
    kind: str
    body: Struct


EngineEvent: TypeAlias = StepEvent | PreludeEvent | DiagnosticEvent | SummaryEvent | CancelEvent | OtherEvent


def read_event(document: object) -> EngineEvent:
    """Return the typed event that a decoded JSON object describes; unknown kinds and operations are no error.

    Raises:
        MalformedEvent: Not an object, or without a kind.
    """
    if not isinstance(document, dict):
        raise MalformedEvent("an event is not an object")
    sequence, timestamp = _whole(document.get("sequence")), _whole(document.get("timestamp"))
    kinds = [key for key in document if key not in ("sequence", "timestamp")]
    if len(kinds) != 1:
        raise MalformedEvent("an event has no kind, or more than one")
    kind, body = kinds[0], _struct(document[kinds[0]])
    if kind in PHASE_KEYS:
        return _step(sequence, timestamp, PHASE_KEYS[kind], body)
    if kind == "preludeEvent":
        config = {key: str(value) for key, value in _struct(body.get("config")).items()}
        return PreludeEvent(sequence=sequence, timestamp=timestamp, config=config)
    if kind == "diagnosticEvent":
        return DiagnosticEvent(
            sequence=sequence,
            timestamp=timestamp,
            severity=_text(body.get("severity")),
            message=_text(body.get("message")),
            urn=_text(body.get("urn")),
            ephemeral=body.get("ephemeral") is True,
        )
    if kind == "summaryEvent":
        return _summary(sequence, timestamp, body)
    if kind == "cancelEvent":
        return CancelEvent(sequence=sequence, timestamp=timestamp)
    return OtherEvent(sequence=sequence, timestamp=timestamp, kind=kind, body=body)


def _summary(sequence: int, timestamp: int, body: Struct) -> SummaryEvent:
    changes = {key: _whole(value) for key, value in _struct(body.get("resourceChanges")).items()}
    return SummaryEvent(
        sequence=sequence,
        timestamp=timestamp,
        result=_text(body.get("result")),
        changes=changes,
        preview=body.get("isPreview") is True,
        seconds=_whole(body.get("durationSeconds")),
    )


def _step(sequence: int, timestamp: int, phase: Phase, body: Struct) -> StepEvent:
    metadata = _struct(body.get("metadata"))
    detailed = metadata.get("detailedDiff")
    return StepEvent(
        sequence=sequence,
        timestamp=timestamp,
        phase=phase,
        op=_text(metadata.get("op")),
        urn=_text(metadata.get("urn")),
        type=_text(metadata.get("type")),
        old=_state(metadata.get("old")),
        new=_state(metadata.get("new")),
        keys=_texts(metadata.get("keys")),
        diffs=_texts(metadata.get("diffs")),
        detailed=None if detailed is None else {key: _delta(value) for key, value in _struct(detailed).items()},
        logical=metadata.get("logical") is True,
        provider=_text(metadata.get("provider")),
        planning=body.get("planning") is True,
    )


def _state(value: object) -> EventState | None:
    if not isinstance(value, dict):
        return None
    return EventState(
        urn=_text(value.get("urn")),
        type=_text(value.get("type")),
        custom=value.get("custom") is True,
        id=_text(value.get("id")),
        parent=_text(value.get("parent")),
        provider=_text(value.get("provider")),
        protect=value.get("protect") is True,
        inputs=_struct(value.get("inputs")),
        outputs=_struct(value.get("outputs")),
        init_errors=_texts(value.get("initErrors")),
    )


def _delta(value: object) -> PropertyDelta:
    body = _struct(value)
    return PropertyDelta(kind=_text(body.get("diffKind")), input_diff=body.get("inputDiff") is True)


def _struct(value: object) -> Struct:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
