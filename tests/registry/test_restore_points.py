"""Restore points in the registry, on both databases: each names its key's version, moves on, and outlives its cell."""

from __future__ import annotations

import pytest
import shop
from sqlalchemy import insert, select, text, update

from cellctl.registry import books, claims, journal, restore_points
from cellctl.registry.database import Database, InvariantBroken
from cellctl.registry.invariants import violations
from cellctl.registry.points import PointSeen, RestorePoint
from cellctl.registry.recording import Recorder
from cellctl.registry.survey import Survey
from cellctl.registry.tables import cells

KEY = journal.CellKey(account=shop.ACCOUNT, cloud="aws", region=shop.REGION, name="acme")
DAY = 86400.0
HOST = "arn:aws:rds:eu-west-1:123456789012:db:cell-acme-sql"


def survey(version: str = "v1", *, data: bool = True, key: str = "arn:key") -> Survey:
    return Survey(
        key=KEY, incarnation=1, state="in_service" if data else "requested", master_key=key,
        master_key_version=version, holds_data=data,
    )  # fmt: skip


def point(at: float, kind: str = "point_in_time", **more: object) -> PointSeen:
    return PointSeen(**{"kind": kind, "location": HOST, "db_time": at, "expires": at + 14 * DAY, **more})


def ended(database: Database, seen: Survey | None, *points: PointSeen, moment: float, state: str = "") -> None:
    """Play a run of the cell that saw this."""
    with database.read() as connection:
        number = len(connection.execute(select(text("id")).select_from(text("operations"))).all())
    run = f"run-{number}"
    books.begin(database, KEY, journal.Beginning(id=run, kind="up"))
    ending = journal.Ending(id=run, result="succeeded", gate="verified: 1 checks", cell_state=state)
    books.end(database, KEY, ending, seen=seen, points=dict(enumerate(points)), moment=moment)


def listed(database: Database) -> list[RestorePoint]:
    with database.read() as connection:
        assert violations(connection) == []
        return restore_points.listed(connection, shop.ACCOUNT, "acme")


def test_the_last_moment_moves_on_and_never_lies_before_the_data(database: Database) -> None:
    ended(database, survey(), point(900.0), moment=1000.0)  # the first run: the instance is older than the database
    assert listed(database) == []
    ended(database, survey(), point(990.0), moment=1200.0)
    assert listed(database) == []
    ended(database, survey(), point(1100.0), moment=1400.0)
    ended(database, survey(), point(1300.0, files_time=1300.0), moment=1600.0)
    (found,) = listed(database)
    assert (found.db_time, found.files_time, found.expires) == (1300.0, 1300.0, 1300.0 + 14 * DAY)
    assert (found.master_key, found.master_key_version, found.state) == ("arn:key", "v1", "there")
    ended(database, survey(), point(1250.0), moment=1700.0)  # a state that was read without a refresh
    assert listed(database) == [found]


def test_another_version_of_the_key_begins_another_point_and_the_old_one_runs_out(database: Database) -> None:
    for moment in (1000.0, 2000.0):
        ended(database, survey(), point(moment), moment=moment)
    ended(database, survey("v2"), point(3000.0), moment=3000.0)
    assert [(one.master_key_version, one.db_time) for one in listed(database)] == [("v2", 3000.0), ("v1", 2000.0)]
    late = 2000.0 + 14 * DAY
    ended(database, survey("v2"), point(late), moment=late)
    ended(database, survey("v2"), moment=late)
    assert [one.master_key_version for one in listed(database)] == ["v2"]


def test_a_cell_without_a_key_has_no_restore_point(database: Database) -> None:
    for moment in (1000.0, 2000.0):
        ended(database, survey(""), point(moment), moment=moment)
    restore_points.expect(database, KEY, [point(1.0, "final_snapshot")], operation="run", state="there")
    assert listed(database) == []
    row = {
        "incarnation": 1, "kind": "final_snapshot", "location": "s", "db_time": 1.0, "master_key": "arn:key",
        "master_key_version": "", "state": "there", "state_since": 1.0,
    }  # fmt: skip

    def keyless(connection):
        cell = connection.execute(select(cells.c.id)).scalar_one()
        connection.execute(insert(restore_points.restore_points).values(**row, cell_id=cell))

    with pytest.raises(InvariantBroken) as caught:
        database.write(keyless)
    assert "i7_restore_point_names_its_key" in caught.value.constraint


def test_what_a_down_expects_is_there_once_the_database_is_gone_and_else_is_not(database: Database) -> None:
    for moment in (1000.0, 2000.0):
        ended(database, survey(), point(moment), moment=moment)
    upgrade = point(2100.0, "before_upgrade", files_time=2100.0, expires=2100.0 + 40 * DAY)
    restore_points.expect(database, KEY, [upgrade], operation="run-u", state="there")
    left = [point(3000.0, "final_snapshot", location="final-1", expires=None), point(3000.0, "kept_backups")]
    restore_points.expect(database, KEY, left, operation="run-d", state="expected")
    with database.read() as connection:
        (said, _) = violations(connection)  # no such run goes on
    assert (said.invariant, said.remedy) == ("I10", "cellctl down acme --delete-data finishes it")
    ended(database, survey(), moment=3000.0)  # that run failed: the database lives
    assert [one.kind for one in listed(database)] == ["before_upgrade", "point_in_time"]
    restore_points.expect(database, KEY, left, operation="run-e", state="expected")
    ended(database, None, moment=4000.0, state="purged")  # it was killed; the next one finds that all is gone
    kept = [(one.kind, one.state, one.files_time, one.expires) for one in listed(database)]
    until = 3000.0 + 14 * DAY
    assert kept == [
        ("final_snapshot", "there", None, None),
        ("kept_backups", "there", None, until),
        ("before_upgrade", "there", None, until),  # it is in the backups that are kept, and as long as they are
    ]


def test_backups_that_go_with_their_database_leave_nothing(database: Database) -> None:
    for moment in (1000.0, 2000.0):
        ended(database, survey(), point(moment), moment=moment)
    restore_points.expect(database, KEY, [point(2100.0, "before_upgrade")], operation="run-u", state="there")
    ended(database, None, moment=3000.0, state="purged")
    assert listed(database) == []
    ended(database, survey(), point(2500.0), moment=4000.0)  # another incarnation: its data is new
    assert listed(database) == []


def test_a_run_of_a_reef_moves_those_of_its_cells_on(database: Database) -> None:
    shop.reef(database, hosts=2)
    found = claims.claim(database, shop.cell(database, "acme"))
    claims.confirm(database, found, database_name="octo_acme_g1")
    values = {"holds_data": True, "master_key": "arn:key", "master_key_version": "v1", "data_since": 1000.0}
    database.write(lambda connection: connection.execute(update(cells).values(values)))
    reef = journal.CellKey(account=shop.ACCOUNT, cloud="aws", region=shop.REGION, name="r1", kind="reef")

    def seen(at: float, host: str) -> list[float]:
        def work(connection):
            restore_points.seen_on_reef(connection, database.now(connection), reef, {host: point(at)})

        database.write(work)
        return [one.db_time for one in listed(database)]

    assert seen(900.0, found.host) == []
    assert seen(2000.0, "another") == []
    assert seen(2000.0, found.host) == [2000.0]
    assert seen(3000.0, found.host) == [3000.0]


def test_a_rebuild_leaves_them_and_a_broken_one_is_found(database: Database) -> None:
    for moment in (1000.0, 2000.0):
        ended(database, survey(), point(moment), moment=moment)
    before = listed(database)
    books.refilled(database, [survey()], [], account=shop.ACCOUNT)
    assert listed(database) == before
    database.write(lambda connection: Recorder(connection, 1.0).record(survey()))
    assert listed(database) == before
    if database.postgresql:
        return  # nobody gets past its checks

    def work(connection):
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        connection.execute(text("UPDATE restore_points SET master_key_version = ''"))

    database.write(work)
    with database.read() as connection:
        (broken,) = violations(connection)
    assert (broken.invariant, broken.subject) == ("I7", "cell acme")
    assert "names no version of a master key" in broken.message
