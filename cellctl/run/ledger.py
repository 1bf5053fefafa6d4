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
from cellctl.leases import Holder, Lease, LeaseLost, kept
from cellctl.plan import COUNTED, Outcome, Result
from cellctl.run import placing, registering
from cellctl.run.session import Session
from cellctl.versions import refuse_newer

if TYPE_CHECKING:
    from cellctl.registry.database import Database
    from cellctl.run.options import Interrupter, OnEvent, RunOptions
    from cellctl.run.registering import AnyRecord
    from cellctl.run.target import Target
    from cellctl.run.worker import Worker

OperationName = Literal["up", "down", "refresh", "preview", "drift", "alarms", "gates", "scrub"]
_LOOKING = ("preview", "drift", "alarms")
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
    refuse_newer(target.name, target.made_by)
    target = replace(target, looking=operation in _LOOKING)
    home.prepare()
    began = time.monotonic()
    with _leased(operation, target, options) as held:
        run = home.begin_run(
            cell=target.name, operation=operation, cloud=target.cloud, account=target.account.name,
            region=target.region, command=options.command,
        )  # fmt: skip
        ledger = Ledger(operation, target, began)
        try:
            held.begin(run.id, operation)
            target = placing.placed(target, operation, held.database)
            ledger.target = target
            with Session(target, run, options, on_event, interrupter, worker=worker) as session:
                ledger.session = session
                held.on_lost = session.operation.interrupt
                yield ledger
                held.finish(ledger)
        except BaseException as error:
            result: Result = (
                "refused" if isinstance(error, GuardError)
                else "interrupted" if isinstance(error, Interrupted | KeyboardInterrupt) else "failed"
            )  # fmt: skip
            home.finish_run(run, result=result, outcome=_error_json(error))
            held.broke(result, str(_error_json(error)["message"]))
            raise
        home.finish_run(run, result=ledger.result, outcome=ledger.json())


class Ledger:
    """What a run has to tell in the end."""

    session: Session

    def __init__(self, operation: OperationName, target: Target, began: float) -> None:
        self._operation, self.target, self._began = operation, target, began
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
        target = self.target
        return Outcome(
            cell=target.name,
            cloud=target.cloud,
            account=target.account.name,
            operation=self._operation,
            result=result,
            changes=dict.fromkeys(map(str, COUNTED), 0),
        )

    @property
    def closed(self) -> Outcome | None:
        """The Outcome, once the run has come to one."""
        return self._outcome

    def json(self) -> dict[str, object]:
        """Return the Outcome as JSON."""
        body: dict[str, object] = json.loads(json.dumps(asdict(self._outcome), default=str)) if self._outcome else {}
        return body


class _Held:
    """The lease of a run that changes something, and what the registry is told of it; of a preview, neither.

    Ends the operation when the lease is lost: at once if it is another's, else gracefully and then at once.
    """

    on_lost: Callable[[int], None] | None = None

    def __init__(self) -> None:
        self._lease: Lease | None = None
        self._record: AnyRecord | None = None

    @property
    def database(self) -> Database | None:
        """The registry, None for a run that only looks."""
        return self._record.database if self._record is not None else None

    def hold(self, lease: Lease, record: AnyRecord | None) -> None:
        """Take note of the lease that was acquired."""
        self._lease, self._record = lease, record

    def begin(self, run: str, operation: OperationName) -> None:
        """Tell the registry; what it does not know must not happen."""
        if self._record is not None and self._lease is not None:
            self._record.begin(run, operation, self._lease)

    def finish(self, ledger: Ledger) -> None:
        """Tell the registry how it ended."""
        if self._record is not None and ledger.closed is not None:
            self._record.finish(ledger.closed, ledger.session)

    def broke(self, result: Result, error: str) -> None:
        """Tell the registry that it came to no outcome."""
        if self._record is not None:
            self._record.broke(result, error)

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
def _leased(operation: OperationName, target: Target, options: RunOptions) -> Iterator[_Held]:
    held = _Held()
    if operation in _LOOKING:
        yield held
        return
    holder = Holder.current(command=options.command or f"cellctl {operation} {target.name}")
    with registering.opened(target.home) as database:
        leases = registering.leases_of(target.home, target.account, database, environment=options.environment)
        lease = leases.acquire(target.name, holder)
        held.hold(lease, registering.record_of_run(database, target))
        with kept(leases, lease, on_lost=held.lost):
            yield held


def _error_json(error: BaseException) -> dict[str, object]:
    if isinstance(error, CellctlError):
        return {"code": error.code, "message": error.summary, "hint": error.hint, "urn": error.urn}
    return {"code": "internal", "message": type(error).__name__, "hint": "", "urn": ""}
