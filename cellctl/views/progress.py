"""What is going on, kept from Events: which resources wait, run, are done or failed, by component. Draws nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

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
from cellctl.plan import Change

State = Literal["waiting", "running", "done", "failed"]


@dataclass(kw_only=True)
class Item:
    """One resource of this operation; times are cloud seconds (simulated in the sandbox)."""

    urn: str
    type: str
    name: str
    action: str
    parent: str
    expected_s: float | None = None
    state: State = "waiting"
    began: float = 0.0
    took: float = 0.0
    message: str = ""

    def elapsed(self, now: float) -> float:
        """Return cloud seconds since it began, or how long it took."""
        return now - self.began if self.state == "running" else self.took

    def late(self, now: float) -> bool:
        """Whether it takes half as long again as it usually does."""
        return self.state == "running" and bool(self.expected_s) and self.elapsed(now) > 1.5 * (self.expected_s or 0)


@dataclass(kw_only=True)
class Branch:
    """One component with the resources it declares."""

    urn: str
    type: str
    name: str
    items: list[Item] = field(default_factory=list)

    def tally(self, state: State) -> int:
        """Return how many of its resources are in `state`."""
        return sum(item.state == state for item in self.items)

    @property
    def state(self) -> State:
        """The component's state, from its resources'."""
        if self.tally("failed"):
            return "failed"
        if self.tally("done") == len(self.items):
            return "done"
        return "running" if self.tally("running") or self.tally("done") else "waiting"


def is_provider(token: str) -> bool:
    """Whether a type only carries configuration of a provider, which readers do not wait for."""
    return token.startswith("pulumi:")


def cloud_time(moment: Moment) -> float:
    """Return the time that counts for durations: simulated where there is one."""
    return moment.at if moment.simulated_at is None else moment.simulated_at


class Progress:
    """Takes Events, in order, and answers what a view asks."""

    def __init__(self) -> None:
        self.phase = ""
        self.items: dict[str, Item] = {}
        self.branches: dict[str, Branch] = {}
        self.last: Moment | None = None
        self.first: Moment | None = None
        self.said: list[Said] = []
        self._planned: tuple[Change, ...] = ()

    def take(self, event: Event) -> None:
        """Update from one event."""
        self.last = event.moment
        self.first = self.first or event.moment
        match event:
            case RunStarted():
                self._begin(event.phase)
            case PlanReady():
                self._planned = event.plan.changes
                self._expect(event.plan.changes)
            case ResourceStarted():
                self._start(event)
            case ResourceProgress():
                if event.urn in self.items:
                    self.items[event.urn].message = event.message
            case ResourceDone() | ResourceFailed():
                self._end(event)
            case Said():
                self.said.append(event)
            case Heartbeat():
                pass

    def _begin(self, phase: str) -> None:
        self.phase = phase
        if phase == "destroy":  # what took protection off before has used the same resources
            self._expect(self._planned)
        elif phase == "refresh":
            self._forget()

    def now(self) -> float:
        """Return the cloud time of the last event."""
        return cloud_time(self.last) if self.last else 0.0

    def running(self) -> list[Item]:
        """Return what is under way, longest first."""
        return sorted((item for item in self.items.values() if item.state == "running"), key=lambda item: item.began)

    def totals(self) -> tuple[int, int]:
        """Return how many resources are done, and how many there are."""
        return sum(item.state == "done" for item in self.items.values()), len(self.items)

    def _forget(self) -> None:
        """Expect nothing; the components stay known, for what comes belongs to them."""
        self.items.clear()
        for branch in self.branches.values():
            branch.items.clear()

    def _expect(self, changes: tuple[Change, ...]) -> None:
        self._forget()
        self.branches.clear()
        for change in changes:
            if not change.custom:
                self.branches[change.urn] = Branch(urn=change.urn, type=change.type, name=change.name)
        for change in changes:
            if change.of_cloud and change.action not in ("same", "read"):
                self._add(
                    Item(
                        urn=change.urn,
                        type=change.type,
                        name=change.name,
                        action=change.action,
                        parent=change.parent,
                        expected_s=change.expected_s,
                    )
                )

    def _add(self, item: Item) -> Item:
        self.items[item.urn] = item
        branch = self.branches.get(item.parent)
        if branch is None:
            branch = self.branches.setdefault("", Branch(urn="", type="", name="around it"))
        branch.items.append(item)
        return item

    def _start(self, event: ResourceStarted) -> None:
        if event.urn in self.branches or is_provider(event.type):
            return
        item = self.items.get(event.urn)
        if item is None:
            if event.action in ("same", "read"):
                return
            item = self._add(
                Item(urn=event.urn, type=event.type, name=event.name, action=event.action, parent=event.parent)
            )
        item.expected_s = event.expected_s if event.expected_s is not None else item.expected_s
        item.state, item.began = "running", cloud_time(event.moment)

    def _end(self, event: ResourceDone | ResourceFailed) -> None:
        item = self.items.get(event.urn)
        if item is None:
            return
        if item.state == "running":
            item.took = cloud_time(event.moment) - item.began
        if isinstance(event, ResourceFailed):
            item.state, item.message = "failed", event.failure.message
        elif item.state != "failed":
            item.state = "done"
