"""Down: remove a cell, and its data only where that was said."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from cellctl import guard
from cellctl.engine.wire import Task
from cellctl.errors import UsageError
from cellctl.events import PlanReady
from cellctl.facts.proofs import proofs
from cellctl.plan import Change, Diagnostic, Outcome, Plan, plan_hash
from cellctl.run import approving, consequences, placing, preview, remains, repair, restoring, unprotect
from cellctl.run.judging import case_of
from cellctl.run.knowledge import FactsOfTypes
from cellctl.run.ledger import Ledger, running
from cellctl.run.session import Session
from cellctl.run.target import Target, living, of_stack
from cellctl.run.up import accepted, failures_of, result_of
from cellctl.state.backend import Loaded

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.run.options import Ask, Interrupter, OnEvent, RunOptions
    from cellctl.state.resources import ResourceState
    from cellctl.state.values import Struct


class DataChoice(Enum):
    """What becomes of the data."""

    UNSAID = "unsaid"
    KEEP = "keep"
    DELETE = "delete"

    @classmethod
    def of(cls, *, keep: bool, delete: bool) -> DataChoice:
        """Return the choice of two flags; both at once is an error."""
        if keep and delete:
            raise UsageError("data cannot be kept and deleted", hint="say --keep-data or --delete-data")
        return cls.KEEP if keep else cls.DELETE if delete else cls.UNSAID


def down(
    home: Home,
    name: str,
    data: DataChoice,
    ask: Ask,
    *,
    options: RunOptions,
    on_event: OnEvent,
    interrupter: Interrupter | None,
) -> Outcome:
    """Remove the cell. Arguments and errors: `cellctl.cell.Cell.down`."""
    target = of_stack(home, name, options)
    with running("down", target, options, on_event, interrupter) as ledger:
        session = ledger.session
        approving.check_signed(session)
        for line in repair.repair(session).said:
            session.say(line)
        loaded = session.load()
        if loaded is None or not loaded.checkpoint.resources:
            return ledger.close(_gone(ledger, target, data))
        session.begin("preview")
        plan = plan_down(session, loaded, keep=data is DataChoice.KEEP)
        on_event(PlanReady(moment=session.moment(), plan=plan))
        approving.check_plan(session, plan)
        if not accepted(session, plan, ask, _case(session, data, loaded), approving.demanded(session, plan)):
            return ledger.close(ledger.outcome("nothing"))
        approving.use(session)
        placing.withdraw(session)
        if data is not DataChoice.KEEP:
            restoring.expect_left(session)
        if data is DataChoice.DELETE and any(row.protect for row in loaded.checkpoint.resources):
            unprotect.take_off(session, (unprotect.ALL,), _lossy(session, loaded))
        return ledger.close(_destroy(ledger, session, data))


def look(
    home: Home,
    name: str,
    data: DataChoice,
    *,
    options: RunOptions,
    on_event: OnEvent,
    interrupter: Interrupter | None,
) -> Plan:
    """Return what `down` would remove. Arguments and errors: `cellctl.cell.Cell.preview_down`."""
    target = of_stack(home, name, options)
    with running("preview", target, options, on_event, interrupter) as ledger:
        session = ledger.session
        loaded = session.load()
        if loaded is None:
            raise UsageError(f"'{name}' has no state yet", hint="there is nothing to remove", code="no_stack")
        session.begin("preview")
        plan = plan_down(session, loaded, keep=data is DataChoice.KEEP)
        plan = replace(plan, objections=guard.judge(plan, _case(session, data, loaded)))
        on_event(PlanReady(moment=session.moment(), plan=plan))
        ledger.result = "succeeded"
        return plan


def _case(session: Session, data: DataChoice, loaded: Loaded) -> guard.Case:
    told = _told_of_caches(session, loaded) if data is DataChoice.DELETE else None
    found = case_of(session, told=told)
    return replace(found, keep_data=data is DataChoice.KEEP, delete_data=data is DataChoice.DELETE)


def _caches(session: Session, loaded: Loaded) -> tuple[str, ...]:
    types = guard.caches(session.target.cloud)
    return tuple(row.urn for row in loaded.checkpoint.resources if row.type in types and not row.delete)


def _told_of_caches(session: Session, loaded: Loaded) -> dict[str, Struct]:
    """Return what the cloud says now of what holds a cache; one that is gone holds none."""
    urns = _caches(session, loaded)
    if not urns:
        return {}
    planner, _ = session.look(Task(verb="preview_refresh", targets=urns, parallel=session.options.parallel))
    session.stop_if_interrupted()
    known = proofs(session.target.cloud)
    gone = (change for urn, change in planner.changes.items() if urn in urns and change.action == "delete")
    return {**planner.told, **{change.urn: {known[change.type].at: 0} for change in gone}}


def _lossy(session: Session, loaded: Loaded) -> tuple[str, ...]:
    """Return what may go with data that is nowhere else: not a cache, unless it was named; it is looked at again."""
    kept = frozenset(_caches(session, loaded)) - session.options.accept_loss
    return tuple(row.urn for row in loaded.checkpoint.resources if row.urn not in kept)


def plan_down(session: Session, loaded: Loaded, *, keep: bool) -> Plan:
    """Return what a destroy removes, dependants first; no engine is asked: everything in the state goes."""
    rows = [row for row in loaded.checkpoint.resources if not row.delete]
    kept = _kept(rows) if keep else frozenset()
    changes = tuple(_change(row, row.urn in kept) for row in reversed(rows))
    head = preview.head(session, "down", loaded)
    blocked = any(change.blocked_by and change.action == "delete" for change in changes)
    draft = Plan(
        cell=head.cell,
        cloud=head.cloud,
        account=head.account,
        operation="down",
        changes=changes,
        diagnostics=tuple(
            Diagnostic(severity="warning", message=line)
            for line in remains.lost(row for row in rows if row.urn not in kept)
        ),
        applyable=not blocked,
        spec_digest=head.spec_digest,
        checkpoint_digest=head.checkpoint_digest,
        versions=head.versions,
    )
    return consequences.told(replace(draft, hash=plan_hash(draft)), session.target, loaded)


def _kept(rows: list[ResourceState]) -> frozenset[str]:
    """Return what stays with `--keep-data`: what is protected, and all it needs (parents, providers, dependencies)."""
    by_urn = {row.urn: row for row in rows}
    kept: set[str] = set()
    todo = [row.urn for row in rows if row.protect]
    while todo:
        urn = todo.pop()
        if urn not in kept and urn in by_urn:
            kept.add(urn)
            todo.extend(by_urn[urn].needs())
    return frozenset(kept)


def _change(row: ResourceState, stays: bool) -> Change:
    facts = FactsOfTypes()
    costs = facts.monthly_usd(row.type, row.inputs) if row.custom else 0.0
    return Change(
        urn=row.urn,
        type=row.type,
        name=row.name,
        action="same" if stays else "delete",
        stateful=row.protect or facts.stateful(row.type),
        blocked_by="protect" if row.protect and not stays else "",
        parent=row.parent,
        custom=row.custom,
        expected_s=None if stays else facts.expected_s(row.type, "delete"),
        monthly_usd=(costs, costs if stays else 0.0),
    )


def _destroy(ledger: Ledger, session: Session, data: DataChoice) -> Outcome:
    target = session.target
    before = session.load()
    total = len(before.checkpoint.resources) if before else 0
    session.begin("destroy", total)
    keep = data is DataChoice.KEEP
    progress, ended = session.change(Task(verb="destroy", keep_protected=keep, parallel=session.options.parallel))
    result = result_of(session, progress, ended)
    after = session.load()
    left = len(after.checkpoint.resources) if after else 0
    objects = len(living(after.checkpoint)) if after else 0
    if result == "succeeded" and left and not keep:
        result = "failed"  # an interrupted destroy says that it succeeded (reference/engine.md 7)
    outcome = replace(
        ledger.outcome(result),
        changes=dict(progress.counts),
        of_cloud=dict(progress.of_cloud),
        failures=failures_of(progress, ended) if result == "failed" else (),
        remaining=objects or left,
    )
    there = {row.urn for row in after.checkpoint.resources} if after else set()
    gone = [row for row in before.checkpoint.resources if row.urn not in there] if before else []
    outcome = replace(outcome, retained=remains.kept(gone))
    for line in outcome.retained:
        session.say(line, "info")
    if result == "succeeded" and not keep:
        _end(target, data)
    return outcome


def _end(target: Target, data: DataChoice) -> None:
    """Names that clouds hold after deletion must not be asked for again: the next cell is another incarnation."""
    if data is DataChoice.DELETE:
        target.home.raise_incarnation(target.name, beyond=target.incarnation)


def _gone(ledger: Ledger, target: Target, data: DataChoice) -> Outcome:
    del target, data
    return ledger.outcome("nothing")
