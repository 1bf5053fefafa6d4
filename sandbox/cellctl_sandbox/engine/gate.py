"""Who may go on: at most so many steps at once, and nobody once the operation has failed or was cancelled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


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
            self._condition.notify_all()

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
                self._condition.notify_all()

    @contextmanager
    def step(self) -> Iterator[None]:
        """Wait for a place; raises `Stopped` if the operation ends before there is one."""
        with self._condition:
            while self._steps >= self._parallel and not self._stopped:
                self._condition.wait()
            if self._stopped:
                raise Stopped
            self._steps += 1
        try:
            yield
        finally:
            with self._condition:
                self._steps -= 1
                self._condition.notify_all()

    def wait_idle(self) -> None:
        """Return when no call is under way."""
        with self._condition:
            while self._calls:
                self._condition.wait()
