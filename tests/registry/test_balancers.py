"""Places in load balancers that the cells of a reef share: claimed with the cell's place, never given twice."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import pytest
import shop
from sqlalchemy import select, update

from cellctl.errors import GuardError
from cellctl.placement import Refusal
from cellctl.registry import claims, places, reef_view, reefs, stock
from cellctl.registry.database import Database, InvariantBroken
from cellctl.registry.invariants import violations
from cellctl.registry.tables import balancer_slots, balancers, binding_balancers

DOORS = {"web": [4], "polling": [2, 2]}


def reef(database: Database, **more: object) -> int:
    return shop.reef(database, hosts=1, gateways=2, capacity=10, slots=6, **{"doors": DOORS, **more})


def states(database: Database) -> list[str]:
    with database.read() as connection:
        assert violations(connection) == []
        return list(connection.execute(select(balancer_slots.c.state).order_by(balancer_slots.c.id)).scalars())


def test_a_cell_has_one_place_of_each_kind_from_its_claim_to_its_end(database: Database) -> None:
    reef(database)
    first, second = shop.cells(database, ["acme", "globex"])
    claimed = claims.claim(database, first)
    assert isinstance(claimed, claims.Claim)
    assert states(database) == ["reserved", *["available"] * 3, "reserved", *["available"] * 3]
    assert claims.claim(database, first) == dataclasses.replace(claimed, reserved_until=_until(database, claimed))
    claims.confirm(database, claimed, database_name="octo_acme_g1")
    assert states(database).count("bound") == 2
    other = claims.claim(database, second)
    assert isinstance(other, claims.Claim)
    assert not {*claimed.doors} & {*other.doors}
    with database.read() as connection:
        shared = select(balancers.c.name).join(balancer_slots, balancer_slots.c.balancer_id == balancers.c.id)
        where = [connection.execute(shared.where(balancer_slots.c.id == one)).scalar_one() for one in other.doors]
    assert where == ["r1-web-1", "r1-polling-2"], "the emptiest of each kind"
    claims.give_back(database, shop.ACCOUNT, "acme")
    claims.give_back(database, shop.ACCOUNT, "globex")
    assert set(states(database)) == {"available"}, "a place there holds no data"


def _until(database: Database, claimed: claims.Claim) -> float | None:
    with database.read() as connection:
        return connection.execute(select(claims.bindings.c.reserved_until)).scalar_one()


def test_the_cell_that_finds_no_place_is_told_of_the_quota(database: Database) -> None:
    reef(database)
    requests = shop.cells(database, [f"c{number}" for number in range(5)])
    found = [claims.claim(database, request) for request in requests]
    assert [type(one).__name__ for one in found] == ["Claim"] * 4 + ["Refusal"]
    refused = found[-1]
    assert isinstance(refused, Refusal)
    assert [shortage.constraint for shortage in refused.shortages] == ["web", "polling"]
    assert str(refused) == (
        "there is no place for c4: reef 'r1' has no place on a load balancer for web and API: 4 of 4 are taken (quota "
        "lb.certificates-per-application-load-balancer of each); reef 'r1' has no place on a load balancer for polling "
        "Tentacles: 4 of 4 are taken (quota lb.listeners-per-network-load-balancer of each)"
    )
    with database.read() as connection:
        seen = reef_view.view(connection, shop.ACCOUNT, "r1", today="2026-11-28")
    assert seen is not None
    assert (seen.free, seen.binding) == (0, "web")
    assert [(part.name, dict(part.slots)) for part in seen.balancers] == [
        ("r1-polling-1", {"reserved": 2}), ("r1-polling-2", {"reserved": 2}), ("r1-web-1", {"reserved": 4}),
    ]  # fmt: skip
    keys = {quota.key: quota.used for quota in seen.quotas}
    assert "lb.network-load-balancers" not in keys, "a cell here takes none"
    assert keys["ec2.security-groups"] == 8


def test_balancers_that_a_reef_shares_count_against_its_account(database: Database) -> None:
    reef(database)
    with database.read() as connection:
        from cellctl.registry.inventory import inventory

        quotas = {
            one.key: one for one in inventory(connection, account=shop.ACCOUNT, cloud="aws", region=shop.REGION).quotas
        }
    network = quotas["lb.network-load-balancers"]
    assert (network.used, network.per_cell, network.per_shared) == (2, 1, 0)


def test_no_more_places_than_its_quotas_allow(database: Database) -> None:
    found = shop.reef(database)
    for kind, most in (("web", 25), ("polling", 50)):
        with pytest.raises(GuardError, match=f"takes {most} cells"):
            stock.add_balancer(database, found, stock.NewBalancer(name=kind, kind=kind, slots=most + 1))


def test_cells_that_ask_at_once_never_share_a_place(database: Database) -> None:
    reef(database)
    requests = shop.cells(database, [f"c{number}" for number in range(6)])
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda request: claims.claim(database, request), requests))
    taken = [slot for one in found if isinstance(one, claims.Claim) for slot in one.doors]
    assert (len(taken), len({*taken})) == (8, 8)
    assert states(database) == ["reserved"] * 8


def test_what_is_in_use_stays_and_what_is_cordoned_takes_nobody(database: Database) -> None:
    reef(database)
    claimed = claims.claim(database, shop.cell(database, "acme"))
    assert isinstance(claimed, claims.Claim)
    with database.read() as connection:
        ids = {row.name: row.id for row in connection.execute(select(balancers))}
    for name in ("r1-web-1", "r1-polling-1"):
        with pytest.raises(GuardError, match="in use by cells"):
            stock.move(database, "balancer", ids[name], "retired")
    assert reefs.set_cordon(database, shop.ACCOUNT, "r1", "r1-web-1", on=True) == "cordoned"
    refused = claims.claim(database, shop.cell(database, "globex"))
    assert isinstance(refused, Refusal)
    assert [shortage.constraint for shortage in refused.shortages] == ["web"]


def test_the_database_and_a_check_keep_the_invariants(database: Database) -> None:
    reef(database)
    first, second = (claims.claim(database, one) for one in shop.cells(database, ["acme", "globex"]))
    assert isinstance(first, claims.Claim)
    assert isinstance(second, claims.Claim)
    stolen = update(binding_balancers).where(binding_balancers.c.binding_id == second.binding)
    with pytest.raises(InvariantBroken, match="balancer_slot"):
        database.write(
            lambda connection: connection.execute(
                stolen.where(binding_balancers.c.kind == "web").values(balancer_slot_id=first.doors[0])
            )
        )
    freed = update(balancer_slots).where(balancer_slots.c.id == first.doors[0]).values(state="available")
    gone = binding_balancers.delete().where(binding_balancers.c.balancer_slot_id == second.doors[1])
    database.write(lambda connection: (connection.execute(freed), connection.execute(gone)))
    with database.read() as connection:
        said = [(one.invariant, one.message) for one in violations(connection)]
    assert said == [
        ("I1", "is reserved, and no cell has it"), ("I1", "is available, and a cell has it"),
        ("I4", "has 1 place on shared load balancers instead of one of web and one of polling"),
    ]  # fmt: skip
    from cellctl.registry.claims import free_orphans

    assert database.write(lambda connection: free_orphans(connection, 5.0)) == 1


def test_a_cell_keeps_balancers_of_its_own_when_its_reef_comes_to_share(database: Database) -> None:
    found = shop.reef(database, hosts=1, gateways=1)
    before = shop.cell(database, "acme")
    assert isinstance(claims.claim(database, before), claims.Claim)
    for kind in ("web", "polling"):
        shop.balancer(database, found, kind, f"r1-{kind}-1", slots=3)
    again = claims.claim(database, before)
    assert isinstance(again, claims.Claim)
    assert again.doors == ()
    after = claims.claim(database, shop.cell(database, "globex"))
    assert isinstance(after, claims.Claim)
    assert len(after.doors) == 2
    with database.read() as connection:
        assert places.doors.place_of(connection, again.binding) == {}
        assert places.doors.place_of(connection, after.binding) == {
            "entry": {"web_arn": "arn:r1-web-1", "web_slot": 1, "polling_arn": "arn:r1-polling-1", "polling_slot": 1}
        }
