"""Takes protection off, in a phase of its own that changes nothing else: an `up` of what runs now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellctl.engine.classify import classify
from cellctl.engine.wire import Task
from cellctl.errors import EngineError, GuardError, Interrupted, Objection
from cellctl.facts.proofs import proofs

if TYPE_CHECKING:
    from cellctl.plan import Change, Plan
    from cellctl.run.session import Session
    from cellctl.state.values import Struct

ALL = "*"
_LOCKS = frozenset(
    {"deletionProtection", "enableDeletionProtection", "disableApiTermination", "forceDestroy", "acceptDataLoss"}
)


def may_lose(plan: Plan, named: tuple[str, ...], accepted: frozenset[str]) -> tuple[str, ...]:
    """Return which of the named URNs may lose data that only they have.

    Those that the caller accepts, and those whose restore point a guard has proven. Gateways and buckets look for
    themselves once more: the one refuses while its cache is dirty, the other while anything is in it.
    """
    known = proofs(plan.cloud)
    types = {change.urn: change.type for change in plan.changes}
    restorable = {urn for urn in named if (proof := known.get(types[urn])) and proof.kind == "restore_point"}
    return tuple(urn for urn in named if urn in accepted or urn in restorable)


def take_off(session: Session, urns: tuple[str, ...], lossy: tuple[str, ...]) -> None:
    """Take protection off `urns` (`*` for everything): in the state, and the clouds' own locks.

    Of those, `lossy` may go with data that is nowhere else.

    Raises:
        GuardError: The `up` would change something else too (code `unprotect_changes`).
        EngineError: It failed; nothing has been deleted.
        Interrupted: It was stopped; nothing has been deleted.
    """
    spec = _running_spec(session)
    session.begin("unprotect", len(urns))
    parallel = session.options.parallel
    planner, _ = session.look(Task(verb="preview", unprotect=urns, accept_loss=lossy, spec=spec, parallel=parallel))
    session.stop_if_interrupted()
    if planner.failures:
        failure = planner.failures[0]
        raise EngineError(failure.message, hint=failure.hint, code=failure.code, urn=failure.urn)
    more = [change for change in planner.changes.values() if not _only_locks(change)]
    if more:
        raise GuardError([_more(change) for change in more])
    progress, ended = session.change(Task(verb="up", unprotect=urns, accept_loss=lossy, spec=spec, parallel=parallel))
    if session.interrupted:
        hint = "nothing was deleted; `cellctl up` puts protection back"
        raise Interrupted("stopped while protection was taken off", hint=hint)
    if ended.broke:
        raise ended.broke
    if ended.failed or progress.failures:
        failure = next(iter(progress.failures), None) or classify(ended.failed)
        raise EngineError(failure.message, hint=failure.hint, code=failure.code, urn=failure.urn)


def _running_spec(session: Session) -> Struct:
    """Return the spec that runs now: that of the stack, not that of the file."""
    recorded = session.record().get("spec")
    return recorded if isinstance(recorded, dict) and recorded else session.target.spec


def _only_locks(change: Change) -> bool:
    if change.action in ("same", "read") or change.type == "pulumi:pulumi:Stack":
        return True
    return change.action == "update" and all(item.path in _LOCKS for item in change.diff)


def _more(change: Change) -> Objection:
    return Objection(
        code="unprotect_changes",
        reason=f"taking protection off would also {change.action} {change.name} ({change.type})",
        remedy="run `cellctl up` without it first, so that nothing else is pending",
        urn=change.urn,
    )
