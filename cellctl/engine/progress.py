"""From raw engine events to progress Events, with what happened so far: counts, failures, what is under way. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cellctl.engine.classify import classify
from cellctl.engine.raw_events import DiagnosticEvent, RawEvent, StdoutEvent, StepEvent, SummaryEvent
from cellctl.engine.redact import Redactor
from cellctl.engine.translate import PHYSICAL, TypeFacts, action_of, diagnostic, urn_type
from cellctl.events import (
    Event,
    Heartbeat,
    Moment,
    ResourceDone,
    ResourceFailed,
    ResourceProgress,
    ResourceStarted,
    Said,
)
from cellctl.plan import COUNTED, Diagnostic, Failure

UNANSWERED = ("answer_lost", "provider_crashed")


@dataclass
class _Running:
    """A resource under way: since when, and which halves of a replacement are still to come."""

    step: StepEvent
    since: Moment
    halves: set[str] = field(default_factory=set)


@dataclass
class Progress:
    """Follows one operation. `counts` are done steps, as the engine counts them, `of_cloud` those without components
    and providers; `failures` in order of occurrence. `unanswered`: creations whose answer never came, so that nobody
    knows whether they have made something.
    """

    facts: TypeFacts
    redactor: Redactor
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(map(str, COUNTED), 0))
    of_cloud: dict[str, int] = field(default_factory=lambda: dict.fromkeys(map(str, COUNTED), 0))
    failures: list[Failure] = field(default_factory=list)
    running: dict[str, _Running] = field(default_factory=dict)
    summary: SummaryEvent | None = None
    unanswered: list[StepEvent] = field(default_factory=list)
    _complaints: dict[str, Failure] = field(default_factory=dict)
    _failed: dict[str, StepEvent] = field(default_factory=dict)
    _replaced: set[str] = field(default_factory=set)

    def take(self, event: RawEvent, now: Moment) -> Iterator[Event]:
        """Take one raw event and yield what it means to a reader."""
        if isinstance(event, StepEvent):
            yield from () if event.internal else self._step(event, now)
        elif isinstance(event, DiagnosticEvent):
            yield from self._said(event, now)
        elif isinstance(event, StdoutEvent):
            yield Said(moment=now, diagnostic=Diagnostic(severity="info", message=self.redactor.text(event.message)))
        else:
            self.summary = event

    def heartbeat(self, now: Moment) -> Heartbeat:
        """Return which resources are under way."""
        return Heartbeat(moment=now, running=tuple(self.running))

    def _step(self, event: StepEvent, now: Moment) -> Iterator[Event]:
        if event.op in ("discard", "discard-replaced", "remove-pending-replace"):
            return
        if event.moment == "pre":
            yield from self._begun(event, now)
        elif event.moment == "failed":
            yield from self._broke(event, now)
        elif event.op == "delete-replaced" and event.urn not in self.running:
            yield ResourceProgress(moment=now, urn=event.urn, message="the replaced object is deleted")
        else:
            yield from self._ended(event, now)

    def _begun(self, event: StepEvent, now: Moment) -> Iterator[Event]:
        if event.op == "same" and event.urn not in self.running:
            self.running[event.urn] = _Running(event, now)
            return
        known = self.running.get(event.urn)
        if known is not None:
            known.halves.add(event.op)
            return
        if event.op == "delete-replaced" and event.urn in self._replaced:
            yield ResourceProgress(moment=now, urn=event.urn, message="deleting the replaced object")
            return
        self.running[event.urn] = _Running(event, now, {event.op} if event.op in PHYSICAL else set())
        side, action = event.new or event.old, action_of(event.op)
        yield ResourceStarted(
            moment=now,
            urn=event.urn,
            type=event.type,
            name=event.name,
            action=action,
            parent=side.parent if side else "",
            expected_s=self.facts.expected_s(event.type, action),
        )

    def _ended(self, event: StepEvent, now: Moment) -> Iterator[Event]:
        known = self.running.get(event.urn)
        began = known.since if known else now
        if known is not None and known.step.op in PHYSICAL:
            known.halves.discard(event.op)
            if event.op == "delete-replaced" or not self._whole(known, event):
                return
        self.running.pop(event.urn, None)
        action = action_of(event.op)
        if action == "replace":
            self._replaced.add(event.urn)
        if action in self.counts:
            self.counts[action] += 1
            self.of_cloud[action] += event.of_cloud
        if event.op != "same":
            yield self._done(event, began, now)

    def _whole(self, known: _Running, event: StepEvent) -> bool:
        """A replacement is whole once its creation and its logical step have both ended."""
        done = {"create-replacement", "import-replacement", "read-replacement", "replace"}
        known.halves.add(f"ended:{event.op}")
        ended = {half.removeprefix("ended:") for half in known.halves if half.startswith("ended:")}
        return "replace" in ended and bool(ended & (done - {"replace"}))

    def _done(self, event: StepEvent, began: Moment, now: Moment) -> ResourceDone:
        return ResourceDone(
            moment=now,
            urn=event.urn,
            type=event.type,
            name=event.name,
            action=action_of(event.op),
            elapsed_s=_elapsed(began, now),
        )

    def _broke(self, event: StepEvent, now: Moment) -> Iterator[Event]:
        self.running.pop(event.urn, None)
        complaint = self._complaints.pop(event.urn, None)
        if complaint is None:
            self._failed[event.urn] = event
            return
        yield self._failure(event, complaint, now)

    def _failure(self, event: StepEvent, failure: Failure, now: Moment) -> ResourceFailed:
        if failure.code in UNANSWERED and event.op in ("create", "create-replacement"):
            self.unanswered.append(event)
        return ResourceFailed(
            moment=now,
            urn=event.urn,
            type=event.type,
            name=event.name,
            action=action_of(event.op),
            failure=failure,
        )

    def _said(self, event: DiagnosticEvent, now: Moment) -> Iterator[Event]:
        if event.severity != "error":
            said = diagnostic(event, self.redactor)
            if said is not None:
                yield self._remark(said, now)
            return
        if diagnostic(event, self.redactor) is None:
            return
        failure = classify(self.redactor.text(event.message), event.urn)
        if failure in self.failures:
            return
        self.failures.append(failure)
        waiting = self._failed.pop(event.urn, None)
        if waiting is not None:
            yield self._failure(waiting, failure, now)
        elif event.urn in self.running:
            self._complaints[event.urn] = failure
        elif event.urn:
            yield self._refused(failure, now)
        else:
            yield Said(moment=now, diagnostic=Diagnostic(severity="error", message=failure.message))

    @staticmethod
    def _remark(said: Diagnostic, now: Moment) -> Event:
        if said.severity == "info" and said.urn:
            return ResourceProgress(moment=now, urn=said.urn, message=said.message)
        return Said(moment=now, diagnostic=said)

    @staticmethod
    def _refused(failure: Failure, now: Moment) -> ResourceFailed:
        """A resource that failed before a step of it began: refused by Check or by a protection."""
        name = failure.urn.rsplit("::", 1)[-1]
        return ResourceFailed(
            moment=now, urn=failure.urn, type=urn_type(failure.urn), name=name, action="create", failure=failure
        )

    def interrupted(self) -> bool:
        """Whether the engine says that it was stopped on request."""
        return any(failure.code == "cancelled" for failure in self.failures)


def _elapsed(began: Moment, now: Moment) -> float:
    if began.simulated_at is not None and now.simulated_at is not None:
        return now.simulated_at - began.simulated_at
    return now.at - began.at
