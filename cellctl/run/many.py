"""One operation that only looks, for many cells: a broken cell never stops the others.

Cells of the sandbox are bound by computing: there is one warm process for each core, which looks at one after another.
Those of real accounts wait for clouds, and each has a process that ends with it: a few of them are looked at side by
side.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from cellctl.engine.operation import fresh_interpreter
from cellctl.errors import CellctlError, Interrupted
from cellctl.run.options import Interrupter
from cellctl.run.worker import Worker

if TYPE_CHECKING:
    from cellctl.engine.operation import Start
    from cellctl.run.options import RunOptions
    from cellctl.run.target import AnySpec

T = TypeVar("T")
C = TypeVar("C", "str", "str | AnySpec")


def each(
    cells: Iterable[C],
    look: Callable[[C, Worker | None, Interrupter], T],
    *,
    real: Callable[[C], bool],
    options: RunOptions,
    interrupter: Interrupter | None,
) -> Iterator[tuple[str, T | CellctlError]]:
    """Yield each cell's name, in order, with what `look` returns, or with the error that it raises.

    Cells are looked at on threads, never further ahead of who takes the results than there are places: those of which
    `real` is true at `options.at_once` places and without a worker, the others at one for each core, each with a worker
    of its own. What `real` raises counts as no, so that `look` says what is wrong.

    Raises:
        Interrupted: `interrupter` was used; what was yielded before stands.
    """
    switch = _Switch(interrupter or Interrupter())
    at_once = max(1, options.at_once)

    def one(cell: C, worker: Worker | None) -> T:
        with switch.one() as own:
            return look(cell, worker, own)

    waiting: deque[tuple[str, Future[T]]] = deque()

    def taken() -> tuple[str, T | CellctlError]:
        name, looked = waiting.popleft()
        try:
            switch.stop_if_used()
            return name, looked.result()
        except Interrupted:
            raise
        except CellctlError as error:
            return name, error

    waiters = _Places[T](at_once, switch)
    computers = _Places[T](min(at_once, cores()), switch, options.start or fresh_interpreter)
    with switch, waiters, computers:
        for cell in cells:
            places = waiters if _is(real, cell) else computers
            waiting.append((_name(cell), places.look(one, cell)))
            while len(waiting) >= places.count:
                yield taken()
        while waiting:
            yield taken()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _name(cell: str | AnySpec) -> str:
    return cell if isinstance(cell, str) else cell.metadata.name


def _is(real: Callable[[C], bool], cell: C) -> bool:
    try:
        return real(cell)
    except CellctlError:
        return False


class _Places(Generic[T]):
    """Threads that look, `count` of them; with `start` each has a worker of its own. Use as a context manager.

    Where the block ends early, what they look at is stopped and waited for.
    """

    def __init__(self, count: int, switch: _Switch, start: Start | None = None) -> None:
        self.count = count
        self._switch, self._start = switch, start
        self._pool = ThreadPoolExecutor(max_workers=count, thread_name_prefix="cellctl look")
        self._own = threading.local()
        self._workers: list[Worker] = []
        self._under_way: set[Future[T]] = set()

    def look(self, one: Callable[[C, Worker | None], T], cell: C) -> Future[T]:
        """Look at a cell as soon as a thread is free."""
        looked = self._pool.submit(lambda: one(cell, self._worker()))
        self._under_way.add(looked)
        looked.add_done_callback(self._under_way.discard)
        return looked

    def _worker(self) -> Worker | None:
        """Return this thread's: an operation process dies with the thread that started it."""
        if self._start is None:
            return None
        if not hasattr(self._own, "worker"):
            self._own.worker = Worker(self._start)
            self._workers.append(self._own.worker)
        worker: Worker = self._own.worker
        return worker

    def __enter__(self) -> _Places[T]:
        """No thread is started before the first cell."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        """End the workers while their threads live, then the threads."""
        if kind is not None:
            self._switch.stop()
        left = [looked for looked in list(self._under_way) if not looked.cancel()]
        wait(left)
        for worker in self._workers:
            worker.end()
        self._pool.shutdown()


class _Switch:
    """One interrupter for several runs at once: each gets its own, and all of them hear the caller's."""

    def __init__(self, interrupter: Interrupter) -> None:
        self._interrupter = interrupter
        self._lock = threading.Lock()
        self._running: set[Interrupter] = set()

    def __enter__(self) -> _Switch:
        """Listen to the caller's."""
        self._interrupter.on_interrupt(self._heard)
        return self

    def __exit__(self, *exception: object) -> None:
        """Listen no more."""
        self._interrupter.on_interrupt(None)

    @contextmanager
    def one(self) -> Iterator[Interrupter]:
        """Give a run its own, which hears of the caller's."""
        own = Interrupter()
        with self._lock:
            self._running.add(own)
        try:
            self.stop_if_used()
            yield own
        finally:
            with self._lock:
                self._running.discard(own)

    def stop_if_used(self) -> None:
        """Raise Interrupted if the caller has stopped all of it."""
        if self._interrupter.count:
            raise Interrupted("stopped between two cells", hint="run the same command again")

    def stop(self) -> None:
        """Stop every run that is under way."""
        self._heard(1)

    def _heard(self, _count: int) -> None:
        with self._lock:
            running = list(self._running)
        for own in running:
            own.interrupt()


def one_at_a_time(call: Callable[[T], object]) -> Callable[[T], None]:
    """Return a callback that several threads may call: it is called by one of them at a time."""
    lock = threading.Lock()

    def locked(value: T) -> None:
        with lock:
            call(value)

    return locked
