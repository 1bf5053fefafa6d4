"""A gateway as a handle that blocks: `cellctl.async_gateway.AsyncGateway`, each call performed on the calling thread.

    from cellctl.gateway import Gateway

    gateway = Gateway("reef-r1-g1", home=Home.find())
    gateway.probe().shut        # the gates that do not hold
    gateway.into_service()      # refused (GuardError) unless all hold

Nothing here prints, prompts or reads the environment, as in `cellctl.cell`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cellctl import async_gateway
from cellctl.async_gateway import AsyncGateway
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
        self._gateway = AsyncGateway(name, home=home)
        self.name, self.home = name, home

    def status(self) -> Found:
        """Return what the registry knows of it. As `AsyncGateway.status`."""
        return self._gateway.status().here()

    def probe(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Judged:
        """Try every gate and record what was found. As `AsyncGateway.probe`."""
        return self._gateway.probe(options=options, on_event=on_event, interrupter=interrupter).here()

    def into_service(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> bool:
        """Try every gate and bring it into service. As `AsyncGateway.into_service`."""
        return self._gateway.into_service(options=options, on_event=on_event, interrupter=interrupter).here()

    def cordon(self, *, on: bool = True) -> str:
        """Let it take no new cells, or take them again; return its state."""
        return self._gateway.cordon(on=on).here()

    def scrub(
        self,
        share: str,
        *,
        ask: AskScrub,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Result:
        """Delete all that a share holds whose cell is gone. As `AsyncGateway.scrub`."""
        return self._gateway.scrub(
            share, ask=ask, options=options, on_event=on_event, interrupter=interrupter
        ).here()  # fmt: skip


def gateways(home: Home) -> Sequence[Found]:
    """Return what the registry knows of every gateway of a home. As `cellctl.async_gateway.gateways`."""
    return async_gateway.gateways(home).here()
