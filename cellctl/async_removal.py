"""Taking away what has a stack: the part that the awaited handles of a cell, a reef and an account share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellctl.run.options import Interrupter, OnEvent, RunOptions, ignore_event
from cellctl.running import AnyAsk, Line, Running, approved

if TYPE_CHECKING:
    from cellctl.approval import Approval
    from cellctl.home import Home
    from cellctl.plan import Outcome, Plan


class AsyncRemovable:
    """A handle of what `down` takes away; `title` is its name in plans, leases and records: NAME, reef/NAME, …"""

    home: Home

    @property
    def title(self) -> str:
        """Its name in plans, leases and records."""
        raise NotImplementedError

    def preview_down(
        self,
        *,
        keep_data: bool = False,
        delete_data: bool = False,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[Plan]:
        """Return what `down` would remove; changes nothing. Its `objections` say what a flag or an approval is for.

        Raises:
            UsageError: There is no stack of this name (code `no_stack`).
        """

        def work(line: Line) -> Plan:
            from cellctl.run import down

            data = down.DataChoice.of(keep=keep_data, delete=delete_data)
            return down.look(
                self.home, self.title, data, options=line.options, on_event=line.on_event, interrupter=line.interrupter
            )

        words = ("preview", self.title)
        return Running(work, words=words, options=options, on_event=on_event, interrupter=interrupter)

    def down(
        self,
        plan: Plan | Approval | None = None,
        *,
        ask: AnyAsk | None = None,
        keep_data: bool = False,
        delete_data: bool = False,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[Outcome]:
        """Remove it; works without its file. A reef with cells on it, and an account with stacks, are refused.

        Without a flag what holds data is refused (GuardError lists it). `keep_data` destroys the rest; the stack stays
        and `up` completes it again. `delete_data` takes protection off with an `up` that does nothing else, destroys,
        counts what is left and raises the incarnation. `ask` gets a Plan with `operation` `down`; one that was
        approved (`preview_down`) is `plan`, as in `up`.

        Raises:
            Locked, StaleApproval, GuardError, UsageError, EngineError: As in `up`; UsageError also where there is no
                stack.
        """
        chosen = approved(plan, ask, options, call="down")

        def work(line: Line) -> Outcome:
            from cellctl.run import down

            data = down.DataChoice.of(keep=keep_data, delete=delete_data)
            return down.down(
                self.home, self.title, data, line.ask, options=line.options, on_event=line.on_event,
                interrupter=line.interrupter,
            )  # fmt: skip

        words = ("down", self.title)
        return Running(work, words=words, options=chosen, on_event=on_event, ask=ask, interrupter=interrupter)
