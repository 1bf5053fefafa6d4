"""Looks at many cells: in order; side by side in real accounts, one for each core in the sandbox."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing

import pytest

from cellctl.errors import CellctlError, EngineError, Interrupted
from cellctl.run import many
from cellctl.run.many import each, one_at_a_time
from cellctl.run.options import Interrupter, RunOptions
from cellctl.run.worker import Worker
from cellctl.running import Line, Several

CELLS = [f"c{number}" for number in range(7)]


class Looks:
    """Looks that wait for each other: how many there were at once, and who got a worker."""

    def __init__(self, together: int) -> None:
        self.barrier = threading.Barrier(together)
        self.lock = threading.Lock()
        self.now = self.most = self.begun = 0
        self.workers: list[bool] = []
        self.known: set[Worker | None] = set()

    def __call__(self, cell: str, worker: Worker | None, own: Interrupter) -> str:
        with self.lock:
            self.now, self.begun = self.now + 1, self.begun + 1
            self.most = max(self.most, self.now)
            self.workers.append(worker is not None)
            self.known.add(worker)
        try:
            if cell == "c2":
                raise EngineError("broken")
            if self.barrier.parties > 1 and self.begun <= self.barrier.parties:
                self.barrier.wait(10)  # that many are looked at side by side, or this breaks
            return cell.upper()
        finally:
            with self.lock:
                self.now -= 1


def looked(look: Looks, *, real: bool, at_once: int) -> list[tuple[str, object]]:
    options = RunOptions(at_once=at_once)
    return list(each(CELLS, look, real=lambda _cell: real, options=options, interrupter=None))


def test_real_cells_are_looked_at_side_by_side_in_order_and_a_broken_one_stops_none() -> None:
    look = Looks(2)
    found = looked(look, real=True, at_once=3)
    assert [name for name, _ in found] == CELLS
    assert [str(result) for _, result in found if not isinstance(result, CellctlError)] == [
        cell.upper() for cell in CELLS if cell != "c2"
    ]
    assert isinstance(dict(found)["c2"], EngineError)
    assert 2 <= look.most <= 3
    assert look.workers == [False] * 7


def test_sandbox_cells_are_looked_at_by_one_worker_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "cores", lambda: 2)
    look = Looks(2)
    assert [name for name, _ in looked(look, real=False, at_once=4)] == CELLS
    assert (look.most, look.workers, len(look.known)) == (2, [True] * 7, 2)
    alone = Looks(1)
    assert [name for name, _ in looked(alone, real=False, at_once=1)] == CELLS
    assert (alone.most, len(alone.known)) == (1, 1)


def test_what_cannot_be_told_apart_is_left_to_the_look() -> None:
    def real(cell: str) -> bool:
        raise EngineError(f"{cell} cannot be read")

    look = Looks(1)
    found = list(each(CELLS[:2], look, real=real, options=RunOptions(), interrupter=None))
    assert (found, look.workers) == ([("c0", "C0"), ("c1", "C1")], [True, True])


def test_nobody_runs_further_ahead_than_there_are_places() -> None:
    look = Looks(1)
    results = each(CELLS, look, real=lambda _: True, options=RunOptions(at_once=2), interrupter=None)
    assert next(results) == ("c0", "C0")
    time.sleep(0.1)
    assert look.begun <= 2
    results.close()  # type: ignore[attr-defined]
    assert look.begun <= 2


def waits(cell: str, worker: Worker | None, own: Interrupter) -> str:
    heard = threading.Event()
    own.on_interrupt(lambda _count: heard.set())
    assert heard.wait(10)
    raise Interrupted(f"{cell} was stopped", hint="")


def test_an_interrupt_reaches_every_look_and_stops_all() -> None:
    switch = Interrupter()
    threading.Timer(0.2, switch.interrupt).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        list(each(CELLS, waits, real=lambda _: True, options=RunOptions(at_once=3), interrupter=switch))
    assert time.monotonic() - began < 5


def test_a_callback_of_many_threads_is_called_by_one_at_a_time() -> None:
    inside, most = 0, 0

    def heard(_value: int) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.002)
        inside -= 1

    one = one_at_a_time(heard)
    threads = [threading.Thread(target=one, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


# ---- awaited
def several(look: Callable[[str, Worker | None, Interrupter], str], *, at_once: int = 2) -> Several[str]:
    def work(line: Line) -> Iterator[tuple[str, str | CellctlError]]:
        return each(CELLS, look, real=lambda _: True, options=line.options, interrupter=line.interrupter)

    return Several(work, words=("preview", ""), options=RunOptions(at_once=at_once))


def within(story: Callable[[], object]) -> None:
    asyncio.run(asyncio.wait_for(story(), 20))  # type: ignore[arg-type]


def test_many_are_awaited_as_they_come_and_looked_at_no_faster_than_they_are_taken() -> None:
    look = Looks(1)

    async def story() -> None:
        found = []
        async for name, result in several(look):
            found.append((name, str(result)))
            await asyncio.sleep(0.02)
            assert look.begun <= len(found) + 4  # taken, on its way, waiting for room, and two in their places
        assert found == [(cell, "broken" if cell == "c2" else cell.upper()) for cell in CELLS]

    within(story)
    assert [name for name, _ in several(Looks(1)).here()] == CELLS


def test_a_break_or_a_cancellation_stops_what_is_under_way_and_waits_for_it() -> None:
    ended, begun = [], threading.Event()

    def slow(cell: str, worker: Worker | None, own: Interrupter) -> str:
        if cell == "c0":
            return "first"
        begun.set()
        try:
            return waits(cell, worker, own)
        finally:
            ended.append(cell)

    async def left() -> None:
        async with aclosing(aiter(several(slow))) as results:  # type: ignore[type-var]
            async for name, _ in results:
                assert (name, await asyncio.to_thread(begun.wait, 10)) == ("c0", True)
                break
        assert ended
        assert not [one for one in threading.enumerate() if one.name.startswith("cellctl look")]

    async def cancelled() -> None:
        async def taking() -> None:
            async for _ in several(slow):
                pass

        begun.clear()
        task = asyncio.ensure_future(taking())
        assert await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended

    within(left)
    ended.clear()
    within(cancelled)


def test_what_stops_all_of_it_is_raised_where_it_is_awaited() -> None:
    def fail(_line: Line) -> Iterator[tuple[str, str | CellctlError]]:
        yield "c0", "first"
        raise Interrupted("stopped", hint="")

    async def story() -> None:
        results = aiter(Several(fail, words=("preview", "")))
        assert await anext(results) == ("c0", "first")
        with pytest.raises(Interrupted):
            await anext(results)

    within(story)
