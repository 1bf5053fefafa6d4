"""Whatever is done to a registry in whatever order: its invariants hold, no slot is lost, no cell loses its place."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import shop
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from sqlalchemy import func, select, text, update

from cellctl.errors import GuardError
from cellctl.placement import Refusal
from cellctl.registry import claims, journal, restore_points, stock, tables
from cellctl.registry.database import Database, InvariantBroken
from cellctl.registry.invariants import violations
from cellctl.registry.migrating import migrate
from cellctl.registry.points import PointSeen

_EMPTY = [
    "restore_points", "binding_balancers", "binding_shares", "bindings", "nodes", "balancer_slots", "balancers",
    "share_slots", "database_slots", "gateways", "hosts", "reefs", "cells",
]  # fmt: skip


class Registry(RuleBasedStateMachine):
    """Two small reefs, cells that come and go, capacity that is cordoned, reservations that run out."""

    database: Database
    requested = Bundle("requested")
    reserved = Bundle("reserved")
    bound = Bundle("bound")

    @initialize()
    def two_reefs(self) -> None:
        self.clear()
        self.number = 0
        self.places: dict[str, tuple[int, tuple[int, ...], tuple[int, ...]]] = {}
        doors = {"r1": {}, "r2": {"web": [2], "polling": [1, 1]}}
        for name, shared in doors.items():
            shop.reef(
                self.database, name, hosts=1, gateways=1, capacity=3, reserve=1, slots=2, max_cells=2, doors=shared
            )

    def clear(self) -> None:
        def work(connection):
            for name in _EMPTY:
                connection.execute(text(f"DELETE FROM {name}"))

        self.database.write(work)

    @rule(target=requested)
    def request(self):
        self.number += 1
        with self.database.read() as connection:
            serial = connection.execute(select(func.count()).select_from(tables.operations)).scalar_one()
        return shop.cell(self.database, f"c{serial}-{self.number}")

    @rule(target=reserved, request=consumes(requested), expired=st.booleans())
    def claim(self, request, expired):
        found = claims.claim(self.database, request, reserve_s=-1.0 if expired else 900.0)
        if isinstance(found, Refusal):
            assert found.shortages
            return multiple()
        assert len(found.doors) == (2 if found.reef == "r2" else 0)
        self.places[request.cell] = (found.database_slot, found.shares, found.doors)
        return found

    @rule(target=bound, claimed=consumes(reserved))
    def confirm(self, claimed):
        try:
            found = claims.confirm(self.database, claimed, database_name=f"octo_{claimed.cell}_g1")
        except claims.ClaimLost:
            self.places.pop(claimed.cell, None)
            return multiple()
        assert (found.database_slot, found.shares, found.doors) == self.places[claimed.cell]
        return found

    @rule(claimed=consumes(reserved))
    def give_back_a_reservation(self, claimed):
        claims.give_back(self.database, shop.ACCOUNT, claimed.cell)
        self.places.pop(claimed.cell, None)

    @rule(claimed=consumes(bound))
    def decommission(self, claimed):
        assert claims.give_back(self.database, shop.ACCOUNT, claimed.cell)
        self.places.pop(claimed.cell)

    @rule(claimed=bound, key=st.sampled_from(["", "v1", "v2"]), at=st.integers(1, 40), since=st.none() | st.just(20.0))
    def back_up(self, claimed, key, at, since):
        """A run of the cell, and one of its reef, see to which moment it can be brought back (I7)."""
        mine = tables.cells.c.name == claimed.cell
        data = {"holds_data": bool(key), "master_key": key and "arn:key", "master_key_version": key}
        self.database.write(lambda connection: connection.execute(
            update(tables.cells).where(mine).values(**data, data_since=since)))  # fmt: skip
        seen = PointSeen(kind="point_in_time", location="arn:host", db_time=float(at), expires=at + 10.0)
        reef = journal.CellKey(account=shop.ACCOUNT, cloud="aws", region=shop.REGION, name=claimed.reef, kind="reef")
        before = self.points(claimed.cell)

        def work(connection):
            restore_points.seen(connection, 1.0, self.key_of(claimed), [seen], None)
            restore_points.seen_on_reef(connection, 1.0, reef, {claimed.host: seen})

        self.database.write(work)
        after = self.points(claimed.cell)
        moved = {one.master_key_version: one.db_time for one in after if one.kind == "point_in_time"}
        if key and since is not None and at >= since:
            assert moved[key] >= at
        else:
            assert after == before

    @rule(claimed=bound, gone=st.booleans(), at=st.integers(1, 40))
    def leave_backups(self, claimed, gone, at):
        """A `down` that says what it leaves, is killed, and is looked at by the next run."""
        left = PointSeen(kind="final_snapshot", location=f"final-{at}", db_time=float(at), expires=None)
        restore_points.expect(self.database, self.key_of(claimed), [left], operation="run", state="expected")
        before = self.points(claimed.cell)
        with self.database.read() as connection:
            cell = connection.execute(select(tables.cells).where(tables.cells.c.name == claimed.cell)).one()
        self.database.write(lambda connection: restore_points.settle(connection, 1.0, cell.id, gone=gone))
        after = self.points(claimed.cell)
        assert not any(one.state == "expected" for one in after)
        expected = [one.location for one in before if one.state == "expected"]
        assert bool(expected) == bool(cell.master_key_version)
        assert set(expected) & {one.location for one in after if one.kind == "final_snapshot"} == (
            set(expected) if gone else set(expected) & {one.location for one in before if one.state == "there"}
        )

    def key_of(self, claimed):
        return journal.CellKey(account=shop.ACCOUNT, cloud="aws", region=shop.REGION, name=claimed.cell)

    def points(self, cell):
        with self.database.read() as connection:
            return restore_points.listed(connection, shop.ACCOUNT, cell)

    @rule()
    def take_back_what_ran_out(self):
        claims.take_back_expired(self.database)

    @rule(number=st.integers(1, 99), to=st.sampled_from(sorted({state for after in
          stock.states.SHARE_SLOT.values() for state in after} - {"reserved", "bound"})))  # fmt: skip
    def move_a_share(self, number, to):
        found = self.some(tables.share_slots, number)
        if found.state in ("reserved", "bound"):
            return  # those are moved by claims
        try:
            stock.move(self.database, "share_slot", found.id, to)
        except GuardError:
            assert to not in stock.states.SHARE_SLOT[found.state]
        except InvariantBroken as error:
            if (error.constraint[:2], to) != ("i6", "available"):
                raise

    @rule(number=st.integers(1, 99), remaining=st.integers(0, 2))
    def prove_a_scrub(self, number, remaining):
        found = self.some(tables.share_slots, number)
        if found.state == "verifying":
            stock.scrubbed(self.database, found.id, remaining=remaining)

    @rule(kind=st.sampled_from(["reef", "host", "gateway", "balancer"]), number=st.integers(1, 99), on=st.booleans())
    def cordon(self, kind, number, on):
        found = self.some(stock.TABLES[kind], number)
        if found.state in ("in_service", "cordoned"):
            stock.set_cordon(self.database, kind, found.id, on=on)

    def some(self, table, number):
        with self.database.read() as connection:
            found = connection.execute(select(table).order_by(table.c.id)).all()
        return found[number % len(found)]

    @invariant()
    def nothing_is_wrong(self) -> None:
        with self.database.read() as connection:
            assert violations(connection) == []
            open_ = tables.bindings.c.until.is_(None)
            query = select(tables.cells.c.name, tables.bindings.c.database_slot_id).where(open_)
            joined = query.join(tables.cells, tables.cells.c.id == tables.bindings.c.cell_id)
            points = restore_points.listed(connection, shop.ACCOUNT)
            assert all(point.master_key and point.master_key_version for point in points)
            recorded = {row.name: row.database_slot_id for row in connection.execute(joined)}
        assert recorded.items() <= {cell: slot for cell, (slot, _, _) in getattr(self, "places", {}).items()}.items()


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def test_the_invariants_hold_whatever_is_done(kind: str, request: pytest.FixtureRequest) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if kind == "postgresql":
            database = Database(request.getfixturevalue("server").database("stateful"))
        else:
            database = Database(Path(folder) / "registry.db")
        migrate(database)
        machine = type("Machine", (Registry,), {"database": database})
        checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
        examples = 4 if kind == "postgresql" else 12  # the same rules; what differs is how transactions meet
        run = settings(max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=checks)
        machine.TestCase.settings = run
        try:
            machine.TestCase().runTest()
        finally:
            database.close()
