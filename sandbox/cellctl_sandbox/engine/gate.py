"""Who may go on: at most so many steps at once, and nobody once the operation has failed or was cancelled."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from cellctl_provider import baton


class Stopped(Exception):
    """The operation has ended for this caller."""


class Gate:
    """Counts calls and steps.

    A *call* is anything the program asks for; a *step* is the part of it that changes something. After `stop` no step
    begins; `wait_idle` returns when the calls that were inside have ended, so that nothing is lost.
    """

    def __init__(self, parallel: int) -> None:
        self._parallel = max(1, parallel)
        self._condition = threading.Condition()
        self._for_step: deque[baton.Place] = deque()
        self._for_quiet: deque[baton.Place] = deque()
        self._calls = 0
        self._steps = 0
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether nothing new may begin."""
        return self._stopped

    def stop(self) -> None:
        """Let nothing new begin."""
        with self._condition:
            self._stopped = True
            self._call(self._for_step)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Be counted as a call; raises `Stopped` if it is too late."""
        with self._condition:
            if self._stopped:
                raise Stopped
            self._calls += 1
        try:
            yield
        finally:
            with self._condition:
                self._calls -= 1
                if not self._calls:
                    self._call(self._for_quiet)

    @contextmanager
    def step(self) -> Iterator[None]:
        """Wait for a place; raises `Stopped` if the operation ends before there is one."""
        with self._condition:
            while self._steps >= self._parallel and not self._stopped:
                self._wait(self._for_step)
            if self._stopped:
                raise Stopped
            self._steps += 1
        try:
            yield
        finally:
            with self._condition:
                self._steps -= 1
                self._call(self._for_step, 1)

    def wait_idle(self) -> None:
        """Return when no call is under way."""
        with self._condition:
            while self._calls:
                self._wait(self._for_quiet)

    def _wait(self, room: deque[baton.Place]) -> None:
        """Wait in a room until called; who has a place in the line is called in order."""
        place = baton.current()
        if place is None:
            self._condition.wait()
            return
        room.append(place)
        place.park()
        self._condition.release()
        try:
            place.wait()
        finally:
            self._condition.acquire()

    def _call(self, room: deque[baton.Place], most: int | None = None) -> None:
        for _ in range(len(room) if most is None else min(most, len(room))):
            room.popleft().line_up()
        self._condition.notify_all()
