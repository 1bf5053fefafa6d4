"""A cell as a handle: preview, up, down, refresh, outputs, status. Every method is a few lines over `cellctl.run`.

    from cellctl import Cell, Home

    home = Home.find()
    cell = Cell.open("acme", home=home)
    plan = cell.preview()
    outcome = cell.up(ask=lambda plan, objections: not objections)

Nothing here prints, prompts or reads the environment: progress goes to `on_event`, the one question to `ask`, and
stopping comes from an `Interrupter`. Every method raises the errors of `cellctl.errors` only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.errors import UsageError
from cellctl.run.options import Ask, Interrupter, OnEvent, RunOptions, ignore_event

if TYPE_CHECKING:
    from cellctl.drift import DriftReport
    from cellctl.errors import CellctlError
    from cellctl.home import Home
    from cellctl.plan import Outcome, Plan
    from cellctl.run.explaining import Explained
    from cellctl.run.status import CellStatus
    from cellctl.spec import CellSpec
    from cellctl.state.values import Value


class Cell:
    """One cell: its validated spec, and the home it lives in.

    `spec` is None for a cell whose file is gone; such a cell can be looked at and taken down, not brought up.
    """

    def __init__(self, spec: CellSpec | None, *, home: Home, name: str = "") -> None:
        self.spec = spec
        self.home = home
        self.name = spec.metadata.name if spec is not None else name

    @classmethod
    def open(cls, cell: str | Path, *, home: Home) -> Cell:
        """Return the cell of a file or of a name in `home`; a name without a file but with a stack is opened too.

        Raises:
            SpecError: The file is wrong; every problem is listed.
            UsageError: There is neither a file nor a stack of that name.
        """
        from cellctl.run import finding

        name, spec = finding.find(cell, home)
        return cls(spec, home=home, name=name)

    def preview(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Plan:
        """Return what `up` would do; changes nothing and writes no state.

        A failed preview is a Plan with `errored`; its diagnostics say why.

        Raises:
            GuardError: A stateful object is gone from the cloud (code `stateful_gone`).
            UsageError: The engine is missing, or the account is unknown.
            Interrupted: `interrupter` was used.
            EngineError: The engine itself failed.
        """
        from cellctl.run import preview

        return preview.preview(
            self.home, self._written(), options=options or RunOptions(), on_event=on_event, interrupter=interrupter
        )

    def up(
        self,
        *,
        ask: Ask,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Outcome:
        """Bring the cell to what its file says, and verify it.

        Order: lease, repair of what a crash left, Read of stateful resources, preview, PlanReady event, guards,
        `ask(plan, objections)`, up, verify, run record. `ask` is called once, only where something would change; with
        objections its answer does not matter and GuardError follows. What `ask` raises passes through with nothing
        changed.

        Returns:
            Outcome with `result`: `succeeded`; `nothing` (up to date, or `ask` said no); `failed` (with `failures`);
            `interrupted` (with `remaining`, the number of changes not yet made). A process that dies or a deadline
            that passes in the middle is `failed` too (codes `operation_died`, `deadline`), with what was done.

        Raises:
            Locked: Somebody else changes this cell now.
            GuardError: Refused; `objections` say why and which flag would allow each.
            UsageError, EngineError: As in `preview`. A plan with `errored` ends in Outcome `failed`, not in a raise.
        """
        from cellctl.run import up

        return up.up(
            self.home, self._written(), ask, options=options or RunOptions(), on_event=on_event, interrupter=interrupter
        )

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
        """Remove the cell; works without its file.

        Without a flag a cell with stateful resources is refused (GuardError lists them). `keep_data` destroys the
        rest; the stack stays and `up` completes the cell again. `delete_data` takes protection off with an `up` that
        does nothing else, destroys, counts what is left and raises the incarnation. `ask` gets a Plan with
        `operation` `down`.

        Raises:
            Locked, GuardError, UsageError, EngineError: As in `up`; UsageError also where there is no stack.
        """
        from cellctl.run import down

        data = down.DataChoice.of(keep=keep_data, delete=delete_data)
        return down.down(
            self.home, self.name, data, ask, options=options or RunOptions(), on_event=on_event, interrupter=interrupter
        )

    def refresh(
        self,
        *,
        ask: Ask,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Outcome:
        """Read every resource and record in the state how it is; changes no cloud object.

        `ask` gets a Plan with `operation` `refresh`: what differs from the state. A gone stateful object is refused
        unless `options.forget` names it.
        """
        from cellctl.run import refresh

        return refresh.refresh(
            self.home, self.name, ask, options=options or RunOptions(), on_event=on_event, interrupter=interrupter
        )

    def drift(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> DriftReport:
        """Return how the cloud differs from the state, and by whose doing; changes nothing and takes no lease.

        What nobody did by hand is told by `cellctl.facts.automation` and by the rules of `cellctl.yaml`.

        Raises:
            UsageError: There is no stack of this name (code `no_stack`).
            EngineError, Interrupted: As in `preview`.
        """
        from cellctl.run import drift

        return drift.drift(
            self.home, self.name, options=options or RunOptions(), on_event=on_event, interrupter=interrupter
        )

    def outputs(self, *, options: RunOptions | None = None, show_secrets: bool = False) -> Mapping[str, Value]:
        """Return the stack's outputs, without an engine: secrets read `[secret]` unless `show_secrets`.

        A state that is not in a folder is asked of the CLI on the PATH of `options.environment`.

        Raises:
            UsageError: There is no stack of this name (code `no_stack`).
        """
        from cellctl.run import status

        return status.outputs(self.home, self.name, options=options, show_secrets=show_secrets)

    def status(self, *, options: RunOptions | None = None) -> CellStatus:
        """Return what is known of the cell without asking the cloud: state (see `outputs`), lease, last run."""
        from cellctl.run import status

        return status.status(self.home, self.name, self.spec, options=options)

    def explain(self, resource: str, *, options: RunOptions | None = None) -> Explained:
        """Return what is known of one resource, by URN or name, from the state and the facts; asks no cloud.

        Raises:
            UsageError: There is none (code `no_resource`), or several have that name (code `which_resource`).
        """
        from cellctl.run import explaining

        return explaining.explain(self.home, resource, options=options or RunOptions(), cells=[self.name])

    def _written(self) -> CellSpec:
        """Return the spec, or say that the file is gone."""
        if self.spec is None:
            raise UsageError(f"the file of cell '{self.name}' is gone", hint=f"cells/{self.name}.yaml is needed")
        return self.spec


def cells(home: Home, *, options: RunOptions | None = None) -> list[CellStatus]:
    """Return the status of every cell of a home that has a file or a stack, by name."""
    from cellctl.run import status

    return status.cells(home, options=options)


def preview_all(
    home: Home,
    names: Iterable[str | CellSpec] | None = None,
    *,
    options: RunOptions | None = None,
    on_event: OnEvent = ignore_event,
    interrupter: Interrupter | None = None,
) -> Iterator[tuple[str, Plan | CellctlError]]:
    """Yield each cell's name with what its `preview` returns, or with the error that it raises.

    One after another, in the order of `names` (without: every cell file of the home); a spec stands for its cell as it
    would be with that file. Sandbox cells share one warm process, which is several times cheaper than one for each;
    cells of real accounts get a process each. A broken cell never stops the others. Consume the iterator in one thread;
    closing it early ends the process.

    Raises:
        Interrupted: `interrupter` was used; what was yielded before stands.
    """
    from cellctl.run import preview_all as all_

    chosen = home.cell_names() if names is None else names
    return all_.preview_all(home, chosen, options=options or RunOptions(), on_event=on_event, interrupter=interrupter)


def drift_all(
    home: Home,
    names: Iterable[str] | None = None,
    *,
    options: RunOptions | None = None,
    on_event: OnEvent = ignore_event,
    interrupter: Interrupter | None = None,
) -> Iterator[tuple[str, DriftReport | CellctlError]]:
    """Yield each cell's name with what its `drift` returns, or with the error that it raises.

    One after another, in the order of `names` (without: every stack of the home), as `preview_all` does. What several
    cells have alike: `cellctl.drift.clusters`.

    Raises:
        Interrupted: `interrupter` was used; what was yielded before stands.
    """
    from cellctl.run import drift

    chosen = home.stack_names() if names is None else names
    return drift.drift_all(home, chosen, options=options or RunOptions(), on_event=on_event, interrupter=interrupter)
