"""Preview: what an `up` would do. Changes nothing, writes no state, takes no lease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from cellctl import guard
from cellctl.engine.translate import PlanHead, Planner, merged
from cellctl.engine.wire import Task
from cellctl.errors import GuardError, Interrupted, Locked, Objection
from cellctl.events import PlanReady
from cellctl.plan import Change, Declared, Diagnostic, Plan
from cellctl.run import consequences, licence, registering, restoring, siting, unprotect
from cellctl.run.disruption import announced
from cellctl.run.judging import case_of
from cellctl.run.knowledge import FactsOfTypes
from cellctl.run.ledger import running
from cellctl.run.reef_reading import told_of_reef
from cellctl.run.session import Session
from cellctl.run.target import Target, checkpoint_digest, living, made_by, of_spec, refuse_move
from cellctl.versions import refuse_newer, versions

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.run.options import Interrupter, OnEvent, RunOptions
    from cellctl.run.target import AnySpec
    from cellctl.run.worker import Worker
    from cellctl.state.backend import Loaded
    from cellctl.state.values import Struct


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """A plan, what the program declares, and whether the stack's outputs would change although no resource does."""

    plan: Plan
    outputs_changed: bool
    declared: tuple[Declared, ...] = ()

    def case(self, session: Session, read: Read) -> guard.Case:
        """Return what the guards may know besides the plan; `read` is what was read before it."""
        told = read.told if read.told is None else {**told_of_reef(session, self.plan), **read.told}
        case = case_of(session, plan=self.plan, declared=self.declared, told=told)
        return replace(case, licence=licence.to_install(session, self.plan))


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What was read of a cell before its plan: warnings, and of each object what the cloud told; None: nothing was."""

    warnings: tuple[Diagnostic, ...] = ()
    told: Mapping[str, Struct] | None = None


def preview(
    home: Home,
    spec: AnySpec,
    *,
    options: RunOptions,
    on_event: OnEvent,
    interrupter: Interrupter | None,
    worker: Worker | None = None,
) -> Plan:
    """Return what `up` would do. Arguments and errors: `cellctl.cell.Cell.preview`.

    A `worker` is used where the account is simulated, a process of its own where it is real.
    """
    target = of_spec(home, spec, options)
    warm = worker if target.account.simulated else None
    with running("preview", target, options, on_event, interrupter, worker=warm) as ledger:
        session = ledger.session
        refuse_move_elsewhere(session)
        siting.settle(session)
        read = _read_unless_moving(session)
        looked = plan_up(session, {})
        # Of a preview that failed only a part is declared: `up` judges none either.
        objections = () if looked.plan.errored else guard.judge(looked.plan, looked.case(session, read))
        plan = replace(looked.plan, diagnostics=(*read.warnings, *looked.plan.diagnostics), objections=objections)
        on_event(PlanReady(moment=session.moment(), plan=plan))
        ledger.result = "failed" if plan.errored else "succeeded"
        return plan


def refuse_move_elsewhere(session: Session) -> None:
    """Refuse what an existing cell cannot become, where its state could be read only now."""
    if session.target.files is None:
        refuse_newer(session.target.name, made_by(session.record()))
        refuse_move(session.target, session.record(), session.load())


def _read_unless_moving(session: Session) -> Read:
    """Read what holds data; what another run is just deleting is not gone, it is being changed.

    Raises:
        Locked: Something is missing while somebody else changes the cell.
    """
    target = session.target
    try:
        return read_stateful(session, session.load())
    except GuardError:
        lease = registering.current_lease(
            target.home, target.account, target.name, environment=session.options.environment
        )
        if lease is None:
            raise
        raise Locked(
            f"'{target.name}' is being changed by {lease.holder.words()}, so there is nothing firm to preview",
            hint="preview again when that run has ended",
        ) from None


def plan_up(session: Session, adopt: Mapping[str, str]) -> Looked:
    """Preview the program against the state and return the Plan.

    Where protection stops the engine half way, a second preview against an unprotected copy of the state finds the
    rest, and the plan says what is blocked.
    """
    loaded = session.load()
    session.begin("preview")
    backend = "" if loaded or session.target.files is None else session.shadow(None)
    planner, _ = session.look(_task(session, adopt, backend))
    _stop_if_cancelled(session)
    advice = tuple(Diagnostic(severity="warning", message=line) for line in session.target.advice)
    said = (*advice, *announced(session.target, session.record(), loaded))
    plan = planner.plan(head(session, "up", loaded))
    plan = replace(plan, diagnostics=(*said, *plan.diagnostics))
    if planner.blocked and loaded is not None:
        bare = replace(
            _task(session, adopt, session.shadow(loaded.checkpoint)), unprotect=(unprotect.ALL,), keep_locks=True
        )
        whole, _ = session.look(bare)
        _stop_if_cancelled(session)
        plan = merged(whole.plan(head(session, "up", loaded)), protected(session.target, loaded))
        plan = replace(plan, diagnostics=(*said, *plan.diagnostics))
        return _looked(consequences.told(plan, session.target, loaded), whole)
    return _looked(consequences.told(plan, session.target, loaded), planner)


def _looked(plan: Plan, planner: Planner) -> Looked:
    return Looked(plan=plan, outputs_changed=planner.outputs_changed, declared=tuple(planner.declared.values()))


def _stop_if_cancelled(session: Session) -> None:
    if session.interrupted:
        raise Interrupted("stopped before anything was changed", hint="run the same command again")


def _task(session: Session, adopt: Mapping[str, str], backend: str) -> Task:
    return Task(verb="preview", adopt=dict(adopt), parallel=session.options.parallel, backend=backend)


def head(session: Session, operation: Literal["up", "down", "refresh"], loaded: Loaded | None) -> PlanHead:
    """Return what a Plan says besides its changes."""
    target, engine = session.target, session.operation
    made_by = {"engine_name": engine.engine_name, "engine": engine.engine_version}
    return PlanHead(
        cell=target.name,
        cloud=target.cloud,
        account=target.account.name,
        operation=operation,
        spec_digest=target.spec_digest,
        checkpoint_digest=checkpoint_digest(loaded),
        versions={**versions(target.cloud), **made_by},
    )


def protected(target: Target, loaded: Loaded) -> dict[str, str]:
    """Return what the state protects, as URN -> `protect`."""
    del target
    return {row.urn: "protect" for row in loaded.checkpoint.resources if row.protect and not row.delete}


def stateful_urns(loaded: Loaded | None) -> frozenset[str]:
    """Return the URNs of the state that hold data, without those that a run which ended early was deleting."""
    facts = FactsOfTypes()
    rows = living(loaded.checkpoint if loaded else None)
    going = {item.resource.urn for item in loaded.checkpoint.pending if item.kind == "deleting"} if loaded else set()
    return frozenset(
        row.urn for row in rows if row.id and row.urn not in going and (row.protect or facts.stateful(row.type))
    )


def read_stateful(session: Session, loaded: Loaded | None) -> Read:
    """Read what holds data, as `options.refresh` says; return warnings on what others changed, and what was read.

    Raises:
        GuardError: Something that holds data is gone (code `stateful_gone`).
    """
    scope, urns = session.options.refresh, stateful_urns(loaded)
    if scope == "none" or not urns:
        return Read()
    session.begin("refresh")
    targets = tuple(sorted(urns)) if scope == "stateful" and session.target.engine == "pulumi" else ()
    planner, _ = session.look(Task(verb="preview_refresh", targets=targets, parallel=session.options.parallel))
    _stop_if_cancelled(session)
    refuse_gone(session, planner, urns)
    seen = planner.changes.values() if scope == "all" else (planner.changes[urn] for urn in urns & set(planner.changes))
    drifted = (_drift(change) for change in seen if change.action in ("update", "delete"))
    session.told = planner.told
    lags = restoring.lagging(session.target.cloud, planner.told, session.account(())[0])
    late = (Diagnostic(severity="warning", message=said, urn=urn) for urn, said in lags)
    return Read(warnings=(*_unread(planner), *drifted, *late), told=planner.told)


def refuse_gone(session: Session, planner: Planner, urns: frozenset[str]) -> None:
    """Raise GuardError if something that holds data is gone and was neither forgotten nor adopted."""
    options = session.options
    gone = sorted(urn for urn in urns if urn in planner.changes and planner.changes[urn].action == "delete")
    left = [urn for urn in gone if urn not in options.forget and urn not in options.adopt]
    if left:
        raise GuardError([_gone(planner.changes[urn]) for urn in left])


def _gone(change: Change) -> Objection:
    return Objection(
        code="stateful_gone",
        reason=f"{change.name} ({change.type}) holds data and is gone from the cloud",
        remedy="restore it from a backup under its old name; or adopt another object by its id; or forget it, so that "
        "an empty one is created",
        flag=f"--adopt '{change.urn}=ID' or --forget '{change.urn}'",
        urn=change.urn,
    )


def _drift(change: Change) -> Diagnostic:
    paths = ", ".join(item.path for item in change.diff[:4])
    what = "is gone" if change.action == "delete" else f"was changed by somebody else: {paths or 'details unknown'}"
    return Diagnostic(severity="warning", message=f"{change.name} {what}", urn=change.urn)


def _unread(planner: Planner) -> tuple[Diagnostic, ...]:
    return tuple(replace(item, severity="warning") for item in planner.diagnostics if item.severity == "error")
