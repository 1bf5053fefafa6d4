"""Reads of a cell's reef what proves the cell's database: the server is in the reef's stack, its backups are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cellctl import guard
from cellctl.engine.wire import Task
from cellctl.errors import CellctlError
from cellctl.facts.proofs import proofs
from cellctl.run.ledger import running
from cellctl.run.options import ignore_event
from cellctl.run.target import REEF, living, of_stack

if TYPE_CHECKING:
    from cellctl.plan import Plan
    from cellctl.run.session import Session
    from cellctl.state.values import Struct

_DATABASE = "cellctl:sql:CellDatabase"


def told_of_reef(session: Session, plan: Plan) -> Mapping[str, Struct]:
    """Return what the cloud tells of the servers of a cell's reef, by URN, where `plan` loses a database on one.

    Reads only, and takes no lease: a reef that is being changed is read as it is. What cannot be read proves nothing,
    and is said.
    """
    target = session.target
    if not target.reef or not any(change.type == _DATABASE for change in guard.losses(plan)):
        return {}
    server = proofs(target.cloud)[_DATABASE].of
    try:
        reef = of_stack(target.home, f"{REEF}{target.reef}", session.options)
        with running("drift", reef, session.options, ignore_event, None) as ledger:
            told = _read(ledger.session, server)
            ledger.result = "succeeded"
    except CellctlError as error:
        session.say(f"the database servers of reef {target.reef} could not be read: {error.summary}")
        return {}
    return told


def _read(reef: Session, server: str) -> Mapping[str, Struct]:
    loaded = reef.load()
    urns = tuple(row.urn for row in living(loaded.checkpoint if loaded else None) if row.type == server and row.id)
    if not urns:
        return {}
    reef.begin("refresh")
    targets = urns if reef.target.engine == "pulumi" else ()
    planner, _ = reef.look(Task(verb="preview_refresh", targets=targets, parallel=reef.options.parallel))
    return {urn: planner.told[urn] for urn in urns if urn in planner.told}
