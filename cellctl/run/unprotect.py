"""Takes protection off, in a phase of its own that changes nothing else: an `up` of what runs now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cellctl.engine.classify import classify
from cellctl.engine.wire import Task
from cellctl.errors import EngineError, GuardError, Interrupted, Objection

if TYPE_CHECKING:
    from cellctl.plan import Change
    from cellctl.run.session import Session
    from cellctl.state.values import Struct

ALL = "*"
_LOCKS = frozenset(
    {"deletionProtection", "enableDeletionProtection", "disableApiTermination", "forceDestroy", "acceptDataLoss"}
)


def take_off(session: Session, urns: tuple[str, ...]) -> None:
    """Take protection off `urns` (`*` for everything): in the state, and the clouds' own locks.

    Raises:
        GuardError: The `up` would change something else too (code `unprotect_changes`).
        EngineError: It failed; nothing has been deleted.
        Interrupted: It was stopped; nothing has been deleted.
    """
    spec = _running_spec(session)
    session.begin("unprotect", len(urns))
    parallel = session.options.parallel
    planner, _ = session.look(Task(verb="preview", unprotect=urns, spec=spec, parallel=parallel))
    session.stop_if_interrupted()
    if planner.failures:
        failure = planner.failures[0]
        raise EngineError(failure.message, hint=failure.hint, code=failure.code, urn=failure.urn)
    more = [change for change in planner.changes.values() if not _only_locks(change)]
    if more:
        raise GuardError([_more(change) for change in more])
    progress, ended = session.change(Task(verb="up", unprotect=urns, spec=spec, parallel=parallel))
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
