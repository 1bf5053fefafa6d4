"""One call of the library as a value: await it, iterate over its events, or perform it where one stands.

    running = cell.up(plan)
    async for event in running:       # progress, as it comes
        ...
    outcome = await running           # the same run: its result

A run blocks: on its operation process, on files, on the registry's database. So it has a thread of its own while a loop
awaits it (docs/adr/0007-a-run-is-a-value.md); callbacks are called on the loop. `here()` is the synchronous form.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Generic, TypeAlias, TypeVar

from cellctl.errors import Interrupted, Objection
from cellctl.events import Event
from cellctl.hooks import present
from cellctl.plan import Plan
from cellctl.run.options import Ask, Interrupter, OnEvent, RunOptions, ignore_event
from cellctl.tracing import traced

T = TypeVar("T")
V = TypeVar("V")
A = TypeVar("A")
AnyAsk: TypeAlias = Callable[[Plan, Sequence[Objection]], bool | Awaitable[bool]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """How a run speaks with its caller."""

    options: RunOptions
    on_event: OnEvent
    ask: Ask
    interrupter: Interrupter


class Running(Generic[T]):
    """A run that has not begun, is under way, or has ended. Awaiting or iterating begins it, once.

    Cancelling the task that awaits it is Ctrl-C: the first lets what is under way end and be recorded, and frees the
    cell, before CancelledError goes on; the second ends it at once; the third kills the engine. So `asyncio.timeout`
    and a TaskGroup do what one expects. Leaving an `async for` early leaves the run going: await it, or use `async
    with`, which interrupts what is still under way at its end.
    """

    def __init__(
        self,
        work: Callable[[Line], T],
        *,
        words: tuple[str, str],
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        ask: AnyAsk | None = None,
        interrupter: Interrupter | None = None,
    ) -> None:
        self._work, self._words = work, words
        self._options = options or RunOptions()
        self._on_event, self._ask = on_event, ask or _yes
        self._interrupter = interrupter or Interrupter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Future[T] | None = None
        self._events: asyncio.Queue[Event | None] | None = None
        self._answer: Callable[[], object] | None = None

    # ---- the synchronous form ----
    def here(self) -> T:
        """Perform the run on this thread and return its result; callbacks are called on it and must not be coroutines.

        Raises:
            UsageError: A callback is a coroutine function (code `not_awaited`).
            CellctlError: What the run raises.
        """

        def ask(plan: Plan, objections: Sequence[Objection]) -> bool:
            return present(self._ask(plan, objections))

        return self._perform(self._options, self._on_event, ask)

    def _perform(self, options: RunOptions, on_event: OnEvent, ask: Ask) -> T:
        with traced(options.hooks.tracer, *self._words, on_event) as trace:
            line = Line(options=options, on_event=trace.on_event, ask=ask, interrupter=self._interrupter)
            result = self._work(line)
            trace.ended(result)
            return result

    # ---- the asynchronous form ----
    def __await__(self) -> Generator[object, None, T]:
        """Wait for the end and return the result, or raise what the run raises."""
        return self._result().__await__()

    def __aiter__(self) -> AsyncIterator[Event]:
        """Iterate over the events from here on; what the run raises is raised at the end."""
        if self._events is None:
            self._events = asyncio.Queue()
            if self.done:
                self._events.put_nowait(None)
        return self

    async def __anext__(self) -> Event:
        """Return the next event."""
        ended, events = self._begin(), self._events
        assert events is not None
        try:
            event = await events.get()
        except asyncio.CancelledError:
            self.interrupt()
            await self._until(ended)
            raise
        if event is None:
            events.put_nowait(None)
            ended.result()
            raise StopAsyncIteration
        return event

    async def __aenter__(self) -> Running[T]:
        """Return this; begins nothing yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Interrupt what is still under way, and wait for its end."""
        if self._ended is not None and not self._ended.done():
            self.interrupt()
            if await self._until(self._ended):
                raise asyncio.CancelledError

    def interrupt(self) -> None:
        """Ask the run to stop, as a cancellation does; it ends with Interrupted or an `interrupted` Outcome."""
        self._interrupter.interrupt()
        cancel = self._answer
        if cancel is not None:
            cancel()

    @property
    def done(self) -> bool:
        """Whether an awaited run has ended."""
        return self._ended is not None and self._ended.done()

    def result(self) -> T:
        """Return what a run that has ended came to, also after its task was cancelled; raises what it raised.

        Raises:
            asyncio.InvalidStateError: It has not ended, or not begun.
        """
        if self._ended is None:
            raise asyncio.InvalidStateError("the run has not begun")
        return self._ended.result()

    async def _result(self) -> T:
        ended = self._begin()
        if await self._until(ended):
            raise asyncio.CancelledError
        return ended.result()

    async def _until(self, ended: asyncio.Future[T]) -> bool:
        """Wait for the end whatever cancels this; each cancellation is one more interrupt. Tell if there was one."""
        cancelled = False
        while not ended.done():
            try:
                await asyncio.wait([ended])
            except asyncio.CancelledError:
                cancelled = True
                self.interrupt()
        ended.exception()  # it is told with the cancellation, if it is told at all
        return cancelled

    def _begin(self) -> asyncio.Future[T]:
        if self._ended is None:
            self._loop = asyncio.get_running_loop()
            self._ended = self._loop.create_future()
            name = " ".join(("cellctl", *self._words))
            apart = partial(contextvars.copy_context().run, self._apart, self._ended)  # a trace goes on in the thread
            threading.Thread(target=apart, name=name, daemon=True).start()
        return self._ended

    def _apart(self, ended: asyncio.Future[T]) -> None:
        """Perform the run on its own thread; everything the caller sees happens on the loop."""
        hooks = self._options.hooks
        if hooks.authorise is not None:
            hooks = replace(hooks, authorise=self._bridged(hooks.authorise))
        if hooks.passphrase is not None:
            hooks = replace(hooks, passphrase=self._bridged(hooks.passphrase))

        def ask(plan: Plan, objections: Sequence[Objection]) -> bool:
            return self._on_loop(partial(self._ask, plan, objections))

        try:
            result = self._perform(replace(self._options, hooks=hooks), self._heard, ask)
        except StopIteration:  # of a callback; no future takes it
            self._tell(ended.set_exception, RuntimeError("a callback raised StopIteration"))
        except BaseException as error:
            self._tell(ended.set_exception, error)
        else:
            self._tell(ended.set_result, result)
        self._tell(self._put, None)

    def _heard(self, event: Event) -> None:
        self._tell(self._on_event, event)
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
            if not self._interrupter.count:
                self._interrupter.interrupt()

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
        self._answer = answer.cancel
        if self._interrupter.count:
            answer.cancel()
        try:
            return answer.result()
        except concurrent.futures.CancelledError:
            raise _stopped() from None
        finally:
            self._answer = None


async def _awaited(call: Callable[[], V | Awaitable[V]]) -> V:
    value = call()
    return await value if isinstance(value, Awaitable) else value


def _stopped() -> Interrupted:
    return Interrupted("stopped before anything was changed", hint="call it again")


def _yes(plan: Plan, objections: Sequence[Objection]) -> bool:
    """Agree: what is asked for was approved before, or changes nothing."""
    del plan, objections
    return True
