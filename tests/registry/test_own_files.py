"""Cells on Azure bring their own storage account to a reef: it comes with their claim and goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, insert, select, update

from cellctl.placement import Refusal, Request
from cellctl.registry import claims, invariants, journal, places, reef_view, stock
from cellctl.registry.database import Database
from cellctl.registry.tables import bindings, cells, database_slots, gateways, hosts, reefs, share_slots

ACCOUNT, REGION = "azure:11111111-2222-4333-8444-555555555555", "westeurope"


@pytest.fixture
def reef(database: Database) -> int:
    """Make a reef with two hosts that take three cells each."""
    new = stock.NewReef(name="r1", account=ACCOUNT, cloud="azure", region=REGION, max_cells=50)
    made = stock.add_reef(database, new)
    stock.move(database, "reef", made, "in_service")
    _say(database, reefs, "r1", {"reef": "r1", "cidr": "10.64.0.0/16"})
    for number in range(2):
        name = f"sql-{number + 1}"
        host = stock.NewHost(
            name=name, kind="azure_sql", size="GP_Gen5_4", ha_mode="zone_redundant", capacity=4, reserve=1
        )
        made_host = stock.add_host(database, made, host)
        for state in ("creating", "in_service"):
            stock.move(database, "host", made_host, state)
        _say(database, hosts, name, {"host": name, "number": 64 * number})
    return made


def _say(database: Database, table, name: str, place: dict[str, object]) -> None:
    database.write(lambda connection: connection.execute(update(table).where(table.c.name == name).values(place=place)))


def _cells(database: Database, names: Sequence[str]) -> list[Request]:
    def work(connection) -> None:
        for name in names:
            key = journal.CellKey(account=ACCOUNT, cloud="azure", region=REGION, name=name, placement="reef")
            journal.cell_row(connection, 1.0, key, 1)

    database.write(work)
    return [
        Request(cell=name, account=ACCOUNT, cloud="azure", region=REGION, protocol="smb", today="2026-11-29")
        for name in names
    ]


def _rows(database: Database, query) -> list[tuple[object, ...]]:
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def _broken(database: Database) -> list[invariants.Violation]:
    with database.read() as connection:
        return invariants.violations(connection)


ACCOUNTS = select(gateways.c.name, gateways.c.kind, gateways.c.state, share_slots.c.state).join(share_slots)


def test_a_place_has_a_number_of_its_own_and_no_share(database: Database, reef: int) -> None:
    found = [places.claimed(database, request) for request in _cells(database, ["acme", "globex", "initech"])]
    told = [one[1] for one in found if isinstance(one, tuple)]
    assert [(one["host"], one["number"], one["database"]) for one in told] == [
        ("sql-1", 0, "octo_acme_g1"), ("sql-2", 64, "octo_globex_g1"), ("sql-1", 1, "octo_initech_g1")
    ]  # fmt: skip
    assert not [one for one in told if {"share", "share_arn", "bucket"} & set(one)]
    again = places.claimed(database, _cells(database, ["acme"])[0])
    assert isinstance(again, tuple)
    assert again[1] == told[0]
    assert _rows(database, ACCOUNTS.order_by(gateways.c.name)) == [
        (name, "storage_account", "in_service", "reserved") for name in ("acme", "globex", "initech")
    ]
    with database.read() as connection:
        seen = reef_view.view(connection, ACCOUNT, "r1", today="2026-11-29")
    assert seen is not None
    assert (seen.own_files, seen.gateways, seen.free, seen.binding) == (True, (), 3, "databases")
    assert {quota.key: quota.used for quota in seen.quotas}["storage.storage-accounts"] == 3
    assert _broken(database) == []


def test_an_account_is_retired_with_its_cell_and_one_that_comes_back_brings_another(
    database: Database, reef: int
) -> None:
    (acme,) = _cells(database, ["acme"])
    claimed = claims.claim(database, acme)
    assert not isinstance(claimed, Refusal)
    assert claims.give_back(database, ACCOUNT, "acme")
    second = claims.claim(database, acme)
    assert not isinstance(second, Refusal)
    assert second.gateway == "acme-2"
    claims.confirm(database, second, database_name="octo_acme_g1")
    assert _rows(database, select(share_slots.c.state, share_slots.c.held_data).order_by(share_slots.c.id))[1] == (
        "bound", True
    )  # fmt: skip
    database.write(lambda connection: claims.left(connection, database.now(connection), ACCOUNT, "acme"))
    assert {row[2:] for row in _rows(database, ACCOUNTS)} == {("retired", "retired")}
    assert _rows(database, select(func.count()).where(bindings.c.until.is_(None))) == [(0,)]
    free = select(func.count()).where(database_slots.c.state == "available", database_slots.c.purpose == "cell")
    assert _rows(database, free) == [(6,)]
    third = claims.claim(database, acme)
    assert not isinstance(third, Refusal)
    assert third.gateway == "acme-3"
    assert _broken(database) == []


def test_many_at_once_get_a_place_each_until_databases_run_out(database: Database, reef: int) -> None:
    requests = _cells(database, [f"c{number}" for number in range(9)])
    with ThreadPoolExecutor(max_workers=9) as pool:
        found = list(pool.map(lambda request: places.claimed(database, request), requests))
    got = [one[1] for one in found if isinstance(one, tuple)]
    refused = [one for one in found if isinstance(one, Refusal)]
    assert (len(got), len({one["number"] for one in got}), len(refused)) == (6, 6, 3)
    assert all("has no database left: 6 of 6 are taken" in str(one) for one in refused)
    assert _broken(database) == []


def test_where_storage_accounts_run_out_the_quota_is_named(database: Database, reef: int) -> None:
    (acme,) = _cells(database, ["acme"])

    def others(connection) -> None:
        row = dict(connection.execute(select(cells).where(cells.c.name == "acme")).one()._mapping)
        del row["id"]
        lives = {**row, "placement": "dedicated", "state": "in_service"}
        connection.execute(insert(cells), [{**lives, "name": f"d{number}"} for number in range(250)])

    database.write(others)
    refused = places.claimed(database, acme)
    assert isinstance(refused, Refusal)
    assert refused.shortages[0].constraint == "quota"
    assert refused.shortages[0].where == "storage.storage-accounts"
    assert "quota storage.storage-accounts: 250 of 250 are used and a cell takes 1" in str(refused)
    assert _rows(database, select(func.count()).select_from(gateways)) == [(0,)]


def test_accounts_of_kinds_that_are_placed_apart_are_counted(database: Database, reef: int) -> None:
    acme, globex = _cells(database, ["acme", "globex"])
    assert not isinstance(places.claimed(database, replace(acme, accounts_apart=3)), Refusal)

    def used() -> dict[str, int]:
        with database.read() as connection:
            found = reef_view.view(connection, ACCOUNT, "r1", today="2026-11-29")
        assert found is not None
        return {quota.key: quota.used for quota in found.quotas}

    assert used()["storage.storage-accounts"] == 4
    assert used()["authorization.role-assignments"] == 3 + 3
    full = update(cells).where(cells.c.name == "acme").values(accounts_apart=247)
    database.write(lambda connection: connection.execute(full))
    refused = places.claimed(database, replace(globex, accounts_apart=2))
    assert isinstance(refused, Refusal)
    assert "quota storage.storage-accounts: 248 of 250 are used and a cell takes 3" in str(refused)
    assert not isinstance(places.claimed(database, replace(globex, accounts_apart=1)), Refusal)
    assert _broken(database) == []
