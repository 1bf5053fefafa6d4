"""A reef as a handle: up, down, status, expand, cordon. Every method is a few lines over `cellctl.run`.

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

from cellctl.errors import UsageError
from cellctl.run.options import Ask, Interrupter, OnEvent, RunOptions, ignore_event

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.plan import Outcome, Plan
    from cellctl.run.reefs import ReefStatus
    from cellctl.spec.reef import ReefSpec


class Reef:
    """One reef: its validated spec, and the home it lives in. `spec` is None where its file is gone."""

    def __init__(self, spec: ReefSpec | None, *, home: Home, name: str = "", file: Path | None = None) -> None:
        self.spec = spec
        self.home = home
        self.name = spec.metadata.name if spec is not None else name
        self.file = file

    @classmethod
    def open(cls, reef: str, *, home: Home) -> Reef:
        """Return the reef of a file or of a name in `home`.

        Raises:
            SpecError: The file is wrong; every problem is listed.
            UsageError: There is neither a file nor a stack of that name.
        """
        from cellctl.home.reefs import find_reef

        found = find_reef(home, reef, command="status")
        return cls(found.spec, home=home, name=found.name, file=found.file)

    def preview(self, *, options: RunOptions | None = None, on_event: OnEvent = ignore_event) -> Plan:
        """Return what `up` would do; errors as `Cell.preview`."""
        from cellctl.run import preview

        spec, options = self._written(), options or RunOptions()
        return preview.preview(self.home, spec, options=options, on_event=on_event, interrupter=None)

    def up(
        self,
        *,
        ask: Ask,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Outcome:
        """Bring the reef to what its file says, and register what it has. Arguments and errors: `Cell.up`."""
        from cellctl.run import up

        return up.up(
            self.home, self._written(), ask, options=options or RunOptions(), on_event=on_event, interrupter=interrupter
        )

    def expand(
        self,
        *,
        ask: Ask,
        gateways: int = 0,
        hosts: int = 0,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Outcome:
        """Add gateways or hosts: the file says so from the moment that the plan is accepted.

        Raises:
            UsageError: The file cannot be changed without touching the rest of it (code `write_it`).
        """
        from cellctl.run import reefs, up

        grown = reefs.grown(self._written(), self.file, gateways=gateways, hosts=hosts)
        return up.up(
            self.home, grown.spec, grown.asking(ask), options=options or RunOptions(), on_event=on_event,
            interrupter=interrupter,
        )  # fmt: skip

    def down(
        self,
        *,
        ask: Ask,
        keep_data: bool = False,
        delete_data: bool = False,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Outcome:
        """Take the reef away. Arguments and errors: `Cell.down`; refused while cells have a place on it."""
        from cellctl.run import down

        data = down.DataChoice.of(keep=keep_data, delete=delete_data)
        return down.down(
            self.home, f"reef/{self.name}", data, ask, options=options or RunOptions(), on_event=on_event,
            interrupter=interrupter,
        )  # fmt: skip

    def status(self) -> ReefStatus:
        """Return what the registry knows of it: capacity, what is free, which quotas remain."""
        from cellctl.run import reefs

        return reefs.status(self.home, self.name)

    def cordon(self, part: str = "", *, on: bool = True) -> str:
        """Let the reef, or its host or gateway `part`, take no new cells, or take them again; return its state."""
        from cellctl.run import reefs

        return reefs.cordon(self.home, self.name, part, on=on)

    def _written(self) -> ReefSpec:
        if self.spec is None:
            raise UsageError(f"the file of reef '{self.name}' is gone", hint=f"reefs/{self.name}.yaml is needed")
        return self.spec


def reefs(home: Home) -> Sequence[ReefStatus]:
    """Return the status of every reef of a home that has a file or a stack, by name."""
    from cellctl.run import reefs as all_

    return [all_.status(home, name) for name in home.reef_names()]
