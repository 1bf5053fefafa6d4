"""A reef in the registry: recorded from its state, grown, cordoned, lost, gone and made again."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest
import shop
from sqlalchemy import select

from cellctl.errors import GuardError, UsageError
from cellctl.gates import GATES, Gate, GatewayFacts, Judged
from cellctl.placement import Refusal
from cellctl.registry import books, claims, places, reefs, serving
from cellctl.registry.database import Database
from cellctl.registry.invariants import violations
from cellctl.registry.journal import Beginning, CellKey, Ending
from cellctl.registry.survey import GatewaySeen, ReefGateway, ReefHost, ReefSurvey, Survey
from cellctl.registry.tables import bindings, database_slots, events, gateways, share_slots
from cellctl.registry.tables import reefs as table

KEY = CellKey(account=shop.ACCOUNT, cloud="aws", region=shop.REGION, name="r1", kind="reef")
HOST = ReefHost(
    name="sql-1", kind="rds", size="db.m6i.large", ha_mode="always_on", endpoint="sql-1.x",
    place={"host": "sql-1", "server": "sql-1.x"},
)  # fmt: skip


def gateway(number: int) -> ReefGateway:
    name = f"g{number}"
    shares = tuple((f"arn:{name}-{index}", f"{name}-{index}", f"bucket-{name}-{index}") for index in range(1, 4))
    seen = GatewaySeen(name=name, kind="storage_gateway", protocol="nfs", object_id=f"arn:{name}")
    return ReefGateway(seen=seen, zone="a", shares=shares, place={"gateway": name, "number": 3 * (number - 1)})


def reef(*numbers: int, whole: bool = True) -> ReefSurvey:
    return ReefSurvey(
        key=KEY, max_cells=5, whole=whole, hosts=(HOST,), gateways=tuple(map(gateway, numbers)),
        place={"reef": "r1", "network": "vpc-1"},
    )  # fmt: skip


def run(database: Database, seen: ReefSurvey | None, number: int, *, state: str = "") -> None:
    books.begin(database, KEY, Beginning(id=f"run-{number}", kind="up"))
    ending = Ending(id=f"run-{number}", result="succeeded", gate="verified", cell_state=state)
    books.end(database, KEY, ending, seen=seen)
    with database.read() as connection:
        waiting = [
            name for name, state in serving.states_of(connection, KEY.account, "r1").items() if state == "probing"
        ]
    for name in waiting:
        serving.record(database, shop.ACCOUNT, judged(name), by="ann on host1")


def judged(name: str, *shut: str, serve: bool = True, clean: tuple[int, ...] = (1, 2, 3)) -> Judged:
    found = tuple(Gate(gate=gate, passed=gate not in shut, message=f"{gate} seen", hint="") for gate in GATES)
    shares = tuple(f"arn:{name}-{number}" for number in clean)
    return Judged(gateway=name, gates=found, facts=GatewayFacts(software="2.2.4"), serve=serve, clean=shares)


def states(database: Database, column) -> list[str]:
    with database.read() as connection:
        assert violations(connection) == []
        return [str(one) for one in connection.execute(select(column).order_by(column.table.c.id)).scalars()]


def test_a_reef_serves_once_it_is_whole_and_grows(database: Database) -> None:
    run(database, reef(1, whole=False), 1)
    assert states(database, table.c.state) == ["planned"]
    request = shop.cell(database, "acme")
    assert isinstance(places.claimed(database, request), Refusal)
    run(database, reef(1), 2)
    assert states(database, table.c.state) == ["in_service"]
    found = places.claimed(database, request)
    assert isinstance(found, tuple)
    assert found[1] == {
        "reef": "r1", "network": "vpc-1", "host": "sql-1", "server": "sql-1.x", "gateway": "g1", "number": 0,
        "share": "g1-1", "share_arn": "arn:g1-1", "bucket": "bucket-g1-1", "database": "octo_acme_g1",
    }  # fmt: skip
    claims.confirm(database, found[0], database_name="octo_acme_g1")
    run(database, reef(1, 2), 3)
    assert len(states(database, share_slots.c.state)) == 6
    assert states(database, share_slots.c.state)[0] == "bound"
    assert places.claimed(database, request) == (dataclasses.replace(found[0], reserved_until=None), found[1])


def test_a_cell_has_as_many_shares_of_one_gateway_as_it_asks_for(database: Database) -> None:
    run(database, reef(1), 1)
    request = dataclasses.replace(shop.cell(database, "acme"), shares=2)
    found = places.claimed(database, request)
    assert isinstance(found, tuple)
    claim, place = found
    assert (place["share"], place["number"]) == ("g1-1", 0)
    assert place["apart"] == [{"share": "g1-2", "share_arn": "arn:g1-2", "bucket": "bucket-g1-2"}]
    claims.confirm(database, claim, database_name="octo_acme_g1")
    assert states(database, share_slots.c.state) == ["bound", "bound", "available"]
    more = dataclasses.replace(shop.cell(database, "globex"), shares=2)
    refused = places.claimed(database, more)
    assert isinstance(refused, Refusal)
    assert "shares" in str(refused)
    claims.give_back(database, shop.ACCOUNT, "acme")
    assert states(database, share_slots.c.state)[:2] == ["detaching", "detaching"]


def test_a_cordon_outlives_runs_and_a_foreseen_place_is_nobodys(database: Database) -> None:
    run(database, reef(1, 2), 1)
    key = CellKey(account=shop.ACCOUNT, cloud="aws", region=shop.REGION, name="new", placement="reef")
    request = dataclasses.replace(shop.cell(database, "acme"), cell="new")
    foreseen = places.foreseen(database, key, request)
    assert isinstance(foreseen, dict)
    assert shop.counted(database) == (0, 0, 0)
    assert "new" not in books.recorded(database, shop.ACCOUNT)
    assert reefs.set_cordon(database, shop.ACCOUNT, "r1", "g1", on=True) == "cordoned"
    run(database, reef(1, 2), 2)
    assert states(database, gateways.c.state) == ["cordoned", "in_service"]
    assert places.foreseen(database, key, request)["gateway"] == "g2"  # type: ignore[index]
    assert reefs.set_cordon(database, shop.ACCOUNT, "r1", on=True) == "cordoned"
    assert isinstance(places.foreseen(database, key, request), Refusal)
    assert reefs.set_cordon(database, shop.ACCOUNT, "r1", on=False) == "in_service"
    for name, part in (("r2", ""), ("r1", "g9")):
        with pytest.raises(UsageError):
            reefs.set_cordon(database, shop.ACCOUNT, name, part, on=True)


def test_a_cell_that_is_gone_leaves_a_free_database_and_a_share_that_nobody_gets(database: Database) -> None:
    run(database, reef(1), 1)
    found = places.claimed(database, shop.cell(database, "acme"))
    assert isinstance(found, tuple)
    claims.confirm(database, found[0], database_name="octo_acme_g1")
    with pytest.raises(GuardError, match="acme"):
        reefs.withdraw(database, shop.ACCOUNT, "r1")
    key = CellKey(account=shop.ACCOUNT, cloud="aws", region=shop.REGION, name="acme", placement="reef")
    books.begin(database, key, Beginning(id="down", kind="down"))
    books.end(database, key, Ending(id="down", result="succeeded", gate="counted", cell_state="purged"))
    assert states(database, share_slots.c.state) == ["quarantined", "available", "available"]
    assert set(states(database, database_slots.c.state)) == {"available"}
    again = places.claimed(database, shop.cell(database, "globex"))
    assert isinstance(again, tuple)
    assert again[1]["share"] == "g1-2"


def test_a_cell_whose_state_is_gone_leaves_its_place_when_the_registry_is_filled_anew(database: Database) -> None:
    run(database, reef(1), 1)
    assert isinstance(places.claimed(database, shop.cell(database, "acme")), tuple)
    assert books.compared(database, [reef(1)], [(shop.ACCOUNT, "acme")])
    assert shop.counted(database) == (1, 1, 1)
    books.refilled(database, [reef(1)], [(shop.ACCOUNT, "acme")], account=shop.ACCOUNT)
    assert shop.counted(database) == (0, 0, 0)
    assert set(states(database, share_slots.c.state)) == {"available"}


def test_a_reef_that_was_taken_away_can_be_made_again(database: Database) -> None:
    run(database, reef(1), 1)
    reefs.withdraw(database, shop.ACCOUNT, "r1")
    run(database, None, 2, state="purged")
    assert states(database, table.c.state) == ["retired"]
    assert set(states(database, share_slots.c.state)) == {"retired"}
    run(database, reef(1), 3)
    assert states(database, table.c.state) == ["in_service"]
    assert set(states(database, share_slots.c.state)) == {"available"}
    assert isinstance(places.claimed(database, shop.cell(database, "acme")), tuple)


def test_a_registry_that_was_lost_gives_no_share_of_which_nothing_is_proven(database: Database) -> None:
    books.refilled(database, [reef(1)], [], account=shop.ACCOUNT)
    assert states(database, share_slots.c.state) == ["quarantined"] * 3
    request = shop.cell(database, "acme")
    serving.record(database, shop.ACCOUNT, judged("g1", clean=()), by="ann")
    refused = places.claimed(database, request)
    assert isinstance(refused, Refusal)
    assert "3 are quarantined: `cellctl gateway probe` frees those that hold nothing" in str(refused)
    serving.record(database, shop.ACCOUNT, judged("g1", "cache", clean=(1,)), by="ann")
    assert states(database, share_slots.c.state) == ["quarantined"] * 3  # what waits in the cache may be anybody's
    serving.record(database, shop.ACCOUNT, judged("g1", clean=(2,)), by="ann")
    assert states(database, share_slots.c.state) == ["quarantined", "available", "quarantined"]
    books.refilled(database, [reef(1)], [], account=shop.ACCOUNT)  # what is proven stays so
    found = places.claimed(database, request)
    assert isinstance(found, tuple)
    assert found[1]["share"] == "g1-2"
    claims.confirm(database, found[0], database_name="octo_acme_g1")
    serving.record(database, shop.ACCOUNT, judged("g1", clean=(1, 2, 3)), by="ann")
    assert states(database, share_slots.c.state) == ["available", "bound", "available"]


def test_a_place_that_only_the_state_knows_is_bound_again(database: Database) -> None:
    run(database, reef(1), 1)
    place = {"reef": "r1", "host": "sql-1", "share_arn": "arn:g1-2", "database": "octo_acme_g1"}
    key = CellKey(account=shop.ACCOUNT, cloud="aws", region=shop.REGION, name="acme", placement="reef")
    seen = Survey(key=key, incarnation=1, state="in_service", master_key="arn:key", holds_data=True, place=place)
    assert [str(one) for one in books.compared(database, [seen], [])] == ["cell is not in the registry"]
    books.refilled(database, [seen], [], account=shop.ACCOUNT)
    assert states(database, share_slots.c.state) == ["available", "bound", "available"]
    with database.read() as connection:
        assert connection.execute(select(bindings.c.reserved_until)).scalars().all() == [None]
    assert books.compared(database, [seen], []) == []


def test_nothing_is_placed_on_a_gateway_before_every_gate_holds(database: Database) -> None:
    books.begin(database, KEY, Beginning(id="run-1", kind="up"))
    books.end(database, KEY, Ending(id="run-1", result="succeeded", gate="verified"), seen=reef(1))
    assert (states(database, table.c.state), states(database, gateways.c.state)) == (["in_service"], ["probing"])
    request = shop.cell(database, "acme")
    assert isinstance(places.claimed(database, request), Refusal)
    assert serving.record(database, shop.ACCOUNT, judged("g1", "cache"), by="ann") == "probing"
    assert serving.record(database, shop.ACCOUNT, judged("g1", serve=False), by="ann") == "probing"
    partly = dataclasses.replace(judged("g1"), gates=judged("g1").gates[:3])
    assert serving.record(database, shop.ACCOUNT, partly, by="ann") == "probing"
    assert isinstance(places.claimed(database, request), Refusal)
    assert serving.record(database, shop.ACCOUNT, judged("g1"), by="ann") == "in_service"
    assert isinstance(places.claimed(database, request), tuple)
    with database.read() as connection:
        told = connection.execute(select(events.c.kind, events.c.detail).where(events.c.target_kind == "gateway"))
        assert [tuple(row) for row in told] == [
            ("judged", {"by": "ann", "shut": ["cache"]}),
            ("judged", {"by": "ann", "proven_clean": ["g1-1", "g1-2", "g1-3"]}), ("judged", {"by": "ann"}),
            ("in_service", {"by": "ann"}),
        ]  # fmt: skip
        (view,) = serving.listed(connection, shop.ACCOUNT)
    assert (view.state, view.free, view.judged, view.slots[0].cell) == (
        "in_service",
        2,
        judged("g1", serve=False),
        "acme",
    )
    with pytest.raises(UsageError, match="no gateway 'g9'"):
        serving.record(database, shop.ACCOUNT, judged("g9"), by="ann")


def test_two_who_bring_a_gateway_into_service_at_once_do_it_once(database: Database) -> None:
    books.begin(database, KEY, Beginning(id="run-1", kind="up"))
    books.end(database, KEY, Ending(id="run-1", result="succeeded", gate="verified"), seen=reef(1))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda by: serving.record(database, shop.ACCOUNT, judged("g1"), by=by), "abcd"))
    assert found == ["in_service"] * 4
    with database.read() as connection:
        kinds = connection.execute(select(events.c.kind).where(events.c.target_kind == "gateway")).scalars().all()
    assert sorted(kinds) == ["in_service", "judged", "judged", "judged"]


def test_no_cell_gets_a_share_while_it_is_tried_even_after_a_kill(database: Database) -> None:
    run(database, reef(1), 1)
    requests = [shop.cell(database, name) for name in ("acme", "globex", "initech")]
    with serving.probing(database, shop.ACCOUNT, "g1") as share:
        assert share == "g1-3"
        first, second, third = (places.claimed(database, one) for one in requests)
        assert [one[1]["share"] for one in (first, second)] == ["g1-1", "g1-2"]  # type: ignore[index]
        assert isinstance(third, Refusal)
    assert states(database, share_slots.c.state) == ["reserved", "reserved", "available"]
    left = share_slots.update().where(share_slots.c.number == 3).values(state="reserved")
    database.write(lambda connection: connection.execute(left))
    with serving.probing(database, shop.ACCOUNT, "g1") as share:
        assert share == "g1-3"  # what a probe left that was killed
    assert isinstance(places.claimed(database, requests[2]), tuple)
    with serving.probing(database, shop.ACCOUNT, "g1") as share:
        assert share == ""
