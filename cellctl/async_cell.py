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

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.approval import Approval
from cellctl.errors import UsageError
from cellctl.plan import Plan
from cellctl.run.options import Interrupter, OnEvent, RunOptions, ignore_event
from cellctl.running import AnyAsk, Line, Running

if TYPE_CHECKING:
    from cellctl.drift import DriftReport
    from cellctl.home import Home
    from cellctl.plan import Outcome
    from cellctl.run.explaining import Explained
    from cellctl.run.status import CellStatus
    from cellctl.spec import CellSpec
    from cellctl.state.values import Value


class AsyncCell:
    """One cell: its validated spec, and the home it lives in; without one the home is found as `Home.find` does.

    `spec` is None for a cell whose file is gone; such a cell can be looked at and taken down, not brought up. `ask`,
    and the hooks of `RunOptions`, may be coroutine functions: they and `on_event` are called on the loop.
    """

    def __init__(self, spec: CellSpec | None, *, home: Home | None = None, name: str = "") -> None:
        from cellctl.home import Home

        self.spec = spec
        self.home = home or Home.find()
        self.name = spec.metadata.name if spec is not None else name

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
        approved = _approving(plan, ask, options or RunOptions())

        def work(line: Line) -> Outcome:
            from cellctl.run import up

            return up.up(
                self.home, self._written(), line.ask, options=line.options, on_event=line.on_event,
                interrupter=line.interrupter,
            )  # fmt: skip

        words = ("up", self.name)
        return Running(work, words=words, options=approved, on_event=on_event, ask=ask, interrupter=interrupter)

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

    def down(
        self,
        *,
        ask: AnyAsk,
        keep_data: bool = False,
        delete_data: bool = False,
        options: RunOptions | None = None,
        on_event: OnEvent = ignore_event,
        interrupter: Interrupter | None = None,
    ) -> Running[Outcome]:
        """Remove the cell; works without its file.

        Without a flag a cell with stateful resources is refused (GuardError lists them). `keep_data` destroys the
        rest; the stack stays and `up` completes the cell again. `delete_data` takes protection off with an `up` that
        does nothing else, destroys, counts what is left and raises the incarnation. `ask` gets a Plan with
        `operation` `down`.

        Raises:
            Locked, GuardError, UsageError, EngineError: As in `up`; UsageError also where there is no stack.
        """

        def work(line: Line) -> Outcome:
            from cellctl.run import down

            data = down.DataChoice.of(keep=keep_data, delete=delete_data)
            return down.down(
                self.home, self.name, data, line.ask, options=line.options, on_event=line.on_event,
                interrupter=line.interrupter,
            )  # fmt: skip

        words = ("down", self.name)
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


def _approving(plan: Plan | Approval | None, ask: AnyAsk | None, options: RunOptions) -> RunOptions:
    """Return options under which `up` applies `plan` and nothing else; without one as they are.

    Raises:
        UsageError: Nothing says who agrees to the change (code `not_asked`).
    """
    if isinstance(plan, Plan):
        plan = Approval(plan=plan, saved_at=options.hooks.now(), expires_at=math.inf)
    if plan is not None:
        return replace(options, approval=plan)
    if ask is None and options.approval is None:
        raise UsageError("nobody is asked, and no plan was approved", hint="up(plan) or up(ask=…)", code="not_asked")
    return options
