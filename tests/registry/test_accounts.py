"""Accounts in the registry, on both databases: who takes a base away sees all stacks, and nobody comes meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import shop
from sqlalchemy import select, text

from cellctl.errors import GuardError
from cellctl.registry import account_books, books, journal
from cellctl.registry.database import Database
from cellctl.registry.invariants import violations
from cellctl.registry.tables import accounts, events


def key(name: str, kind: str = "cell") -> journal.CellKey:
    return journal.CellKey(account=shop.ACCOUNT, cloud="aws", region=shop.REGION, name=name, kind=kind)  # type: ignore[arg-type]


def begin(database: Database, name: str, kind: str = "up", *, run: str = "") -> str:
    run = run or f"{kind}-{name}"
    books.begin(database, key(name), journal.Beginning(id=run, kind=kind))
    return run


def end(database: Database, name: str, run: str, state: str = "") -> None:
    books.end(database, key(name), journal.Ending(id=run, result="succeeded", gate="x", cell_state=state))


def state(database: Database) -> str:
    with database.read() as connection:
        return str(connection.execute(select(accounts.c.state)).scalar_one())


def withdraw(database: Database) -> None:
    account_books.withdraw(database, shop.ACCOUNT, "aws", "prod")


def test_an_account_is_known_from_the_first_run_in_it(database: Database) -> None:
    begin(database, "acme")
    assert state(database) == "seen"
    account_books.ended(database, shop.ACCOUNT, "aws", "prod", "in_service")
    assert state(database) == "in_service"
    begin(database, "globex")
    assert state(database) == "in_service"
    with database.read() as connection:
        told = connection.execute(select(events.c.kind).where(events.c.target_kind == "account")).scalars().all()
    assert told == ["in_service"]


def test_a_base_goes_only_when_nothing_is_there_and_nothing_is_being_made(database: Database) -> None:
    run = begin(database, "acme")
    with pytest.raises(GuardError) as running:
        withdraw(database)
    assert "has 1 stack: acme" in running.value.objections[0].reason  # it has only just begun
    end(database, "acme", run, "in_service")
    shop.reef(database, "r1")
    with pytest.raises(GuardError) as standing:
        withdraw(database)
    assert "has 2 stacks: acme, reef/r1" in standing.value.objections[0].reason
    assert (standing.value.objections[0].code, state(database)) == ("account_in_use", "seen")


def test_while_it_goes_nobody_begins_to_make_anything_there(database: Database) -> None:
    end(database, "acme", begin(database, "acme"), "purged")
    withdraw(database)
    assert state(database) == "decommissioning"
    with pytest.raises(GuardError) as refused:
        begin(database, "globex")
    assert [one.code for one in refused.value.objections] == ["account_going"]
    assert "account prod" in refused.value.objections[0].reason
    end(database, "acme", begin(database, "acme", "down", run="again"), "purged")  # who only takes away may
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM operations WHERE target = 'globex'")).scalar_one() == 0
        assert violations(connection) == []
    account_books.ended(database, shop.ACCOUNT, "aws", "prod", "in_service")
    begin(database, "globex")


def test_of_a_stack_that_comes_and_a_base_that_goes_one_is_refused(
    database: Database, another: Callable[[], Database]
) -> None:
    for number in range(8):
        together, refused = threading.Barrier(2), list[str]()
        other = another()

        def come(
            name: str = f"c{number}", together: threading.Barrier = together, refused: list[str] = refused
        ) -> None:
            together.wait()
            try:
                end(database, name, begin(database, name), "purged")
            except GuardError as error:
                refused.append(error.objections[0].code)

        def go(other: Database = other, together: threading.Barrier = together, refused: list[str] = refused) -> None:
            together.wait()
            try:
                withdraw(other)
            except GuardError as error:
                refused.append(error.objections[0].code)

        threads = [threading.Thread(target=work) for work in (come, go)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) <= 1  # none where the cell had come and gone before
        with database.read() as connection:
            assert violations(connection) == []
        account_books.ended(database, shop.ACCOUNT, "aws", "prod", "in_service")


def test_a_cell_in_an_account_whose_base_is_gone_is_found(database: Database) -> None:
    end(database, "acme", begin(database, "acme"), "in_service")
    account_books.ended(database, shop.ACCOUNT, "aws", "prod", "purged")
    with database.read() as connection:
        (broken,) = violations(connection)
    assert (broken.invariant, broken.subject) == ("I4", "cell acme")
    assert "whose base is purged" in broken.message
