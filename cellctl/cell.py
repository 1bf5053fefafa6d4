"""A cell as a handle that blocks: `cellctl.AsyncCell`, each call performed on the thread that makes it.

    from cellctl import Cell, Home

    home = Home.find()
    cell = Cell.open("acme", home=home)
    plan = cell.preview()
    outcome = cell.up(plan)                       # or cell.up(ask=lambda plan, objections: not objections)

There is nothing here but that adapter: what a method does, returns and raises stands in `cellctl.async_cell`. Progress
goes to `on_event`, the one question to `ask`, stopping comes from an `Interrupter`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl import async_cell
from cellctl.async_cell import AsyncCell
from cellctl.removal import Removable
from cellctl.run.options import Ask, Interrupter, OnEvent, RunOptions, ignore_event

if TYPE_CHECKING:
    from cellctl.alarms import AlarmStatus
    from cellctl.approval import Approval
    from cellctl.drift import DriftReport
    from cellctl.errors import CellctlError
    from cellctl.home import Home
    from cellctl.plan import Outcome, Plan
    from cellctl.run.explaining import Explained
    from cellctl.run.status import CellStatus
    from cellctl.spec import CellSpec
    from cellctl.spec.reef import ReefSpec
    from cellctl.state.values import Value


class Cell(Removable):
    """One cell: its validated spec, and the home it lives in; without one the home is found as `Home.find` does.

    `spec` is None for a cell whose file is gone; such a cell can be looked at and taken down, not brought up.
    """

    def __init__(self, spec: CellSpec | None, *, home: Home | None = None, name: str = "") -> None:
        self._cell = self._removal = AsyncCell(spec, home=home, name=name)
        self.spec, self.home, self.name = self._cell.spec, self._cell.home, self._cell.name

    @classmethod
    def open(cls, cell: str | Path, *, home: Home) -> Cell:
        """Return the cell of a file or of a name in `home`, as `AsyncCell.open`."""
        found = AsyncCell.open(cell, home=home)
        return cls(found.spec, home=home, name=found.name)

    def preview(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Plan:
        """Return what `up` would do; changes nothing and writes no state. As `AsyncCell.preview`."""
        return self._cell.preview(options=options, on_event=on_event, interrupter=interrupter).here()

    def up(
        self,
        plan: Plan | Approval | None = None,
        *,
        ask: Ask | None = None,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Outcome:
        """Bring the cell to what its file says, and verify it, with `plan` only if nothing moved. As `AsyncCell.up`."""
        return self._cell.up(plan, ask=ask, options=options, on_event=on_event, interrupter=interrupter).here()

    def import_objects(
        self,
        objects: Mapping[str, str],
        *,
        ask: Ask,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Outcome:
        """Take objects over that are there, and bring the cell up around them. As `AsyncCell.import_objects`."""
        return self._cell.import_objects(
            objects, ask=ask, options=options, on_event=on_event, interrupter=interrupter
        ).here()

    def refresh(
        self,
        *,
        ask: Ask,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Outcome:
        """Read every resource and record in the state how it is; changes no cloud object. As `AsyncCell.refresh`."""
        return self._cell.refresh(ask=ask, options=options, on_event=on_event, interrupter=interrupter).here()

    def drift(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> DriftReport:
        """Return how the cloud differs from the state, and by whose doing; changes nothing. As `AsyncCell.drift`."""
        return self._cell.drift(options=options, on_event=on_event, interrupter=interrupter).here()

    def alarms(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> tuple[AlarmStatus, ...]:
        """Return the cell's alarms, and how they stand; changes nothing. As `AsyncCell.alarms`."""
        return self._cell.alarms(options=options, on_event=on_event, interrupter=interrupter).here()

    def outputs(
        self,
        *,
        options: RunOptions | None = None,
        show_secrets: bool = False,
    ) -> Mapping[str, Value]:
        """Return the stack's outputs, without an engine; secrets read `[secret]`. As `AsyncCell.outputs`."""
        return self._cell.outputs(options=options, show_secrets=show_secrets).here()

    def status(
        self,
        *,
        options: RunOptions | None = None,
    ) -> CellStatus:
        """Return what is known of the cell without asking the cloud. As `AsyncCell.status`."""
        return self._cell.status(options=options).here()

    def explain(
        self,
        resource: str,
        *,
        options: RunOptions | None = None,
    ) -> Explained:
        """Return what is known of one resource, by URN or name. As `AsyncCell.explain`."""
        return self._cell.explain(resource, options=options).here()


def cells(home: Home, *, options: RunOptions | None = None) -> list[CellStatus]:
    """Return the status of every cell of a home that has a file or a stack. As `cellctl.async_cell.cells`."""
    return async_cell.cells(home, options=options).here()


def preview_all(
    home: Home,
    names: Iterable[str | CellSpec | ReefSpec] | None = None,
    *,
    options: RunOptions | None = None,
    on_event: OnEvent = ignore_event,
    interrupter: Interrupter | None = None,
) -> Iterator[tuple[str, Plan | CellctlError]]:
    """Yield each cell's name with its Plan or its error. As `cellctl.async_cell.preview_all`."""
    return async_cell.preview_all(
        home, names, options=options, on_event=on_event, interrupter=interrupter
    ).here()  # fmt: skip


def drift_all(
    home: Home,
    names: Iterable[str] | None = None,
    *,
    options: RunOptions | None = None,
    on_event: OnEvent = ignore_event,
    interrupter: Interrupter | None = None,
) -> Iterator[tuple[str, DriftReport | CellctlError]]:
    """Yield each cell's name with its DriftReport or its error. As `cellctl.async_cell.drift_all`."""
    return async_cell.drift_all(home, names, options=options, on_event=on_event, interrupter=interrupter).here()
