"""A run as OpenTelemetry sees it: one span for the run, within it one for each resource, made of the run's own events.

OpenTelemetry is imported only where a tracer was given. What an attribute says is redacted, as events are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from cellctl.errors import CellctlError
from cellctl.events import Event, PlanReady, ResourceDone, ResourceFailed, ResourceStarted, RunStarted
from cellctl.plan import Outcome, Plan

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    OnEvent = Callable[[Event], None]

_NS = 1_000_000_000


@contextmanager
def traced(
    tracer: Tracer | None, operation: str, name: str, on_event: OnEvent, *, current: bool = True
) -> Iterator[Traced]:
    """Open the span of a run for the block; without a tracer nothing is traced.

    Not the `current` one it is where the block hands results out: what the caller does between two is not of the run.
    """
    if tracer is None:
        yield Traced(on_event)
        return
    from opentelemetry.trace import Status, StatusCode

    attributes = {"cellctl.operation": operation, "cellctl.cell": name}
    opened = partial(tracer.start_as_current_span, record_exception=False) if current else partial(_apart, tracer)
    with opened(f"cellctl {operation}", attributes=attributes) as span:
        spans = _Spans(tracer, span, on_event)
        try:
            yield spans
        except CellctlError as error:
            span.set_attributes({"error.type": error.code, "cellctl.exit_code": int(error.exit_code)})
            span.set_status(Status(StatusCode.ERROR, error.summary))
            raise
        finally:
            spans.close()


@contextmanager
def _apart(tracer: Tracer, name: str, attributes: Mapping[str, str]) -> Iterator[Span]:
    span = tracer.start_span(name, attributes=attributes)
    try:
        yield span
    finally:
        span.end()


class Traced:
    """Passes events on; without a tracer that is all."""

    def __init__(self, on_event: OnEvent) -> None:
        self.on_event = on_event

    def ended(self, value: object) -> None:
        """Say what the run came to."""


class _Spans(Traced):
    """Makes spans of events before it passes them on."""

    def __init__(self, tracer: Tracer, run: Span, on_event: OnEvent) -> None:
        self._tracer, self._run, self._then = tracer, run, on_event
        self._open: dict[str, Span] = {}
        super().__init__(self._heard)

    def ended(self, value: object) -> None:
        """Put the result on the run's span."""
        from opentelemetry.trace import Status, StatusCode

        if isinstance(value, Outcome):
            counts = {f"cellctl.changes.{action}": count for action, count in value.of_cloud.items()}
            run = {"cellctl.result": value.result, "cellctl.run_id": value.run_id}
            self._run.set_attributes({**counts, **run, "cellctl.cloud": value.cloud, "cellctl.account": value.account})
            if value.result == "failed":
                self._run.set_status(Status(StatusCode.ERROR, value.failures[0].message if value.failures else ""))
        elif isinstance(value, Plan):
            self._run.set_attributes({"cellctl.cloud": value.cloud, "cellctl.account": value.account})

    def close(self) -> None:
        """End what no event ended: the operation broke off."""
        for span in self._open.values():
            span.set_attribute("cellctl.unfinished", True)
            span.end()
        self._open.clear()

    def _heard(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._run.add_event(event.phase, timestamp=_ns(event.moment.at))
            case PlanReady():
                self._run.add_event("plan", {"cellctl.plan.hash": event.plan.hash}, _ns(event.moment.at))
            case ResourceStarted():
                self._begin(event)
            case ResourceDone():
                self._end(event)
            case ResourceFailed():
                self._end(event, event.failure.code, event.failure.message)
            case _:
                pass
        self._then(event)

    def _begin(self, event: ResourceStarted) -> None:
        attributes = {"cellctl.urn": event.urn, "cellctl.type": event.type, "cellctl.action": event.action}
        self._open[event.urn] = self._tracer.start_span(
            f"{event.action} {event.name}", attributes=attributes, start_time=_ns(event.moment.at)
        )

    def _end(self, event: ResourceDone | ResourceFailed, code: str = "", message: str = "") -> None:
        from opentelemetry.trace import Status, StatusCode

        span = self._open.pop(event.urn, None)
        if span is None:
            return
        if code:
            span.set_attribute("error.type", code)
            span.set_status(Status(StatusCode.ERROR, message))
        span.end(end_time=_ns(event.moment.at))


def _ns(seconds: float) -> int:
    return int(seconds * _NS)
