"""Refresh: read every resource, and record in the state how it is. Changes no cloud object."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cellctl.engine.wire import Task
from cellctl.errors import UsageError
from cellctl.events import PlanReady
from cellctl.plan import Outcome
from cellctl.run import preview, repair
from cellctl.run.judging import case_of
from cellctl.run.ledger import running
from cellctl.run.target import of_stack
from cellctl.run.up import accepted, failures_of, result_of

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.plan import Failure, Plan
    from cellctl.run.options import Ask, Interrupter, OnEvent, RunOptions
    from cellctl.run.session import Session
    from cellctl.state.backend import Loaded


def refresh(
    home: Home, name: str, ask: Ask, *, options: RunOptions, on_event: OnEvent, interrupter: Interrupter | None
) -> Outcome:
    """Refresh the cell's state. Arguments and errors: `cellctl.cell.Cell.refresh`."""
    target = of_stack(home, name, options)
    with running("refresh", target, options, on_event, interrupter) as ledger:
        session = ledger.session
        for line in repair.repair(session).said:
            session.say(line)
        loaded = session.load()
        if loaded is None:
            raise UsageError(f"cell '{name}' has no state yet", hint=f"cellctl up {name}", code="no_stack")
        session.begin("refresh")
        plan, unread = plan_refresh(session, loaded)
        on_event(PlanReady(moment=session.moment(), plan=plan))
        if plan.errored:
            return ledger.close(replace(ledger.outcome("failed"), failures=unread))
        if plan.empty or not accepted(session, plan, ask, case_of(session)):
            return ledger.close(replace(ledger.outcome("nothing"), changes=plan.summary()))
        progress, ended = session.change(Task(verb="refresh", parallel=options.parallel))
        result = result_of(session, progress, ended)
        failures = failures_of(progress, ended) if result == "failed" else ()
        done = replace(ledger.outcome(result), changes=dict(progress.counts), of_cloud=dict(progress.of_cloud))
        return ledger.close(replace(done, failures=failures, outputs=ended.outputs))


def plan_refresh(session: Session, loaded: Loaded) -> tuple[Plan, tuple[Failure, ...]]:
    """Read every object; return what would change in the state, and what could not be read.

    Raises GuardError if an object that holds data is gone.
    """
    planner, _ = session.look(Task(verb="preview_refresh", parallel=session.options.parallel))
    session.stop_if_interrupted()
    preview.refuse_gone(session, planner, preview.stateful_urns(loaded))
    return planner.plan(preview.head(session, "refresh", loaded)), tuple(planner.failures)
