"""What must be true after any crash and the next run: each fault found is one sentence."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from cellctl.engine.workspace import Workspaces, file_backend, stack_name
from cellctl.state.checkpoint import Checkpoint, integrity_problem
from crashes.drive import Command, Ended
from crashes.landscape import CELL, MARK
from crashes.witness import DATABASE


def faults(home: Path, command: Command, ended: Ended, *, data: bool) -> list[str]:
    """Return what is wrong in `home` after `command` ended so; `data`: the database's rows must still be there."""
    return list(_faults(home, command, ended, data))


def _faults(home: Path, command: Command, ended: Ended, data: bool) -> Iterator[str]:
    if ended.result not in ("succeeded", "nothing"):
        yield f"the next {command.verb} ended {ended.result}: {ended.text}"
    files, name = file_backend(Workspaces(home).local), stack_name(command.cell)
    assert files is not None
    state = files.read(name).checkpoint
    if state.pending:
        yield f"pending: {[(item.kind, item.resource.name) for item in state.pending]}"
    if files.locks(name).held():
        yield "a lock is left"
    if integrity_problem(state):
        yield integrity_problem(state)
    if command.verb == "down" and state.resources:
        yield f"down left {[row.name for row in state.resources]}"
    with closing(sqlite3.connect(home / ".cellctl" / "sandbox.db")) as db:
        yield from _objects(db, state)
        yield from _doors(db)
        if MARK:
            yield from _documents(db, state)
        if data and command.verb != "down":
            yield from _data(db)
    with closing(sqlite3.connect(home / ".cellctl" / "cellctl.db")) as db:
        if db.execute("SELECT count(*) FROM leases WHERE held = 1").fetchone()[0]:
            yield "a lease is left"


def state_of(home: Path, cell: str = CELL) -> Checkpoint:
    """Return the state of a cell in a home."""
    files = file_backend(Workspaces(home).local)
    assert files is not None
    return files.read(stack_name(cell)).checkpoint


def adrift(home: Path, command: Command, *, outlived: bool) -> list[str]:
    """Return what nobody knows of right after a crash: objects neither in the state nor begun, and the reverse.

    `outlived`: the engine lived on. Then it forgets the delete of which it heard nothing: the next run asks for it
    again.
    """
    files, name = file_backend(Workspaces(home).local), stack_name(command.cell)
    if files is None or not files.exists(name):
        return []
    state = files.read(name).checkpoint
    begun = {item.resource.urn.rpartition("::")[2] for item in state.pending}
    begun |= {row.name for row in state.resources if row.pending_replacement}  # deleted, and said to be
    with closing(sqlite3.connect(home / ".cellctl" / "sandbox.db")) as db:
        found = list(_objects(db, state))
    lost = ("orphan",) if outlived else ("orphan", "only in the state")
    return [f"after the crash: {line}" for line in found if line.startswith(lost) and line.split()[-2] not in begun]


def _objects(db: sqlite3.Connection, state: Checkpoint) -> Iterator[str]:
    """Objects in the simulated account and resources in the state are the same, one for one."""
    found = Counter(
        (str(urn), str(id_))
        for urn, id_ in db.execute("SELECT urn, id FROM objects WHERE gone_s IS NULL")
        if urn and not str(urn).rpartition("::")[2].startswith(MARK)
    )
    rows = (row for row in state.resources if row.custom and not row.is_provider and not row.external)
    known = Counter((row.urn, row.id) for row in rows if not row.type.startswith("cellctl:"))
    for urn, id_ in found - known:
        yield f"orphan or duplicate: {urn.rpartition('::')[2]} {id_}"
    for urn, id_ in known - found:
        yield f"only in the state: {urn.rpartition('::')[2]} {id_}"
    for row in state.resources:
        if row.delete or row.pending_replacement:
            yield f"left half replaced: {row.name}"


def _documents(db: sqlite3.Connection, state: Checkpoint) -> Iterator[str]:
    """What provider `cellctl` made is there as often as the state says."""
    for type_, query in (
        ("cellctl:aws:FileGateway", "SELECT count(*) FROM gateway_documents WHERE kind = 'gateway'"),
        ("cellctl:sql:CellDatabase", "SELECT count(*) FROM sql_databases WHERE key LIKE 'octo!_%' ESCAPE '!'"),
    ):
        try:
            found = db.execute(query).fetchone()[0]
        except sqlite3.OperationalError:
            found = 0
        known = sum(row.type == type_ for row in state.resources)
        if found != known:
            yield f"{type_}: {found} made, {known} in the state"


def _doors(db: sqlite3.Connection) -> Iterator[str]:
    """What a step opened for itself is closed again."""
    rule = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    query = "SELECT count(*) FROM objects WHERE type = ? AND urn = '' AND gone_s IS NULL"
    if db.execute(query, (rule,)).fetchone()[0]:
        yield "port 80 of the appliance was left open"


def _data(db: sqlite3.Connection) -> Iterator[str]:
    rows = db.execute("SELECT content FROM sql_databases WHERE key = ?", (DATABASE,)).fetchall()
    if not any("Projects-1" in json.dumps(json.loads(str(content))) for (content,) in rows):
        yield "the rows in the database are lost"
