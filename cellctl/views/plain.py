"""The plain view: one line for each thing that happened, for pipes and CI, with a heartbeat when nothing does."""

from __future__ import annotations

from collections.abc import Callable

from cellctl.events import (
    Event,
    Heartbeat,
    Moment,
    PlanReady,
    ResourceDone,
    ResourceFailed,
    ResourceProgress,
    ResourceStarted,
    RunStarted,
    Said,
)
from cellctl.views.progress import Progress
from cellctl.views.text import PHASES, count, duration, said, type_name

_DONE = {"create": "created", "update": "changed", "replace": "replaced", "delete": "deleted", "import": "adopted"}
_LONG_S = 60.0
HEARTBEAT_S = 10.0  # real seconds of silence after which a log says that it is still alive


class PlainView:
    """Writes a line for an event. `write` takes one line without its end."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._progress = Progress()
        self._written_at = 0.0

    def open(self) -> None:
        """Nothing to prepare."""

    def close(self) -> None:
        """Nothing to put back."""

    def note(self, text: str) -> None:
        """Write a line of the CLI's own."""
        self._write(text)

    def event(self, event: Event) -> None:
        """Write what a reader of a log wants to know of `event`."""
        self._progress.take(event)
        if isinstance(event, Heartbeat) and event.moment.at - self._written_at < HEARTBEAT_S:
            return
        line = self._line(event)
        if line:
            self._written_at = event.moment.at
            self._write(f"{self._clock(event.moment)}  {line}")

    def _clock(self, moment: Moment) -> str:
        first = self._progress.first or moment
        if moment.simulated_at is not None and first.simulated_at is not None:
            return f"[{duration(moment.simulated_at - first.simulated_at):>7} simulated]"
        return f"[{duration(moment.at - first.at):>7}]"

    def _line(self, event: Event) -> str:
        match event:
            case RunStarted():
                return PHASES.get(event.phase, event.phase)
            case PlanReady():
                return ""
            case ResourceStarted():
                slow = (event.expected_s or 0) >= _LONG_S and event.action not in ("same", "read")
                return (
                    f"{event.name} ({type_name(event.type)}): usually {duration(event.expected_s or 0)}" if slow else ""
                )
            case ResourceProgress():
                return f"{event.urn.rpartition('::')[2]}: {event.message}"
            case ResourceDone():
                return self._done(event)
            case ResourceFailed():
                return f"{event.name} ({type_name(event.type)}) FAILED: {event.failure.message}"
            case Said():
                return "" if event.diagnostic.severity == "info" else said(event.diagnostic)
            case Heartbeat():
                return self._alive()

    def _alive(self) -> str:
        done, total = self._progress.totals()
        running = self._progress.running()
        names = ", ".join(item.name for item in running[:3])
        more = len(running) - 3
        waits = f"; under way: {names}" + (f" and {count(more, 'other')}" if more > 0 else "") if names else ""
        return f"{done} of {total} done{waits}" if total else "still at work"

    def _done(self, event: ResourceDone) -> str:
        verb = _DONE.get(event.action)
        item = self._progress.items.get(event.urn)
        if verb is None or (item is None and event.urn in self._progress.branches):
            return ""
        took = item.took if item else event.elapsed_s
        return f"{event.name} ({type_name(event.type)}) {verb}" + (f" in {duration(took)}" if took >= 1 else "")
