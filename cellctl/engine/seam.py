"""What the Automation API asks, made into what an engine is asked: the `PulumiCommand` that the library gives to Stack.

It listens to the event log as raw JSON, and answers the SDK's follow-up questions from one export, so that a preview
and an up cost three processes of a real CLI instead of eight (reference/pulumi.md 7.1). Secrets never leave the engine
in clear: both forms of `stack output` are answered with the masked one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from pulumi.automation import CommandResult, PulumiCommand

from cellctl.engine.event_log import EventLog, forward
from cellctl.plan import SECRET_TEXT
from cellctl.state.values import Struct, Value, contains_secret

_OPERATIONS = ("up", "preview", "refresh", "destroy")


class Seam(PulumiCommand):
    """Wraps an engine's command. `sink` gets every raw event; `exists` tells that the stack needs no select."""

    def __init__(self, inner: PulumiCommand, sink: Callable[[str], None], *, stack: str, exists: bool) -> None:
        self.inner = inner
        self._stack = stack
        self.command = inner.command if hasattr(inner, "command") else "pulumi"
        self.version = inner.version
        self.exists = exists
        self._sink = sink
        self._export: Struct | None = None

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], object] | None = None,
        on_error: Callable[[str], object] | None = None,
    ) -> CommandResult:
        """Run one command as the SDK expects it, or answer it from what is known."""
        words = _words(args)
        if words[:1] and words[0] in _OPERATIONS:
            self._export = None
            return self._operation(args, cwd, additional_env, on_output, on_error)
        if words[:2] == ["stack", "select"] and self.exists:
            return CommandResult("", "", 0)
        if words[:2] == ["stack", "output"]:
            return _answer(masked_outputs(self.export(cwd, additional_env)))
        if words[:2] == ["stack", "history"]:
            return _answer([_history()])
        return self.inner.run(args, cwd, additional_env, on_output, on_error)

    def export(self, cwd: str, environment: Mapping[str, str]) -> Struct:
        """Return `stack export`, secrets sealed; asked once after each operation."""
        if self._export is None:
            result = self.inner.run(["stack", "export", "--stack", self._stack], cwd, environment)
            document = json.loads(result.stdout)
            self._export = document if isinstance(document, dict) else {}
        return self._export

    def _direct(self, args: list[str], wanted: str, rest: _Rest) -> CommandResult:
        """Run an engine of this process: its events come as values, without a socket between."""
        kept: list[str] = []
        self.inner.sink = _direct_sink(self._sink, kept)  # type: ignore[attr-defined]  # an engine that has one
        try:
            return self.inner.run(args, *rest)
        finally:
            if wanted:
                forward(kept, wanted)

    def _operation(
        self,
        args: list[str],
        cwd: str,
        environment: Mapping[str, str],
        on_output: Callable[[str], object] | None,
        on_error: Callable[[str], object] | None,
    ) -> CommandResult:
        wanted, rest = _without_event_log(args)
        if hasattr(self.inner, "sink"):
            return self._direct(rest, wanted, (cwd, environment, on_output, on_error))
        with EventLog(self._sink) as log:
            try:
                return self.inner.run([*rest, "--event-log", log.address], cwd, environment, on_output, on_error)
            finally:
                if wanted:
                    forward(log.kept, wanted)


_Rest = tuple[str, Mapping[str, str], Callable[[str], object] | None, Callable[[str], object] | None]


def _direct_sink(sink: Callable[[str], None], kept: list[str]) -> Callable[[Struct], None]:
    def take(event: Struct) -> None:
        text = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
        if "summaryEvent" in event or "cancelEvent" in event:
            kept.append(text)
        sink(text)

    return take


def masked_outputs(export: Mapping[str, Value]) -> Struct:
    """Return the outputs in an export, each that holds a secret as `[secret]`."""
    return {key: SECRET_TEXT if contains_secret(value) else value for key, value in _outputs(export).items()}


def _outputs(export: Mapping[str, Value]) -> Struct:
    for resource in resources(export):
        if resource.get("type") == "pulumi:pulumi:Stack":
            outputs = resource.get("outputs")
            return outputs if isinstance(outputs, dict) else {}
    return {}


def resources(export: Mapping[str, Value]) -> list[Struct]:
    """Return the resources of an export."""
    deployment = export.get("deployment")
    rows = deployment.get("resources") if isinstance(deployment, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _words(args: Sequence[str]) -> list[str]:
    return [word for word in args if not word.startswith("-")]


def _without_event_log(args: Sequence[str]) -> tuple[str, list[str]]:
    rest = list(args)
    if "--event-log" not in rest:
        return "", rest
    place = rest.index("--event-log")
    address = rest[place + 1]
    del rest[place : place + 2]
    return address, rest


def _answer(value: Value) -> CommandResult:
    return CommandResult(json.dumps(value), "", 0)


def _history() -> Struct:
    """The SDK wants a history entry to make its result; nobody reads it here: the event log says more."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "version": 0,
        "kind": "update",
        "startTime": now,
        "message": "",
        "environment": {},
        "config": {},
        "result": "succeeded",
        "endTime": now,
        "resourceChanges": {},
    }
