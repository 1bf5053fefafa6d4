"""One call of the library as a value: await it, iterate over its events, or perform it where one stands.

    running = cell.up(plan)
    async for event in running:       # progress, as it comes
        ...
    outcome = await running           # the same run: its result

`here()` is the synchronous form. What awaits is in `cellctl.awaiting`, which is loaded when something does: a command
line pays for no event loop.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from cellctl.approval import Approval
from cellctl.errors import CellctlError, Objection, UsageError
from cellctl.events import Event
from cellctl.hooks import present
from cellctl.plan import Plan
from cellctl.run.options import Ask, Interrupter, OnEvent, RunOptions, ignore_event
from cellctl.tracing import traced

if TYPE_CHECKING:
    from cellctl.awaiting import Awaited

T = TypeVar("T")
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
        self._work, self.words = work, words
        self.options = options or RunOptions()
        self.on_event, self.ask = on_event, ask or _yes
        self.interrupter = interrupter or Interrupter()
        self._awaited: Awaited[T] | None = None

    def here(self) -> T:
        """Perform the run on this thread and return its result; callbacks are called on it and must not be coroutines.

        Raises:
            UsageError: A callback is a coroutine function (code `not_awaited`).
            CellctlError: What the run raises.
        """

        def ask(plan: Plan, objections: Sequence[Objection]) -> bool:
            return present(self.ask(plan, objections))

        return self.perform(self.options, self.on_event, ask)

    def perform(self, options: RunOptions, on_event: OnEvent, ask: Ask) -> T:
        """Perform the run on this thread with these callbacks instead of its own."""
        with traced(options.hooks.tracer, *self.words, on_event) as trace:
            line = Line(options=options, on_event=trace.on_event, ask=ask, interrupter=self.interrupter)
            result = self._work(line)
            trace.ended(result)
            return result

    def __await__(self) -> Generator[object, None, T]:
        """Wait for the end and return the result, or raise what the run raises."""
        return self._begun().ended().__await__()

    def __aiter__(self) -> AsyncIterator[Event]:
        """Iterate over the events from here on; what the run raises is raised at the end."""
        return self._begun().events()

    async def __aenter__(self) -> Running[T]:
        """Return this; begins nothing yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Interrupt what is still under way, and wait for its end."""
        if self._awaited is not None:
            await self._awaited.leave()

    def interrupt(self) -> None:
        """Ask the run to stop, as a cancellation does; it ends with Interrupted or an `interrupted` Outcome."""
        self.interrupter.interrupt()
        if self._awaited is not None:
            self._awaited.withdraw_question()

    @property
    def done(self) -> bool:
        """Whether an awaited run has ended."""
        return self._awaited is not None and self._awaited.done

    def result(self) -> T:
        """Return what an awaited run that has ended came to, also after its task was cancelled; raises what it raised.

        Raises:
            asyncio.InvalidStateError: It has not ended, or not begun.
        """
        return self._begun().result()

    def _begun(self) -> Awaited[T]:
        from cellctl.awaiting import Awaited

        self._awaited = self._awaited or Awaited(self)
        return self._awaited


class Several(Generic[T]):
    """One operation on many cells as a value: `async for name, result in …`, or `here()` on the calling thread.

    Each result is that of a cell, or the error that it raised. Nothing is looked at before the caller wants it but one
    cell ahead. Leaving an `async for` by an exception, or cancelling its task, interrupts as `Running` does; after a
    `break` use `contextlib.aclosing`.
    """

    def __init__(
        self,
        work: Callable[[Line], Iterator[tuple[str, T | CellctlError]]],
        *,
        words: tuple[str, str],
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> None:
        self.work, self.words = work, words
        self.options, self.on_event = options or RunOptions(), on_event
        self.interrupter = interrupter or Interrupter()

    def here(self) -> Iterator[tuple[str, T | CellctlError]]:
        """Yield what one cell after another comes to, on the thread that iterates."""
        options, interrupter = self.options, self.interrupter
        with traced(options.hooks.tracer, *self.words, self.on_event, current=False) as trace:
            yield from self.work(Line(options=options, on_event=trace.on_event, ask=_yes, interrupter=interrupter))

    def __aiter__(self) -> AsyncGenerator[tuple[str, T | CellctlError], None]:
        """Iterate; what stops all of it is raised."""
        from cellctl.awaiting import streamed

        return streamed(self)


def approved(
    plan: Plan | Approval | None, ask: AnyAsk | None, options: RunOptions | None, *, call: str = "up"
) -> RunOptions:
    """Return options under which a run applies `plan` and nothing else; without one as they are.

    Raises:
        UsageError: Nothing says who agrees to the change (code `not_asked`).
    """
    options = options or RunOptions()
    if isinstance(plan, Plan):
        plan = Approval(plan=plan, saved_at=options.hooks.now(), expires_at=math.inf)
    if plan is not None:
        return replace(options, approval=plan)
    if ask is None and options.approval is None:
        hint = f"{call}(plan) or {call}(ask=…)"
        raise UsageError("nobody is asked, and no plan was approved", hint=hint, code="not_asked")
    return options


def _yes(plan: Plan, objections: Sequence[Objection]) -> bool:
    """Agree: what is asked for was approved before, or changes nothing."""
    del plan, objections
    return True
