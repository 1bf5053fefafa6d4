"""Begins and ends a run: its record, its lease, and what is written whatever happens."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Literal

from cellctl.errors import CellctlError, GuardError, Interrupted
from cellctl.leases import Holder, LeaseLost, SqliteLeases, kept
from cellctl.plan import COUNTED, Outcome, Result
from cellctl.run.session import Session

if TYPE_CHECKING:
    from cellctl.run.options import Interrupter, OnEvent, RunOptions
    from cellctl.run.target import Target
    from cellctl.run.worker import Worker

OperationName = Literal["up", "down", "refresh", "preview"]
_LAST_CALL_S = 8.0


@contextmanager
def running(
    operation: OperationName,
    target: Target,
    options: RunOptions,
    on_event: OnEvent,
    interrupter: Interrupter | None,
    *,
    worker: Worker | None = None,
) -> Iterator[Ledger]:
    """Open a run for the block; the record says how it ended even where the block raises.

    A run that changes something holds the cell's lease from before its process starts until after it has ended. A
    preview may use the process of a `worker`.
    """
    home = target.home
    home.prepare()
    began = time.monotonic()
    with _leased(operation, target, options) as lost:
        run = home.begin_run(
            cell=target.name, operation=operation, cloud=target.cloud, account=target.account.name,
            region=target.region, command=options.command,
        )  # fmt: skip
        ledger = Ledger(operation, target, began)
        try:
            with Session(target, run, options, on_event, interrupter, worker=worker) as session:
                ledger.session = session
                lost.on_lost = session.operation.interrupt
                yield ledger
        except BaseException as error:
            result: Result = (
                "refused" if isinstance(error, GuardError)
                else "interrupted" if isinstance(error, Interrupted | KeyboardInterrupt) else "failed"
            )  # fmt: skip
            home.finish_run(run, result=result, outcome=_error_json(error))
            raise
        home.finish_run(run, result=ledger.result, outcome=ledger.json())


class Ledger:
    """What a run has to tell in the end."""

    session: Session

    def __init__(self, operation: OperationName, target: Target, began: float) -> None:
        self._operation, self._target, self._began = operation, target, began
        self.result: Result = "nothing"
        self._outcome: Outcome | None = None

    def close(self, outcome: Outcome) -> Outcome:
        """Fill in what every Outcome says, keep it for the record, and return it."""
        session = self.session
        self._outcome = replace(
            outcome,
            engine_name=session.operation.engine_name,
            engine_version=session.operation.engine_version,
            simulated_s=session.simulated_s,
            wall_s=time.monotonic() - self._began,
            run_id=session.run.id,
        )
        self.result = outcome.result
        return self._outcome

    def outcome(self, result: Result) -> Outcome:
        """Return an empty Outcome of this run."""
        target = self._target
        return Outcome(
            cell=target.name,
            cloud=target.cloud,
            account=target.account.name,
            operation=self._operation,
            result=result,
            changes=dict.fromkeys(map(str, COUNTED), 0),
        )

    def json(self) -> dict[str, object]:
        """Return the Outcome as JSON."""
        body: dict[str, object] = json.loads(json.dumps(asdict(self._outcome), default=str)) if self._outcome else {}
        return body


class _Watch:
    """Ends the operation when its lease is lost: at once if it is another's, else gracefully and then at once."""

    on_lost: Callable[[int], None] | None = None

    def lost(self, error: CellctlError) -> None:
        """React, from the lease's own thread."""
        if self.on_lost is None:
            return
        if isinstance(error, LeaseLost):
            self.on_lost(3)
            return
        self.on_lost(1)
        threading.Timer(_LAST_CALL_S, self.on_lost, (3,)).start()


@contextmanager
def _leased(operation: OperationName, target: Target, options: RunOptions) -> Iterator[_Watch]:
    watch = _Watch()
    if operation == "preview":
        yield watch
        return
    leases = SqliteLeases(target.home.database)
    holder = Holder.current(command=options.command or f"cellctl {operation} {target.name}")
    with kept(leases, leases.acquire(target.name, holder), on_lost=watch.lost):
        yield watch


def _error_json(error: BaseException) -> dict[str, object]:
    if isinstance(error, CellctlError):
        return {"code": error.code, "message": error.summary, "hint": error.hint, "urn": error.urn}
    return {"code": "internal", "message": type(error).__name__, "hint": "", "urn": ""}
