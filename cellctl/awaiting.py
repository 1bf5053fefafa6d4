"""A run that an event loop awaits: it works on a thread of its own, and everything the caller sees is on the loop.

A run blocks: on its operation process, on files, on the registry's database (docs/adr/0007-a-run-is-a-value.md).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from cellctl.errors import Interrupted, Objection
from cellctl.events import Event
from cellctl.plan import Plan
from cellctl.running import Running

if TYPE_CHECKING:
    from cellctl.errors import CellctlError
    from cellctl.running import Line, Several

T = TypeVar("T")
V = TypeVar("V")
A = TypeVar("A")


class Awaited(Generic[T]):
    """The asynchronous side of a Running. Begins with the first wait; belongs to the loop of that."""

    def __init__(self, running: Running[T]) -> None:
        self._running = running
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Future[T] | None = None
        self._events: asyncio.Queue[Event | None] | None = None
        self._withdraw: Callable[[], object] | None = None

    async def ended(self) -> T:
        """Wait for the end and return the result."""
        end = self._begin()
        if await self._until(end):
            raise asyncio.CancelledError
        return end.result()

    def events(self) -> AsyncIterator[Event]:
        """Return what iterates over the events from here on."""
        if self._events is None:
            self._events = asyncio.Queue()
            if self.done:
                self._events.put_nowait(None)
        return self

    def __aiter__(self) -> AsyncIterator[Event]:
        """Return this."""
        return self

    async def __anext__(self) -> Event:
        """Return the next event."""
        end, events = self._begin(), self._events
        assert events is not None
        try:
            event = await events.get()
        except asyncio.CancelledError:
            self._running.interrupt()
            await self._until(end)
            raise
        if event is None:
            events.put_nowait(None)
            end.result()
            raise StopAsyncIteration
        return event

    async def leave(self) -> None:
        """Interrupt what is still under way, and wait for its end."""
        if self._end is not None and not self._end.done():
            self._running.interrupt()
            if await self._until(self._end):
                raise asyncio.CancelledError

    def withdraw_question(self) -> None:
        """Stop waiting for what a callback answers."""
        withdraw = self._withdraw
        if withdraw is not None:
            withdraw()

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._end is not None and self._end.done()

    def result(self) -> T:
        """Return or raise what it came to; asyncio.InvalidStateError where it has not ended."""
        if self._end is None:
            raise asyncio.InvalidStateError("the run has not begun")
        return self._end.result()

    async def _until(self, end: asyncio.Future[T]) -> bool:
        """Wait for the end whatever cancels this; each cancellation is one more interrupt. Tell if there was one."""
        cancelled = False
        while not end.done():
            try:
                await asyncio.wait([end])
            except asyncio.CancelledError:
                cancelled = True
                self._running.interrupt()
        end.exception()  # it is told with the cancellation, if it is told at all
        return cancelled

    def _begin(self) -> asyncio.Future[T]:
        if self._end is None:
            self._loop = asyncio.get_running_loop()
            self._end = self._loop.create_future()
            name = " ".join(("cellctl", *self._running.words))
            apart = partial(contextvars.copy_context().run, self._apart, self._end)  # a trace goes on in the thread
            threading.Thread(target=apart, name=name, daemon=True).start()
        return self._end

    def _apart(self, end: asyncio.Future[T]) -> None:
        """Perform the run on its own thread; everything the caller sees happens on the loop."""
        hooks = self._running.options.hooks
        if hooks.authorise is not None:
            hooks = replace(hooks, authorise=self._bridged(hooks.authorise))
        if hooks.passphrase is not None:
            hooks = replace(hooks, passphrase=self._bridged(hooks.passphrase))
        if hooks.secrets is not None:
            hooks = replace(hooks, secrets=self._bridged(hooks.secrets))

        def ask(plan: Plan, objections: Sequence[Objection]) -> bool:
            return self._on_loop(partial(self._running.ask, plan, objections))

        try:
            result = self._running.perform(replace(self._running.options, hooks=hooks), self._heard, ask)
        except StopIteration:  # of a callback; no future takes it
            self._tell(end.set_exception, RuntimeError("a callback raised StopIteration"))
        except BaseException as error:
            self._tell(end.set_exception, error)
        else:
            self._tell(end.set_result, result)
        self._tell(self._put, None)

    def _heard(self, event: Event) -> None:
        self._tell(self._running.on_event, event)
        self._tell(self._put, event)

    def _put(self, event: Event | None) -> None:
        if self._events is not None:
            self._events.put_nowait(event)

    def _tell(self, call: Callable[[V], object], value: V) -> None:
        """Call on the loop; where that is closed nobody listens any more, and the run ends."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call, value)
        except RuntimeError:
            if not self._running.interrupter.count:
                self._running.interrupter.interrupt()

    def _bridged(self, call: Callable[[A], V | Awaitable[V]]) -> Callable[[A], V]:
        return lambda value: self._on_loop(partial(call, value))

    def _on_loop(self, call: Callable[[], V | Awaitable[V]]) -> V:
        """Return what `call` returns on the loop, awaited; an interrupt ends the waiting, as nothing is changed yet."""
        assert self._loop is not None
        coroutine = _awaited(call)
        try:
            answer = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:  # the loop is closed
            coroutine.close()
            raise _stopped() from None
        self._withdraw = answer.cancel
        if self._running.interrupter.count:
            answer.cancel()
        try:
            return answer.result()
        except concurrent.futures.CancelledError:
            raise _stopped() from None
        finally:
            self._withdraw = None


async def streamed(several: Several[T]) -> AsyncGenerator[tuple[str, T | CellctlError], None]:
    """Yield what the cells of `several` come to, worked on by a thread of its own that waits for who takes them."""
    loop = asyncio.get_running_loop()
    results: asyncio.Queue[tuple[str, T | CellctlError]] = asyncio.Queue(maxsize=1)
    left = threading.Event()

    def work(line: Line) -> None:
        for item in several.work(line):
            if left.is_set():
                raise _stopped()
            asyncio.run_coroutine_threadsafe(results.put(item), loop).result()

    running = Running(
        work, words=several.words, options=several.options, on_event=several.on_event, interrupter=several.interrupter
    )

    async def ended() -> None:
        await running

    end = asyncio.ensure_future(ended())
    try:
        while not end.done() or not results.empty():
            taken = asyncio.ensure_future(results.get())
            await asyncio.wait({taken, end}, return_when=asyncio.FIRST_COMPLETED)
            if taken.done():
                yield taken.result()
            else:
                taken.cancel()
        await end
    finally:
        left.set()
        while not results.empty():
            results.get_nowait()  # else the thread would wait for room
        await running.__aexit__(None, None, None)
        if end.done() and not end.cancelled():
            end.exception()


async def _awaited(call: Callable[[], V | Awaitable[V]]) -> V:
    value = call()
    return await value if isinstance(value, Awaitable) else value


def _stopped() -> Interrupted:
    return Interrupted("stopped before anything was changed", hint="call it again")
