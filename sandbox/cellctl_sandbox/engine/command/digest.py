"""The digest of `preview --json`, made from engine events."""

from __future__ import annotations

import json
from collections.abc import Mapping

from cellctl.state.values import Struct, Value, is_secret
from cellctl_sandbox.engine.urns import is_default_provider


class Digest:
    """Collects steps and diagnostics of one preview; a sink for events."""

    def __init__(self) -> None:
        self._steps: list[Value] = []
        self._diagnostics: list[Value] = []
        self._config: Value = {}
        self._summary: Struct = {}

    def __call__(self, event: Struct) -> None:
        """Take one event."""
        for kind, body in event.items():
            if not isinstance(body, dict):
                continue
            metadata = body.get("metadata")
            if kind == "resourcePreEvent" and isinstance(metadata, dict):
                if not is_default_provider(str(metadata["urn"])):
                    self._steps.append(_step(metadata))
            elif kind == "preludeEvent":
                self._config = body.get("config")
            elif kind == "diagnosticEvent" and body.get("severity") != "debug":
                self._diagnostics.append(body)
            elif kind == "summaryEvent":
                self._summary = body

    def text(self) -> str:
        """Return the digest."""
        document: Struct = {
            "config": self._config,
            "steps": self._steps,
            "diagnostics": self._diagnostics,
            "duration": 0,
            "changeSummary": self._summary.get("resourceChanges") or {},
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _step(metadata: Value) -> Struct:
    assert isinstance(metadata, dict)
    step: Struct = {"op": metadata["op"], "urn": metadata["urn"]}
    if metadata.get("provider"):
        step["provider"] = metadata["provider"]
    for key, name in (("old", "oldState"), ("new", "newState")):
        state = metadata.get(key)
        if isinstance(state, dict):
            step[name] = _plain({k: v for k, v in state.items() if v not in ("", {}, [], None)})
    for key, name in (("diffs", "diffReasons"), ("keys", "replaceReasons")):
        if metadata.get(key):
            step[name] = metadata[key]
    detailed = metadata.get("detailedDiff")
    step["detailedDiff"] = _kinds(detailed) if isinstance(detailed, dict) else None
    return step


def _kinds(detailed: Mapping[str, Value]) -> Struct:
    return {
        path: {"kind": item.get("diffKind"), "inputDiff": item.get("inputDiff")}
        for path, item in detailed.items()
        if isinstance(item, dict)
    }


def _plain(value: Value) -> Value:
    if is_secret(value):
        return "[secret]"
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
