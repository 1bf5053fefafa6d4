"""Up: bring a cell to what its file says, then look whether it answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cellctl import guard
from cellctl.engine.wire import Task
from cellctl.errors import EngineError, GuardError, Interrupted, StaleApproval, UsageError
from cellctl.events import PlanReady
from cellctl.hooks import present
from cellctl.plan import Failure, Outcome, Plan, Result
from cellctl.run import approving, persisting, placing, preview, repair, restoring, serving, siting, unprotect
from cellctl.run.ledger import Ledger, running
from cellctl.run.session import Session
from cellctl.run.target import of_spec

if TYPE_CHECKING:
    from cellctl.engine.progress import Progress
    from cellctl.errors import Objection
    from cellctl.home import Home
    from cellctl.run.options import Ask, Interrupter, OnEvent, RunOptions
    from cellctl.run.session import Ended
    from cellctl.run.target import AnySpec


def up(
    home: Home,
    spec: AnySpec,
    ask: Ask,
    *,
    options: RunOptions,
    on_event: OnEvent,
    interrupter: Interrupter | None,
) -> Outcome:
    """Bring the cell or reef up. Arguments and errors: `cellctl.cell.Cell.up`."""
    target = of_spec(home, spec, options)
    with running("up", target, options, on_event, interrupter) as ledger:
        session = ledger.session
        preview.refuse_move_elsewhere(session)
        siting.settle(session)
        approving.check_signed(session)
        repaired = repair.repair(session)
        for line in repaired.said:
            session.say(line)
        read = preview.read_stateful(session, session.load())
        _take_refreshed(session)
        looked = preview.plan_up(session, repaired.adopt)
        plan = replace(looked.plan, diagnostics=(*read.warnings, *looked.plan.diagnostics))
        on_event(PlanReady(moment=session.moment(), plan=plan))
        if plan.errored:
            _refuse_missing(session, plan)
            return ledger.close(_not_planned(ledger, session, plan))
        approving.check_plan(session, plan)
        if plan.empty and not looked.outputs_changed and not _half_replaced(session):
            return ledger.close(serving.tried(session, _unchanged(ledger, session, plan)))
        case = looked.case(session, read)
        if not plan.empty and not accepted(session, plan, ask, case, approving.demanded(session, plan)):
            return ledger.close(ledger.outcome("nothing"))
        approving.use(session)
        placing.bind(session)
        restoring.expect_upgrade(session, plan)
        losses = _accept(session, plan, case)
        task = _unprotected(session, plan, Task(verb="up", adopt=dict(repaired.adopt)))
        outcome = replace(_apply(ledger, session, plan, task), accepted_losses=losses)
        if task.unprotect and outcome.result == "succeeded":
            outcome = _protect_again(session, outcome)
        done = outcome.result == "succeeded"
        return ledger.close(serving.tried(session, _verified(session, outcome)) if done else outcome)


def accepted(session: Session, plan: Plan, ask: Ask, case: guard.Case, demanded: tuple[Objection, ...] = ()) -> bool:
    """Ask the one question; raises GuardError where guards object or more is demanded, after the plan was shown."""
    objections, overridden = guard.split(plan, case)
    objections = (*demanded, *objections)
    for item in overridden:
        session.say(f"overridden: {item.reason}")
    authorise = session.options.hooks.authorise
    if authorise is not None:
        objections = (*objections, *present(authorise(plan)))
    answer = ask(plan, objections)
    if objections:
        raise GuardError(objections)
    session.stop_if_interrupted()
    return answer


def _take_refreshed(session: Session) -> None:
    """Before the preview: forget what the caller said is gone; `--refresh all` records how everything is."""
    repair.forget(session, session.options.forget)
    if session.options.refresh == "all" and session.load() is not None:
        session.begin("refresh")
        _, ended = session.change(Task(verb="refresh", parallel=session.options.parallel))
        session.stop_if_interrupted()
        if ended.broke:
            raise ended.broke


def _accept(session: Session, plan: Plan, case: guard.Case) -> tuple[str, ...]:
    """Say what the caller accepts to lose without a proven backup, and return it for the record."""
    said = tuple(f"{change.urn}: {why}" for change, why in guard.accepted_losses(plan, case))
    for line in said:
        session.say(f"accepted: the data of {line}")
    return said


def _unprotected(session: Session, plan: Plan, task: Task) -> Task:
    """Phase one of `--allow-replace`; then the plan is made again, and must be the approved one. Return phase two."""
    options = session.options
    named = tuple(change.urn for change in plan.changes if change.blocked_by and change.urn in options.allow)
    if not named:
        return task
    lossy = unprotect.may_lose(plan, named, options.accept_loss)
    unprotect.take_off(session, named, lossy)
    again = preview.plan_up(session, task.adopt).plan
    if _essence(again) != _essence(plan):
        raise StaleApproval("the plan is another one since protection was taken off", hint="run the same command again")
    return replace(task, unprotect=named, accept_loss=lossy)


def _protect_again(session: Session, outcome: Outcome) -> Outcome:
    """Put protection back: the engine replaces nothing that the program protects, so it is a step of its own."""
    session.begin("protect")
    progress, ended = session.change(Task(verb="up", parallel=session.options.parallel))
    result = result_of(session, progress, ended)
    failures = failures_of(progress, ended) if result == "failed" else ()
    return replace(outcome, result=result, failures=failures)


def _essence(plan: Plan) -> set[tuple[str, str]]:
    return {(change.urn, change.action) for change in plan.changes if change.action not in ("same", "read")}


def _apply(ledger: Ledger, session: Session, plan: Plan, task: Task) -> Outcome:
    total = sum(1 for change in plan.changes if change.action not in ("same", "read"))
    session.begin("apply", total)
    progress, ended = persisting.changed(session, replace(task, parallel=session.options.parallel))
    if not ended.broke:  # an engine that is still dying may write yet; what it began is pending all the same
        repair.doubt(session, progress.unanswered)
    result = result_of(session, progress, ended)
    return replace(
        ledger.outcome(result),
        changes=dict(progress.counts),
        of_cloud=dict(progress.of_cloud),
        outputs=ended.outputs,
        failures=failures_of(progress, ended) if result == "failed" else (),
        remaining=_left(plan, progress) if result != "succeeded" else 0,
    )


def result_of(session: Session, progress: Progress, ended: Ended) -> Result:
    """Return how an operation ended. An interrupted destroy says it succeeded, so the interrupter is asked too."""
    if ended.broke:
        return "interrupted" if isinstance(ended.broke, Interrupted) else "failed"
    if progress.interrupted() or (session.interrupted and (ended.failed or ended.remaining)):
        return "interrupted"
    return "failed" if ended.failed or progress.failures else "succeeded"


def failures_of(progress: Progress, ended: Ended) -> tuple[Failure, ...]:
    """Return what failed; the command's own complaint where no event said more."""
    from cellctl.engine.classify import classify

    if ended.broke:
        return (*progress.failures, Failure(code=ended.broke.code, message=ended.broke.summary, hint=ended.broke.hint))
    return tuple(progress.failures) or (classify(ended.failed),)


def _left(plan: Plan, progress: Progress) -> int:
    """Return how many changes are not made yet, counted as the plan's headline counts them."""
    planned, made = plan.of_cloud(), progress.of_cloud
    return max(0, sum(planned[action] - made[action] for action in planned if action != "same"))


def _half_replaced(session: Session) -> bool:
    """Tell whether a run ended before it deleted what it had replaced: no plan names that, and it was approved."""
    loaded = session.load()
    return loaded is not None and any(row.delete for row in loaded.checkpoint.resources)


def _unchanged(ledger: Ledger, session: Session, plan: Plan) -> Outcome:
    """Nothing to do; what runs is verified all the same."""
    from cellctl.run.status import masked

    loaded = session.load()
    outputs = masked(loaded.checkpoint) if loaded else {}
    return _verified(session, replace(ledger.outcome("nothing"), changes=plan.summary(), outputs=outputs))


def _refuse_missing(session: Session, plan: Plan) -> None:
    """Say of an object that is to be taken over that it is not there.

    Raises:
        UsageError: It is not (code `import_missing`).
    """
    taking = session.options.importing
    for said in plan.diagnostics:
        if said.severity == "error" and said.urn in taking and "does not exist" in said.message:
            name, id_ = said.urn.rsplit("::", 1)[-1], session.options.adopt[said.urn]
            hint = "its id is as its cloud spells it; the account and region are those of the cell"
            raise UsageError(f"there is no '{id_}' to take over as {name}", hint=hint, code="import_missing")


def _not_planned(ledger: Ledger, session: Session, plan: Plan) -> Outcome:
    from cellctl.engine.classify import classify

    errors = [item for item in plan.diagnostics if item.severity == "error"]
    failures = tuple(classify(item.message, item.urn) for item in errors)
    session.stop_if_interrupted()
    return replace(ledger.outcome("failed"), failures=failures)


def _verified(session: Session, outcome: Outcome) -> Outcome:
    """Return the Outcome with what `verify` found; a failed check makes it failed."""
    session.begin("verify")
    try:
        good, bad = session.verify(outcome.outputs)
    except EngineError as error:
        good, bad = (), (Failure(code="verify_failed", message=error.summary, hint=error.hint),)
    except Interrupted:
        return replace(outcome, result="interrupted")
    result: Result = "failed" if bad else outcome.result
    return replace(outcome, checks=good, failures=bad, result=result)
