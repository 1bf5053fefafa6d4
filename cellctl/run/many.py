"""One operation that only looks, for many cells: a broken cell never stops the others.

Cells of the sandbox share one warm process, one after another: they are bound by computing. Those of real accounts wait
for clouds, and each has a process that ends with it: a few of them are looked at side by side.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from cellctl.engine.operation import fresh_interpreter
from cellctl.errors import CellctlError, Interrupted
from cellctl.run.options import Interrupter
from cellctl.run.worker import Worker

if TYPE_CHECKING:
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

    Those of which `real` is true are looked at on threads, `options.at_once` at a time and never further ahead of who
    takes the results; they get no worker. What `real` raises counts as no, so that `look` says what is wrong.

    Raises:
        Interrupted: `interrupter` was used; what was yielded before stands.
    """
    switch = _Switch(interrupter or Interrupter())

    def one(cell: C, worker: Worker | None) -> T:
        with switch.one() as own:
            return look(cell, worker, own)

    with Worker(options.start or fresh_interpreter) as worker, switch, _pool(options.at_once, switch) as pool:
        waiting: deque[tuple[str, Callable[[], T]]] = deque()
        for cell in cells:
            apart = _is(real, cell)
            waiting.append((_name(cell), pool.submit(one, cell, None).result if apart else partial(one, cell, worker)))
            while len(waiting) >= (options.at_once if apart else 1):
                yield _taken(switch, *waiting.popleft())
        while waiting:
            yield _taken(switch, *waiting.popleft())


def _taken(switch: _Switch, name: str, result: Callable[[], T]) -> tuple[str, T | CellctlError]:
    try:
        switch.stop_if_used()
        return name, result()
    except Interrupted:
        raise
    except CellctlError as error:
        return name, error


def _name(cell: str | AnySpec) -> str:
    return cell if isinstance(cell, str) else cell.metadata.name


def _is(real: Callable[[C], bool], cell: C) -> bool:
    try:
        return real(cell)
    except CellctlError:
        return False


@contextmanager
def _pool(at_once: int, switch: _Switch) -> Iterator[ThreadPoolExecutor]:
    """Give threads; where the block ends early, what they look at is stopped and waited for."""
    pool = ThreadPoolExecutor(max_workers=max(1, at_once), thread_name_prefix="cellctl look")
    try:
        yield pool
    except BaseException:
        switch.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


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
