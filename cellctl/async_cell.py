"""A cell as a handle whose methods are awaited: preview, up, down, refresh, drift, outputs, status, explain.

    from cellctl import AsyncCell, Home

    cell = AsyncCell.open("acme", home=Home.find())
    plan = await cell.preview()
    running = cell.up(plan)
    async for event in running:
        show(event)
    outcome = await running

Each method returns a `Running` and begins nothing: await it, iterate over it, cancel the task that does. Nothing here
prints, prompts, changes directory or touches the environment; any number of cells run at once in one process. What is
raised is of `cellctl.errors` (its exit codes: docs/reference/exit-codes.md), or CancelledError. `cellctl.Cell` is the
same for callers that block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.async_removal import AsyncRemovable
from cellctl.errors import UsageError
from cellctl.run.options import Interrupter, OnEvent, RunOptions, ignore_event
from cellctl.running import AnyAsk, Line, Running, Several, approved

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


class AsyncCell(AsyncRemovable):
    """One cell: its validated spec, and the home it lives in; without one the home is found as `Home.find` does.

    `spec` is None for a cell whose file is gone; such a cell can be looked at and taken down, not brought up. `ask`,
    and the hooks of `RunOptions`, may be coroutine functions: they and `on_event` are called on the loop.
    """

    def __init__(self, spec: CellSpec | None, *, home: Home | None = None, name: str = "") -> None:
        from cellctl.home import Home

        self.spec = spec
        self.home = home or Home.find()
        self.name = spec.metadata.name if spec is not None else name

    @property
    def title(self) -> str:
        """Its name in plans, leases and records."""
        return self.name

    @classmethod
    def open(cls, cell: str | Path, *, home: Home) -> AsyncCell:
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
    ) -> Running[Plan]:
        """Return what `up` would do; changes nothing and writes no state.

        A failed preview is a Plan with `errored`; its diagnostics say why.

        Raises:
            GuardError: A stateful object is gone from the cloud (code `stateful_gone`).
            UsageError: The engine is missing, or the account is unknown.
            Interrupted: `interrupter` was used.
            EngineError: The engine itself failed.
        """

        def work(line: Line) -> Plan:
            from cellctl.run import preview

            return preview.preview(
                self.home, self._written(), options=line.options, on_event=line.on_event, interrupter=line.interrupter
            )

        words = ("preview", self.name)
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
        """Bring the cell to what its file says, and verify it.

        Order: lease, repair of what a crash left, Read of stateful resources, preview, PlanReady event, guards,
        `ask(plan, objections)`, up, verify, run record. With `plan` that preview must be what was approved, as with
        `cellctl up --plan`; a Plan does not expire, an Approval does. `ask` is called once, only where something would
        change; with objections its answer does not matter and GuardError follows. What `ask` raises passes through with
        nothing changed. One of `plan` and `ask` is needed.

        Returns:
            Outcome with `result`: `succeeded`; `nothing` (up to date, or `ask` said no); `failed` (with `failures`);
            `interrupted` (with `remaining`, the number of changes not yet made). A process that dies or a deadline
            that passes in the middle is `failed` too (codes `operation_died`, `deadline`), with what was done.

        Raises:
            Locked: Somebody else changes this cell now.
            StaleApproval: What was approved is not what would happen now; `differences` say what moved.
            GuardError: Refused; `objections` say why and which flag would allow each.
            UsageError, EngineError: As in `preview`. A plan with `errored` ends in Outcome `failed`, not in a raise.
        """
        chosen = approved(plan, ask, options)

        def work(line: Line) -> Outcome:
            from cellctl.run import up

            return up.up(
                self.home, self._written(), line.ask, options=line.options, on_event=line.on_event,
                interrupter=line.interrupter,
            )  # fmt: skip

        words = ("up", self.name)
        return Running(work, words=words, options=chosen, on_event=on_event, ask=ask, interrupter=interrupter)

    def import_objects(
        self,
        objects: Mapping[str, str],
        *,
        ask: AnyAsk,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[Outcome]:
        """Take objects over that are there, and bring the cell up around them.

        `objects`: ids by kind (`database`, `gateway`, …: `cellctl.facts.imports`) or by URN. As `up` otherwise; the
        plan's changes of these have action `import`, and `diff` is what would be changed of them in place.

        Raises:
            UsageError: A kind or URN that is none; an object that is not there (code `import_missing`).
            GuardError: One would be replaced (code `import_replaces`), is not of this cell (`import_unknown`), or is in
                its stack already (`import_known`); and as `up`.
        """

        def work(line: Line) -> Outcome:
            from cellctl.run import importing

            return importing.import_objects(
                self.home, self._written(), objects, line.ask, options=line.options, on_event=line.on_event,
                interrupter=line.interrupter,
            )  # fmt: skip

        words = ("import", self.name)
        return Running(work, words=words, options=options, on_event=on_event, ask=ask, interrupter=interrupter)

    def refresh(
        self,
        *,
        ask: AnyAsk,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[Outcome]:
        """Read every resource and record in the state how it is; changes no cloud object.

        `ask` gets a Plan with `operation` `refresh`: what differs from the state. A gone stateful object is refused
        unless `options.forget` names it.
        """

        def work(line: Line) -> Outcome:
            from cellctl.run import refresh

            return refresh.refresh(
                self.home, self.name, line.ask, options=line.options, on_event=line.on_event,
                interrupter=line.interrupter,
            )  # fmt: skip

        words = ("refresh", self.name)
        return Running(work, words=words, options=options, on_event=on_event, ask=ask, interrupter=interrupter)

    def drift(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[DriftReport]:
        """Return how the cloud differs from the state, and by whose doing; changes nothing and takes no lease.

        What nobody did by hand is told by `cellctl.facts.automation` and by the rules of `cellctl.yaml`.

        Raises:
            UsageError: There is no stack of this name (code `no_stack`).
            EngineError, Interrupted: As in `preview`.
        """

        def work(line: Line) -> DriftReport:
            from cellctl.run import drift

            return drift.drift(
                self.home, self.name, options=line.options, on_event=line.on_event, interrupter=line.interrupter
            )

        words = ("drift", self.name)
        return Running(work, words=words, options=options, on_event=on_event, interrupter=interrupter)

    def alarms(
        self,
        *,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[tuple[AlarmStatus, ...]]:
        """Return the cell's alarms, and how they stand; changes nothing and takes no lease.

        A real account on AWS is asked as the role that looks. In the sandbox what publishes metrics of the cell's own
        runs once, now; of the services' metrics nothing is known there, nor of alarms on Azure.

        Raises:
            UsageError: There is no stack of this name (code `no_stack`).
            EngineError: The account does not answer (code `alarms_unseen`), and as in `preview`.
        """

        def work(line: Line) -> tuple[AlarmStatus, ...]:
            from cellctl.run import alarms

            return alarms.alarms(
                self.home, self.name, options=line.options, on_event=line.on_event, interrupter=line.interrupter
            )

        words = ("alarms", self.name)
        return Running(work, words=words, options=options, on_event=on_event, interrupter=interrupter)

    def outputs(self, *, options: RunOptions | None = None, show_secrets: bool = False) -> Running[Mapping[str, Value]]:
        """Return the stack's outputs, without an engine: secrets read `[secret]` unless `show_secrets`.

        A state that is not in a folder is asked of the CLI on the PATH of `options.environment`.

        Raises:
            UsageError: There is no stack of this name (code `no_stack`).
        """

        def work(line: Line) -> Mapping[str, Value]:
            from cellctl.run import status

            return status.outputs(self.home, self.name, options=line.options, show_secrets=show_secrets)

        return Running(work, words=("outputs", self.name), options=options)

    def status(self, *, options: RunOptions | None = None) -> Running[CellStatus]:
        """Return what is known of the cell without asking the cloud: state (see `outputs`), lease, last run."""

        def work(line: Line) -> CellStatus:
            from cellctl.run import status

            return status.status(self.home, self.name, self.spec, options=line.options)

        return Running(work, words=("status", self.name), options=options)

    def explain(self, resource: str, *, options: RunOptions | None = None) -> Running[Explained]:
        """Return what is known of one resource, by URN or name, from the state and the facts; asks no cloud.

        Raises:
            UsageError: There is none (code `no_resource`), or several have that name (code `which_resource`).
        """

        def work(line: Line) -> Explained:
            from cellctl.run import explaining

            return explaining.explain(self.home, resource, options=line.options, cells=[self.name])

        return Running(work, words=("explain", self.name), options=options)

    def _written(self) -> CellSpec:
        """Return the spec, or say that the file is gone."""
        if self.spec is None:
            raise UsageError(f"the file of cell '{self.name}' is gone", hint=f"cells/{self.name}.yaml is needed")
        return self.spec


def cells(home: Home, *, options: RunOptions | None = None) -> Running[list[CellStatus]]:
    """Return the status of every cell of a home that has a file or a stack, by name."""

    def work(line: Line) -> list[CellStatus]:
        from cellctl.run import status

        return status.cells(home, options=line.options)

    return Running(work, words=("status", ""), options=options)


def preview_all(
    home: Home,
    names: Iterable[str | CellSpec | ReefSpec] | None = None,
    *,
    options: RunOptions | None = None,
    on_event: OnEvent = ignore_event,
    interrupter: Interrupter | None = None,
) -> Several[Plan]:
    """Yield each cell's name with what its `preview` returns, or with the error that it raises.

    In the order of `names` (without: every cell file of the home); a spec stands for its cell or reef as it would be
    with that file. For sandbox cells there is one warm process for each core, which is several times cheaper than
    one for each cell; cells of real accounts get a process each. At most `options.at_once` are looked at side by side.
    A broken cell never stops the others. Consume the iterator in one thread; closing it early ends the processes.

    Raises:
        Interrupted: `interrupter` was used; what was yielded before stands.
    """

    def work(line: Line) -> Iterator[tuple[str, Plan | CellctlError]]:
        from cellctl.run import preview_all as all_

        chosen = home.cell_names() if names is None else names
        return all_.preview_all(
            home, chosen, options=line.options, on_event=line.on_event, interrupter=line.interrupter
        )

    words = ("preview", "")
    return Several(work, words=words, options=options, on_event=on_event, interrupter=interrupter)


def drift_all(
    home: Home,
    names: Iterable[str] | None = None,
    *,
    options: RunOptions | None = None,
    on_event: OnEvent = ignore_event,
    interrupter: Interrupter | None = None,
) -> Several[DriftReport]:
    """Yield each cell's name with what its `drift` returns, or with the error that it raises.

    In the order of `names` (without: every stack of the home), as `preview_all` does. What several cells have alike:
    `cellctl.drift.clusters`.

    Raises:
        Interrupted: `interrupter` was used; what was yielded before stands.
    """

    def work(line: Line) -> Iterator[tuple[str, DriftReport | CellctlError]]:
        from cellctl.run import drift

        chosen = home.stack_names() if names is None else names
        return drift.drift_all(home, chosen, options=line.options, on_event=line.on_event, interrupter=line.interrupter)

    words = ("drift", "")
    return Several(work, words=words, options=options, on_event=on_event, interrupter=interrupter)
