"""A gateway as a handle: its gates, and its way into and out of service. Each method is a line over `cellctl.run`.

    from cellctl.gateway import Gateway

    gateway = Gateway("reef-r1-g1", home=Home.find())
    gateway.probe().shut        # the gates that do not hold
    gateway.into_service()      # refused (GuardError) unless all hold

Nothing here prints, prompts or reads the environment, as in `cellctl.cell`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cellctl.run.options import Interrupter, OnEvent, RunOptions, ignore_event

if TYPE_CHECKING:
    from cellctl.gates import Judged
    from cellctl.home import Home
    from cellctl.plan import Result
    from cellctl.run.scrubbing import AskScrub
    from cellctl.run.serving import Found


class Gateway:
    """One gateway of a home, by the name that the cloud and the registry know it by."""

    def __init__(self, name: str, *, home: Home) -> None:
        self.name = name
        self.home = home

    def status(self) -> Found:
        """Return what the registry knows of it.

        Raises:
            UsageError: There is no gateway of that name.
        """
        from cellctl.run import serving

        (found,) = serving.status(self.home, self.name)
        return found

    def probe(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Judged:
        """Try every gate and record what was found; it changes neither service nor cells.

        Raises:
            UsageError: There is no such gateway on a reef.
            Locked: Its reef is being changed.
        """
        from cellctl.run import serving

        return serving.probe(
            self.home, self.name, options=options or RunOptions(), on_event=on_event, interrupter=interrupter
        )

    def into_service(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> bool:
        """Try every gate and bring it into service; tell whether it was out of service before.

        Raises:
            GuardError: A gate is shut (`gate_shut`), or it is not complete (`registry_state`).
        """
        from cellctl.run import serving

        return serving.into_service(
            self.home, self.name, options=options or RunOptions(), on_event=on_event, interrupter=interrupter
        )

    def cordon(self, *, on: bool = True) -> str:
        """Let it take no new cells, or take them again; return its state."""
        from cellctl.run import serving

        return serving.cordon(self.home, self.name, on=on)

    def scrub(
        self,
        share: str,
        *,
        ask: AskScrub,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Result:
        """Delete all that a share holds whose cell is gone, and let a cell have it again.

        `ask` is told what would be deleted; its no changes nothing.

        Raises:
            GuardError: The share is not quarantined (`not_quarantined`), or its bucket cannot be emptied (`not_empty`).
        """
        from cellctl.run import scrubbing

        return scrubbing.scrub(
            self.home, self.name, share, ask, options=options or RunOptions(), on_event=on_event,
            interrupter=interrupter,
        )  # fmt: skip


def gateways(home: Home) -> Sequence[Found]:
    """Return what the registry knows of every gateway of a home, those of reefs first."""
    from cellctl.run import serving

    return serving.status(home)
