"""A reef as a handle whose methods are awaited: preview, up, expand, down, status, cordon.

    from cellctl.async_reef import AsyncReef

    reef = AsyncReef.open("r1", home=Home.find())
    outcome = await reef.up(ask=ask)

Each method returns a `Running`, as those of `AsyncCell` do, and with the same rules; `cellctl.reef.Reef` is the same
for callers that block. Its name in plans, leases and records is `reef/NAME`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.async_removal import AsyncRemovable
from cellctl.errors import UsageError
from cellctl.run.options import Interrupter, OnEvent, RunOptions, ignore_event
from cellctl.running import AnyAsk, Line, Running, approved

if TYPE_CHECKING:
    from cellctl.alarms import AlarmStatus
    from cellctl.approval import Approval
    from cellctl.home import Home
    from cellctl.plan import Outcome, Plan
    from cellctl.run.reefs import ReefStatus
    from cellctl.spec.reef import ReefSpec


class AsyncReef(AsyncRemovable):
    """One reef: its validated spec, and the home it lives in. `spec` is None where its file is gone."""

    def __init__(self, spec: ReefSpec | None, *, home: Home, name: str = "", file: Path | None = None) -> None:
        self.spec = spec
        self.home = home
        self.name = spec.metadata.name if spec is not None else name
        self.file = file

    @property
    def title(self) -> str:
        """Its name in plans, leases and records."""
        return f"reef/{self.name}"

    @classmethod
    def open(cls, reef: str, *, home: Home) -> AsyncReef:
        """Return the reef of a file or of a name in `home`.

        Raises:
            SpecError: The file is wrong; every problem is listed.
            UsageError: There is neither a file nor a stack of that name.
        """
        from cellctl.home.reefs import find_reef

        found = find_reef(home, reef, command="status")
        return cls(found.spec, home=home, name=found.name, file=found.file)

    def preview(
        self,
        *,
        gateways: int = 0,
        hosts: int = 0,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[Plan]:
        """Return what `up` would do, or `expand` with so many more of these; errors as `AsyncCell.preview`."""

        def work(line: Line) -> Plan:
            from cellctl.run import preview, reefs

            spec = self._written()
            if gateways or hosts:
                spec = reefs.grown(spec, self.file, gateways=gateways, hosts=hosts).spec
            return preview.preview(
                self.home, spec, options=line.options, on_event=line.on_event, interrupter=line.interrupter
            )

        words = ("preview", self.title)
        return Running(work, words=words, options=options, on_event=on_event, interrupter=interrupter)

    def up(
        self,
        plan: Plan | Approval | None = None,
        *,
        ask: AnyAsk | None = None,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[Outcome]:
        """Bring the reef to what its file says, and register what it has. Arguments and errors: `AsyncCell.up`."""
        chosen = approved(plan, ask, options)

        def work(line: Line) -> Outcome:
            from cellctl.run import up

            return up.up(
                self.home, self._written(), line.ask, options=line.options, on_event=line.on_event,
                interrupter=line.interrupter,
            )  # fmt: skip

        words = ("up", self.title)
        return Running(work, words=words, options=chosen, on_event=on_event, ask=ask, interrupter=interrupter)

    def expand(
        self,
        plan: Plan | Approval | None = None,
        *,
        ask: AnyAsk | None = None,
        gateways: int = 0,
        hosts: int = 0,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[Outcome]:
        """Add gateways or hosts: the file says so from the moment that the plan is accepted.

        Raises:
            UsageError: The file cannot be changed without touching the rest of it (code `write_it`).
        """
        chosen = approved(plan, ask, options, call="expand")

        def work(line: Line) -> Outcome:
            from cellctl.run import reefs, up

            grown = reefs.grown(self._written(), self.file, gateways=gateways, hosts=hosts)
            return up.up(
                self.home, grown.spec, grown.asking(line.ask), options=line.options, on_event=line.on_event,
                interrupter=line.interrupter,
            )  # fmt: skip

        words = ("up", self.title)
        return Running(work, words=words, options=chosen, on_event=on_event, ask=ask, interrupter=interrupter)

    def status(self) -> Running[ReefStatus]:
        """Return what the registry knows of it: capacity, what is free, which quotas remain."""

        def work(_line: Line) -> ReefStatus:
            from cellctl.run import reefs

            return reefs.status(self.home, self.name)

        return Running(work, words=("status", self.title))

    def alarms(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[tuple[AlarmStatus, ...]]:
        """Return the reef's alarms, and how they stand. As `cellctl.AsyncCell.alarms`."""

        def work(line: Line) -> tuple[AlarmStatus, ...]:
            from cellctl.run import alarms

            return alarms.alarms(
                self.home, self.title, options=line.options, on_event=line.on_event, interrupter=line.interrupter
            )

        words = ("alarms", self.title)
        return Running(work, words=words, options=options, on_event=on_event, interrupter=interrupter)

    def cordon(self, part: str = "", *, on: bool = True) -> Running[str]:
        """Let the reef, or its host or gateway `part`, take no new cells, or take them again; return its state."""

        def work(_line: Line) -> str:
            from cellctl.run import reefs

            return reefs.cordon(self.home, self.name, part, on=on)

        return Running(work, words=("cordon", self.title))

    def _written(self) -> ReefSpec:
        if self.spec is None:
            raise UsageError(f"the file of reef '{self.name}' is gone", hint=f"reefs/{self.name}.yaml is needed")
        return self.spec


def reefs(home: Home) -> Running[Sequence[ReefStatus]]:
    """Return the status of every reef of a home that has a file or a stack, by name."""

    def work(_line: Line) -> Sequence[ReefStatus]:
        from cellctl.run import reefs as all_

        return [all_.status(home, name) for name in home.reef_names()]

    return Running(work, words=("status", ""))
