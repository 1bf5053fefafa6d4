"""Drift: read every object and say what differs from the state. Changes nothing, writes no state, takes no lease."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cellctl.drift import DriftReport, judge
from cellctl.engine.wire import Task
from cellctl.errors import CellctlError, EngineError, UsageError
from cellctl.run import preview
from cellctl.run.ledger import running
from cellctl.run.many import each, one_at_a_time
from cellctl.run.target import of_stack

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.run.options import Interrupter, OnEvent, RunOptions
    from cellctl.run.worker import Worker
    from cellctl.state.resources import ResourceState


def drift(
    home: Home,
    name: str,
    *,
    options: RunOptions,
    on_event: OnEvent,
    interrupter: Interrupter | None,
    worker: Worker | None = None,
) -> DriftReport:
    """Return what differs. Arguments and errors: `cellctl.cell.Cell.drift`."""
    target = of_stack(home, name, options)
    rules = home.settings.drift
    warm = worker if target.account.simulated else None
    with running("drift", target, options, on_event, interrupter, worker=warm) as ledger:
        session = ledger.session
        loaded = session.load()
        if loaded is None:
            raise UsageError(f"cell '{name}' has no state yet", hint=f"cellctl up {name}", code="no_stack")
        session.begin("refresh")
        planner, ended = session.look(Task(verb="preview_refresh", parallel=options.parallel))
        session.stop_if_interrupted()
        if ended.broke:
            raise ended.broke
        plan = planner.plan(preview.head(session, "refresh", loaded))
        today = datetime.fromtimestamp(options.hooks.now(), UTC).date()
        report = judge(plan, rules, today, kept=_kept(loaded.checkpoint.resources))
        if plan.errored and not report.looked:
            raise EngineError(f"nothing of '{name}' could be read", hint="cellctl doctor", code="unread")
        ledger.result = "succeeded"
        return report


def _kept(rows: Iterable[ResourceState]) -> list[str]:
    return [row.urn for row in rows if row.custom and not row.is_provider and not row.delete]


def drift_all(
    home: Home,
    names: Iterable[str],
    *,
    options: RunOptions,
    on_event: OnEvent,
    interrupter: Interrupter | None,
) -> Iterator[tuple[str, DriftReport | CellctlError]]:
    """Yield each name with its report or its error. Arguments: `cellctl.cell.drift_all`."""

    heard = one_at_a_time(on_event)

    def look(name: str, worker: Worker | None, own: Interrupter) -> DriftReport:
        return drift(home, name, options=options, on_event=heard, interrupter=own, worker=worker)

    def real(name: str) -> bool:
        return not of_stack(home, name, options).account.simulated

    return each(names, look, real=real, options=options, interrupter=interrupter)
