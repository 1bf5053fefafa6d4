"""A reef as a handle that blocks: `cellctl.async_reef.AsyncReef`, each call performed on the thread that makes it.

    from cellctl.reef import Reef

    reef = Reef.open("r1", home=Home.find())
    outcome = reef.up(ask=lambda plan, objections: not objections)
    reef.status().free      # cells that still fit, and `binding`: what runs out first

Nothing here prints, prompts or reads the environment, as in `cellctl.cell`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl import async_reef
from cellctl.async_reef import AsyncReef
from cellctl.removal import Removable
from cellctl.run.options import Ask, Interrupter, OnEvent, RunOptions, ignore_event

if TYPE_CHECKING:
    from cellctl.alarms import AlarmStatus
    from cellctl.approval import Approval
    from cellctl.home import Home
    from cellctl.plan import Outcome, Plan
    from cellctl.run.reefs import ReefStatus
    from cellctl.spec.reef import ReefSpec


class Reef(Removable):
    """One reef: its validated spec, and the home it lives in. `spec` is None where its file is gone."""

    def __init__(self, spec: ReefSpec | None, *, home: Home, name: str = "", file: Path | None = None) -> None:
        self._reef = self._removal = AsyncReef(spec, home=home, name=name, file=file)
        self.spec, self.home, self.name, self.file = spec, home, self._reef.name, file

    @classmethod
    def open(cls, reef: str, *, home: Home) -> Reef:
        """Return the reef of a file or of a name in `home`, as `AsyncReef.open`."""
        found = AsyncReef.open(reef, home=home)
        return cls(found.spec, home=home, name=found.name, file=found.file)

    def preview(
        self,
        *,
        gateways: int = 0,
        hosts: int = 0,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Plan:
        """Return what `up` or `expand` would do; changes nothing. As `AsyncReef.preview`."""
        return self._reef.preview(
            gateways=gateways, hosts=hosts, options=options, on_event=on_event, interrupter=interrupter
        ).here()

    def up(
        self,
        plan: Plan | Approval | None = None,
        *,
        ask: Ask | None = None,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Outcome:
        """Bring the reef to what its file says, and register what it has. As `AsyncReef.up`."""
        return self._reef.up(
            plan,
            ask=ask,
            options=options,
            on_event=on_event,
            interrupter=interrupter,
        ).here()

    def expand(
        self,
        plan: Plan | Approval | None = None,
        *,
        ask: Ask | None = None,
        gateways: int = 0,
        hosts: int = 0,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Outcome:
        """Add gateways or hosts: the file says so once the plan is accepted. As `AsyncReef.expand`."""
        return self._reef.expand(
            plan, ask=ask, gateways=gateways, hosts=hosts, options=options, on_event=on_event, interrupter=interrupter
        ).here()

    def status(self) -> ReefStatus:
        """Return what the registry knows of it. As `AsyncReef.status`."""
        return self._reef.status().here()

    def alarms(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> tuple[AlarmStatus, ...]:
        """Return the reef's alarms, and how they stand. As `AsyncReef.alarms`."""
        return self._reef.alarms(options=options, on_event=on_event, interrupter=interrupter).here()

    def cordon(self, part: str = "", *, on: bool = True) -> str:
        """Let the reef, or a part of it, take no new cells, or take them again. As `AsyncReef.cordon`."""
        return self._reef.cordon(
            part,
            on=on,
        ).here()


def reefs(home: Home) -> Sequence[ReefStatus]:
    """Return the status of every reef of a home that has a file or a stack. As `cellctl.async_reef.reefs`."""
    return async_reef.reefs(home).here()
