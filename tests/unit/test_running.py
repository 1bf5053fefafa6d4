"""A run as a value, without an engine: what becomes of cancellations and errors."""

from __future__ import annotations

import asyncio
import threading

import pytest

from cellctl.events import Event, Moment, RunStarted
from cellctl.running import Line, Running

STARTED = RunStarted(moment=Moment(at=0.0), phase="preview")


class Work:
    """Says that it has begun, and ends when it is interrupted or let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.interrupts: list[int] = []

    def __call__(self, line: Line) -> str:
        line.interrupter.on_interrupt(self._heard)
        line.on_event(STARTED)
        assert self.let_go.wait(20)
        return "ended"

    def _heard(self, count: int) -> None:
        self.interrupts.append(count)
        if count == 2:
            self.let_go.set()


def test_a_cancellation_while_a_block_is_left_is_not_lost() -> None:
    work = Work()

    async def left_early() -> None:
        async with Running(work, words=("up", "acme")) as running:
            async for _ in running:
                break

    async def story() -> None:
        task = asyncio.ensure_future(left_early())
        while not work.interrupts:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(story(), 20))
    assert work.interrupts == [1, 2]


def test_an_awaited_run_tells_later_listeners_and_runs_once() -> None:
    work, heard = Work(), list[Event]()
    work.let_go.set()

    async def story() -> None:
        running = Running(work, words=("up", "acme"), on_event=heard.append)
        with pytest.raises(asyncio.InvalidStateError):
            running.result()
        assert await asyncio.gather(running, running) == ["ended", "ended"]
        assert (running.done, running.result()) == (True, "ended")
        assert [event async for event in running] == []

    asyncio.run(asyncio.wait_for(story(), 20))
    assert heard == [STARTED]


@pytest.mark.parametrize(("raised", "seen"), [(ValueError, ValueError), (StopIteration, RuntimeError)])
def test_what_a_run_raises_ends_the_iteration(raised: type[Exception], seen: type[Exception]) -> None:
    def fail(line: Line) -> str:
        line.on_event(STARTED)
        raise raised

    async def story() -> None:
        running = Running(fail, words=("up", "acme"))
        events = aiter(running)
        assert await anext(events) == STARTED
        with pytest.raises(seen):
            await anext(events)
        with pytest.raises(seen):
            await running

    asyncio.run(asyncio.wait_for(story(), 20))
