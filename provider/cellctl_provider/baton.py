"""One thread of an operation works at a time, and who is next is decided by what was done, never by who was quick.

A thread holds the baton while it works. It parks where it waits for simulated time or for another thread of the
operation; whoever ends the wait lines it up again. It steps aside where it waits for anything else. So one seed gives
one order of events, however many calls are under way. A thread without a place in the line just works: everything here
does nothing for it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
_local = threading.local()
_lock = threading.Lock()  # of all lines
_holders: set[Line] = set()


class Line:
    """Who waits for the baton of one operation."""

    def __init__(self) -> None:
        self._waiting: deque[Place] = deque()
        self._holder: Place | None = None
        self.outside = 0  # places that are not in the line for now

    def join(self) -> Place:
        """Return a new place at the end, for a thread that begins with `Place.wait`."""
        place = Place(self)
        self.enter(place)
        return place

    def enter(self, place: Place) -> None:
        """Put a parked place at the end; one that is not parked stays where it is."""
        with _lock:
            if place.parked:
                place.parked = False
                self._waiting.append(place)
                self._pass_on()

    def leave(self, place: Place) -> None:
        """Take the baton from a place, which is parked then."""
        with _lock:
            assert self._holder is place, "only who holds the baton gives it up"
            place.parked, self._holder = True, None
            self._pass_on()

    def _pass_on(self) -> None:
        if self._holder is None and self._waiting:
            self._holder = self._waiting.popleft()
            self._holder.given.release()
        (_holders.discard if self._holder is None else _holders.add)(self)

    @property
    def empty(self) -> bool:
        """Whether nobody waits."""
        return not self._waiting


class Place:
    """One thread's place: parked, in the line, or holding the baton."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.parked = True
        self.given = threading.Semaphore(0)

    def wait(self) -> None:
        """Return when this thread holds the baton; it is in the line, or another thread will line it up."""
        self.given.acquire()
        _local.place = self

    def park(self) -> None:
        """Give the baton up, without lining up."""
        self.line.leave(self)

    def line_up(self) -> None:
        """Enter the line again if parked; any thread may call it."""
        self.line.enter(self)

    def end(self) -> None:
        """Give the baton up for good."""
        _local.place = None
        self.park()


def _begin_anew() -> None:
    """Forget, in a process that was forked, the lines of its parent: their threads are not here."""
    global _lock  # noqa: PLW0603  another thread may have held it
    _lock = threading.Lock()
    _holders.clear()
    _local.place = None


os.register_at_fork(after_in_child=_begin_anew)


def at_work() -> bool:
    """Tell whether any thread of this process holds a baton."""
    return bool(_holders)


def current() -> Place | None:
    """Return the place of this thread, which holds the baton; None if it has none."""
    place: Place | None = getattr(_local, "place", None)
    return place


@contextmanager
def aside() -> Iterator[None]:
    """Let others work while this thread waits for something else."""
    place = current()
    if place is not None:
        place.line.outside += 1  # whoever holds the baton counts
    try:
        with parked():
            yield
    finally:
        if place is not None:
            place.line.outside -= 1


@contextmanager
def parked() -> Iterator[None]:
    """Let others work while this thread waits for what they do."""
    place = current()
    if place is None:
        yield
        return
    _local.place = None
    place.park()
    try:
        yield
    finally:
        place.line_up()
        place.wait()


def alone() -> bool:
    """Tell whether nobody of this thread's line waits for something outside, so that chance decides nothing."""
    place = current()
    return place is not None and not place.line.outside


def give_way() -> None:
    """Let everybody who is in the line go first."""
    place = current()
    if place is not None and not place.line.empty:
        place.park()
        place.line_up()
        place.wait()


@contextmanager
def held() -> Iterator[Place]:
    """Hold the baton: that of a line of one's own where this thread has none."""
    place = current()
    if place is not None:
        yield place
        return
    place = Line().join()
    place.wait()
    try:
        yield place
    finally:
        place.end()


class Lock:
    """A re-entrant lock that may be held while the baton is given up; who waits for it is served in order."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._guard = threading.Lock()
        self._waiting: deque[Place] = deque()

    def __enter__(self) -> None:
        place = current()
        while True:
            with self._guard:
                if self._lock.acquire(blocking=False):
                    return
                if place is not None:
                    self._waiting.append(place)
                    place.park()
            if place is None:
                self._lock.acquire()
                return
            place.wait()

    def __exit__(self, *_error: object) -> None:
        with self._guard:
            self._lock.release()
            if self._waiting:
                self._waiting.popleft().line_up()


class Crew(ThreadPoolExecutor):
    """Runs tasks in threads that hold the baton, at most so many begun at a time, in the order of their submission."""

    def __init__(self, line: Line, most: int, told: Callable[[], None] = lambda: None) -> None:
        """Make a crew; `told` is called whenever a task has ended."""
        super().__init__(most)
        self._line = line
        self._most = most
        self._told = told
        self._begun = 0
        self._later: deque[Callable[[], None]] = deque()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run `fn` when its turn comes; the caller holds the baton."""
        future: Future[R] = Future()
        begin = partial(self._begin, future, partial(fn, *args, **kwargs))
        if self._begun < self._most:
            begin()
        else:
            self._later.append(begin)
        return future

    def _begin(self, future: Future[R], work: Callable[[], R]) -> None:
        self._begun += 1
        super().submit(self._run, self._line.join(), future, work)

    def _run(self, place: Place, future: Future[R], work: Callable[[], R]) -> None:
        place.wait()
        try:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:
                    future.set_exception(error)
            self._told()
            self._begun -= 1
            if self._later:
                self._later.popleft()()
        finally:
            place.end()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Begin nothing new, and wait for what has begun."""
        self._later.clear()
        with parked():
            super().shutdown(wait, cancel_futures=cancel_futures)


def each(work: Callable[[T], R], items: Sequence[T], most: int) -> list[R]:
    """Do something with all items, `most` at a time; return the results in their order."""
    with held() as place, Crew(place.line, max(1, most)) as crew:
        begun = [crew.submit(work, item) for item in items]
        with parked():
            return [future.result() for future in begun]
