"""A gateway as a handle whose methods are awaited: its gates, and its way into and out of service.

    from cellctl.async_gateway import AsyncGateway

    gateway = AsyncGateway("reef-r1-g1", home=Home.find())
    judged = await gateway.probe()

Each method returns a `Running`, as those of `AsyncCell` do, and with the same rules; `cellctl.gateway.Gateway` is the
same for callers that block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cellctl.run.options import Interrupter, OnEvent, RunOptions, ignore_event
from cellctl.running import Line, Running

if TYPE_CHECKING:
    from cellctl.gates import Judged
    from cellctl.home import Home
    from cellctl.plan import Result
    from cellctl.run.scrubbing import AskScrub
    from cellctl.run.serving import Found


class AsyncGateway:
    """One gateway of a home, by the name that the cloud and the registry know it by."""

    def __init__(self, name: str, *, home: Home) -> None:
        self.name = name
        self.home = home

    def status(self) -> Running[Found]:
        """Return what the registry knows of it.

        Raises:
            UsageError: There is no gateway of that name.
        """

        def work(_line: Line) -> Found:
            from cellctl.run import serving

            (found,) = serving.status(self.home, self.name)
            return found

        return Running(work, words=("status", self.name))

    def probe(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[Judged]:
        """Try every gate and record what was found; it changes neither service nor cells.

        Quarantined shares that admit nobody and whose buckets hold nothing are free again (`clean`).

        Raises:
            UsageError: There is no such gateway on a reef.
            Locked: Its reef is being changed.
        """

        def work(line: Line) -> Judged:
            from cellctl.run import serving

            return serving.probe(
                self.home, self.name, options=line.options, on_event=line.on_event, interrupter=line.interrupter
            )

        words = ("probe", self.name)
        return Running(work, words=words, options=options, on_event=on_event, interrupter=interrupter)

    def into_service(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[bool]:
        """Try every gate and bring it into service; tell whether it was out of service before.

        Raises:
            GuardError: A gate is shut (`gate_shut`), or it is not complete (`registry_state`).
        """

        def work(line: Line) -> bool:
            from cellctl.run import serving

            return serving.into_service(
                self.home, self.name, options=line.options, on_event=line.on_event, interrupter=line.interrupter
            )

        words = ("into-service", self.name)
        return Running(work, words=words, options=options, on_event=on_event, interrupter=interrupter)

    def cordon(self, *, on: bool = True) -> Running[str]:
        """Let it take no new cells, or take them again; return its state."""

        def work(_line: Line) -> str:
            from cellctl.run import serving

            return serving.cordon(self.home, self.name, on=on)

        return Running(work, words=("cordon", self.name))

    def scrub(
        self,
        share: str,
        *,
        ask: AskScrub,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[Result]:
        """Delete all that a share holds whose cell is gone, and let a cell have it again.

        `ask` is told what would be deleted; its no changes nothing. Awaited, it is called on a thread of the run.

        Raises:
            GuardError: The share is not quarantined (`not_quarantined`), or its bucket cannot be emptied (`not_empty`).
        """

        def work(line: Line) -> Result:
            from cellctl.run import scrubbing

            return scrubbing.scrub(
                self.home, self.name, share, ask, options=line.options, on_event=line.on_event,
                interrupter=line.interrupter,
            )  # fmt: skip

        words = ("scrub", self.name)
        return Running(work, words=words, options=options, on_event=on_event, interrupter=interrupter)


def gateways(home: Home) -> Running[Sequence[Found]]:
    """Return what the registry knows of every gateway of a home, those of reefs first."""

    def work(_line: Line) -> Sequence[Found]:
        from cellctl.run import serving

        return serving.status(home)

    return Running(work, words=("status", ""))
