"""Claims of slots: one cell a slot whoever asks at once, nothing past the reserve, nothing half done."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import pytest
import shop
from sqlalchemy import select, text

from cellctl.errors import GuardError, UsageError
from cellctl.placement import Refusal
from cellctl.registry import claims, stock
from cellctl.registry.database import Database, InvariantBroken
from cellctl.registry.invariants import violations
from cellctl.registry.tables import bindings, database_slots, events, share_slots

PROCESSES, EACH = 8, 125

CLAIM = """
from cellctl.placement import Refusal, Request
from cellctl.registry import claims, inventory
from cellctl.registry.database import Database
inventory._quotas = lambda *_: ()  # an account has 50 load balancers until it asks for more; this is about slots
database, number, account, each = Database(words[0]), int(words[1]), words[2], int(words[3])
got = []
for index in range(each):
    name = f"cell-{number}-{index}"
    request = Request(cell=name, account=account, cloud="aws", region="eu-west-1", protocol="nfs")
    found = claims.claim(database, request)
    got.append((name, str(found)) if isinstance(found, Refusal) else (name, found.database_slot, *found.shares))
database.close()
say(got)
"""

STOP_IN_THE_MIDDLE = """
import time
from cellctl.placement import Request
from cellctl.registry import claims, rows
from cellctl.registry.database import Database
def stopped(*arguments):
    say("reserved both slots, not yet told")
    time.sleep(600)
claims.tell = stopped
claims.claim(Database(words[0]), Request(
    cell="acme", account="aws:123456789012", cloud="aws", region="eu-west-1", protocol="nfs"))
"""


def state_of(database: Database, table, row_id: int) -> str:
    with database.read() as connection:
        return connection.execute(select(table.c.state).where(table.c.id == row_id)).scalar_one()


def sound(database: Database) -> None:
    with database.read() as connection:
        assert violations(connection) == []


def test_a_cell_reserves_binds_and_gives_back(database: Database) -> None:
    shop.reef(database)
    request = shop.cell(database, "acme")
    found = claims.claim(database, request)
    assert isinstance(found, claims.Claim)
    assert (found.reef, found.host, found.gateway) == ("r1", "h0", "r1-g0")
    assert found.reserved_until is not None
    again = claims.claim(database, request)
    assert isinstance(again, claims.Claim)
    assert dataclasses.replace(again, reserved_until=None) == dataclasses.replace(found, reserved_until=None)
    assert again.reserved_until is not None
    assert again.reserved_until >= found.reserved_until
    bound = claims.confirm(database, again, database_name="octo_acme_g1")
    assert bound.reserved_until is None
    assert claims.confirm(database, bound, database_name="octo_acme_g1") == bound
    sound(database)
    assert claims.give_back(database, shop.ACCOUNT, "acme")
    assert not claims.give_back(database, shop.ACCOUNT, "acme")
    assert state_of(database, share_slots, bound.shares[0]) == "detaching"
    assert state_of(database, database_slots, bound.database_slot) == "readonly_hold"
    sound(database)
    with database.read() as connection:
        told = connection.execute(select(events.c.kind).where(events.c.target == "acme").order_by(events.c.id))
        assert [kind for kind in told.scalars() if not kind.startswith(("up.", "ended"))] == [
            "reserved", "bound", "given_back",
        ]  # fmt: skip


def test_the_reserve_for_restores_is_never_given_away(database: Database) -> None:
    shop.reef(database, capacity=4, reserve=2, slots=10)
    answers = [claims.claim(database, shop.cell(database, f"c{number}")) for number in range(3)]
    assert [type(answer) for answer in answers] == [claims.Claim, claims.Claim, Refusal]
    (shortage,) = answers[2].shortages
    assert (shortage.constraint, shortage.limit, shortage.used) == ("databases", 2, 2)
    assert "2 more are kept for restores" in shortage.reason
    sound(database)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_capacity_is_what_the_facts_say_and_never_more(database: Database) -> None:
    reef = shop.reef(database, hosts=0, gateways=0)
    plain = stock.NewHost(name="h", kind="rds", size="db.m6i.xlarge", ha_mode="always_on")
    stock.add_host(database, reef, plain)
    stock.add_gateway(database, reef, stock.NewGateway(name="g", kind="storage_gateway", protocol="nfs"))
    with database.read() as connection:
        purposes = connection.execute(select(database_slots.c.purpose)).scalars().all()
        assert (purposes.count("cell"), purposes.count("restore")) == (67, 8)
        assert len(connection.execute(select(share_slots.c.id)).all()) == 10
    for wrong, words in (
        ({"name": "a", "capacity": 76}, "takes 75 databases, not 76"),
        ({"name": "b", "capacity": 50, "reserve": 2}, "must keep 5 databases free"),
        ({"name": "c", "size": "db.t3.small"}, "nothing says how many databases db.t3.small takes"),
    ):
        with pytest.raises(GuardError, match=words):
            stock.add_host(database, reef, dataclasses.replace(plain, **wrong))
    wide = stock.NewGateway(name="w", kind="storage_gateway", protocol="nfs", max_slots=51)
    with pytest.raises(GuardError, match="can have 50 shares, not 51"):
        stock.add_gateway(database, reef, wide)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_is_cordoned_or_not_yet_in_service_takes_nobody(database: Database) -> None:
    reef = shop.reef(database, gateways=0)
    waiting = shop.gateway(database, reef, "g-new", slots=2, in_service=False)
    acme, globex = shop.cells(database, ["acme", "globex"])
    assert isinstance(claims.claim(database, acme), Refusal)
    stock.move(database, "gateway", waiting, "in_service")
    assert isinstance(claims.claim(database, acme), claims.Claim)
    stock.set_cordon(database, "gateway", waiting, on=True)
    assert isinstance(claims.claim(database, globex), Refusal)
    sound(database)  # who was there before the cordon stays
    stock.set_cordon(database, "gateway", waiting, on=False)
    assert isinstance(claims.claim(database, globex), claims.Claim)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_gateway_goes_only_when_nobody_is_on_it(database: Database) -> None:
    shop.reef(database)
    found = claims.claim(database, shop.cell(database, "acme"))
    assert isinstance(found, claims.Claim)
    with pytest.raises(GuardError, match="cannot become retired"):
        stock.move(database, "gateway", 1, "retired")
    for state in ("cordoned", "draining"):
        stock.move(database, "gateway", 1, state)
    for refused in (lambda: stock.move(database, "gateway", 1, "retiring"), lambda: stock.retire_slots(database, 1)):
        with pytest.raises(GuardError, match="in use by cells"):
            refused()
    claims.give_back(database, shop.ACCOUNT, "acme")
    stock.retire_slots(database, 1)
    for state in ("retiring", "retired"):
        stock.move(database, "gateway", 1, state)
    sound(database)


def test_a_reservation_that_ran_out_goes_to_the_next_and_its_owner_is_told(database: Database) -> None:
    shop.reef(database, capacity=2, reserve=1, slots=1)
    slow = claims.claim(database, shop.cell(database, "slow"), reserve_s=0.0)
    assert isinstance(slow, claims.Claim)
    time.sleep(0.01)
    quick = claims.claim(database, shop.cell(database, "quick"))
    assert isinstance(quick, claims.Claim)
    assert quick.shares == slow.shares
    with pytest.raises(claims.ClaimLost, match="slow"):
        claims.confirm(database, slow, database_name="octo_slow_g1")
    claims.confirm(database, quick, database_name="octo_quick_g1")
    assert claims.take_back_expired(database) == 0
    sound(database)


def test_a_share_that_held_data_comes_back_only_scrubbed(database: Database) -> None:
    shop.reef(database, slots=1)
    found = claims.claim(database, shop.cell(database, "acme"))
    assert isinstance(found, claims.Claim)
    claims.confirm(database, found, database_name="octo_acme_g1")
    claims.give_back(database, shop.ACCOUNT, "acme")
    (share,) = found.shares
    for state in ("quarantined", "scrubbing", "verifying"):
        stock.move(database, "share_slot", share, state)
    for remaining in (None, 3):
        if remaining is not None:
            stock.scrubbed(database, share, remaining=remaining)
        with pytest.raises(InvariantBroken, match="i6_scrubbed_before_available"):
            stock.move(database, "share_slot", share, "available")
    stock.scrubbed(database, share, remaining=0)
    stock.move(database, "share_slot", share, "available")
    sound(database)
    again = claims.claim(database, shop.cell(database, "globex"))
    assert isinstance(again, claims.Claim)
    claims.confirm(database, again, database_name="octo_globex_g1")
    with database.read() as connection:
        row = connection.execute(select(share_slots).where(share_slots.c.id == share)).one()
    assert (row.held_data, row.scrub_remaining) == (True, None)


REFUSED = [
    ("INSERT INTO bindings (cell_id, account, cloud, region, reef_id, database_slot_id, gateway_id, since)"
     " SELECT cell_id, account, cloud, region, reef_id, 2, gateway_id, since FROM bindings", "i1|bindings.cell_id"),
    ("INSERT INTO bindings (cell_id, account, cloud, region, reef_id, database_slot_id, gateway_id, since)"
     " SELECT 2, account, cloud, region, reef_id, database_slot_id, gateway_id, since FROM bindings",
     "i1|bindings.database_slot_id"),
    ("INSERT INTO binding_shares (binding_id, share_slot_id, gateway_id, kind) SELECT binding_id, share_slot_id,"
     " gateway_id, 'x' FROM binding_shares", "i1|binding_shares|pkey"),
    ("UPDATE share_slots SET bucket = 'same'", "i2|share_slots.bucket"),
    ("UPDATE hosts SET reserve = capacity", "i4_hosts_reserve"),
    ("UPDATE binding_shares SET gateway_id = 2", "i5|FOREIGN KEY"),
    ("UPDATE share_slots SET state = 'available', held_data = true", "i6|share_slots"),
    ("UPDATE cells SET holds_data = true", "i7_key_before_data"),
    ("UPDATE cells SET region = 'us-east-1'", "i8|FOREIGN KEY"),
    ("UPDATE bindings SET reef_id = 2", "i8|FOREIGN KEY"),
    ("UPDATE operations SET state = 'succeeded'", "i10_success_has_a_gate"),
]  # fmt: skip


def test_the_database_itself_keeps_the_invariants(database: Database) -> None:
    shop.reef(database, slots=3)
    shop.reef(database, "r2", slots=3)
    assert isinstance(claims.claim(database, shop.cell(database, "acme")), claims.Claim)
    shop.cell(database, "globex")
    for statement, constraint in REFUSED:
        with pytest.raises(InvariantBroken, match=constraint):
            database.write(lambda connection, statement=statement: connection.execute(text(statement)))
    sound(database)


def test_a_process_that_dies_in_the_middle_has_claimed_nothing(
    database: Database, url: str, crowd: Callable[..., object]
) -> None:
    shop.reef(database, capacity=2, reserve=1, slots=1)
    request = shop.cell(database, "acme")
    helper = crowd(STOP_IN_THE_MIDDLE, url)
    assert helper.heard() == "reserved both slots, not yet told"
    helper.kill()
    assert shop.counted(database) == (0, 0, 0)
    sound(database)
    assert isinstance(claims.claim(database, request), claims.Claim)


def test_a_thousand_claims_of_eight_processes(database: Database, url: str, crowd: Callable[..., object]) -> None:
    """There are 990 places for 1,000 cells in two accounts: 990 get one each, ten are told why not."""
    accounts = {"aws:1": 500, "aws:2": 490}
    for account, places in accounts.items():
        shop.reef(
            database, account, account=account, hosts=6, size="db.r5.24xlarge", capacity=100, reserve=10, gateways=10,
            slots=50, max_cells=places,
        )  # fmt: skip
    workers = [(number, list(accounts)[number % 2]) for number in range(PROCESSES)]
    for number, account in workers:
        shop.cells(database, [f"cell-{number}-{index}" for index in range(EACH)], account)
    helpers = [crowd(CLAIM, url, str(number), account, str(EACH)) for number, account in workers]
    answers = [answer for helper in helpers for answer in helper.heard()]
    placed, refused = [one for one in answers if len(one) == 3], [one for one in answers if len(one) == 2]
    assert (len(placed), len(refused)) == (990, 10)
    assert len({slot for _, slot, _ in placed}) == len({share for _, _, share in placed}) == 990
    assert all("reef 'aws:2' has its 490 cells" in said for _, said in refused)
    assert shop.counted(database) == (990, 990, 990)
    with database.read() as connection:
        recorded = connection.execute(select(bindings.c.database_slot_id)).scalars().all()
    assert set(recorded) == {slot for _, slot, _ in placed}
    sound(database)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_cell_that_nobody_requested_gets_no_place(database: Database) -> None:
    shop.reef(database)
    request = shop.cell(database, "acme")
    with pytest.raises(UsageError, match="no cell 'globex'"):
        claims.claim(database, dataclasses.replace(request, cell="globex"))
