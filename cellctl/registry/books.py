"""The books of a registry, in whole transactions: a run begins, a run ends, states are compared and recorded anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TypeAlias

from sqlalchemy import Connection

from cellctl.registry import account_books, invariants, journal, reefs, restore_points
from cellctl.registry.claims import free_orphans, left
from cellctl.registry.database import Database
from cellctl.registry.invariants import Violation
from cellctl.registry.journal import Beginning, CellKey, Ending
from cellctl.registry.points import PointSeen
from cellctl.registry.recording import Difference, recorded_cells
from cellctl.registry.reefs import ReefRecorder
from cellctl.registry.rows import tell
from cellctl.registry.survey import ReefSurvey, Survey

AnySurvey: TypeAlias = Survey | ReefSurvey
CellName: TypeAlias = tuple[str, str]
"""Account and name."""
_NO_POINTS: Mapping[str, PointSeen] = MappingProxyType({})


def begin(database: Database, key: CellKey, beginning: Beginning) -> None:
    """Record that a run begins; one of this cell that never said how it ended is lost: the caller has its lease.

    Raises:
        GuardError: It would make something in an account whose base is being taken away.
    """

    def work(connection: Connection) -> None:
        now = database.now(connection)
        account_books.came(connection, now, key.account, key.cloud, makes=beginning.kind == "up")
        journal.begin(connection, now, key, beginning)

    database.write(work)


def end(
    database: Database,
    key: CellKey,
    ending: Ending,
    *,
    seen: AnySurvey | None = None,
    incarnation: int = 1,
    points: Mapping[str, PointSeen] = _NO_POINTS,
    moment: float | None = None,
) -> None:
    """Record how a run ended, what the cell or reef has now, and which incarnation its next names are of.

    `points`: by host, to which moments it can be brought back; `moment`: the cloud's time, if it told it.
    """

    def work(connection: Connection) -> None:
        now = database.now(connection)
        recorder = ReefRecorder(connection, now)
        if ending.cell_state == "purged" and key.kind == "reef":
            reefs.gone(connection, now, key.account, key.name)
        elif ending.cell_state == "purged":
            _forget(recorder, connection, key.account, key.name)
        elif seen is not None:
            recorder.see(seen)
            if key.kind == "reef":
                restore_points.seen_on_reef(connection, now, key, points)
            else:
                restore_points.seen(connection, now, key, points.values(), moment)
        journal.finish(connection, now, key, ending)
        if key.kind == "cell":
            journal.set_incarnation(connection, key.account, key.name, incarnation)

    database.write(work)


def _forget(recorder: ReefRecorder, connection: Connection, account: str, cell: str) -> None:
    """Record that nothing of a cell is there: it leaves its place, and becomes a tombstone."""
    left(connection, recorder.now, account, cell)
    recorder.forget(account, cell)


def incarnation(database: Database, account: str, cell: str) -> int:
    """Return which incarnation of a cell lives, 1 where the registry does not know it."""
    with database.read() as connection:
        return journal.incarnation(connection, account, cell)


def recorded(database: Database, account: str) -> dict[str, str]:
    """Return name and state of each cell that the registry has in an account."""
    with database.read() as connection:
        return recorded_cells(connection, account)


def violations(database: Database) -> list[Violation]:
    """Return every broken invariant."""
    with database.read() as connection:
        return invariants.violations(connection)


class _Undo(Exception):
    """Takes a comparison's changes back."""


def compared(database: Database, surveys: Sequence[AnySurvey], gone: Sequence[CellName]) -> list[Difference]:
    """Return what recording the states would change: it is done, and taken back."""
    found: list[Difference] = []

    def work(connection: Connection) -> None:
        recorder = ReefRecorder(connection, database.now(connection))
        for account, cell in gone:
            _forget(recorder, connection, account, cell)
        for one in surveys:
            recorder.see(one)
        found[:] = recorder.differences
        raise _Undo

    with suppress(_Undo):
        database.write(work)
    missing = {one.cell for one in found if _whole(one) and not one.field}
    return [one for one in found if _whole(one) or one.cell not in missing]


def _whole(one: Difference) -> bool:
    """Tell whether a difference is about a cell or a reef itself, and not about something of it."""
    return one.what == "cell" or (one.cell.startswith("reef/") and one.what.startswith("reef "))


def refilled(
    database: Database, surveys: Sequence[AnySurvey], gone: Sequence[CellName], *, account: str
) -> list[Difference]:
    """Drop what states know and record it again, in one transaction; return what that mended.

    `account` is where the event is told.
    """
    mended = compared(database, surveys, gone)

    def work(connection: Connection) -> None:
        now = database.now(connection)
        recorder = ReefRecorder(connection, now)
        for name in gone:
            _forget(recorder, connection, *name)
        for found in surveys:
            if isinstance(found, ReefSurvey):
                recorder.see(found)
            else:
                recorder.anew(found)
        detail = {"cells": len(surveys), "mended": len(mended), "freed": free_orphans(connection, now)}
        tell(connection, now, (account, "registry", "registry"), "rebuilt", detail)

    database.write(work)
    return mended
