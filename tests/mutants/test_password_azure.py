"""A cell on Azure whose nodes open the database with a password: it comes up, and whatever is missing is noticed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from trials import Mutation, trial_of

from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.testing.mutants import reason

pytestmark = pytest.mark.turn(3, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory):
    return tmp_path_factory.mktemp("password")


@pytest.fixture(scope="module")
def cell(folder) -> Iterator[Mutation]:
    with trial_of("azure", folder, asked={"database": {"authentication": "sql"}}) as found:
        yield found


def test_it_comes_up_and_opens_its_database(cell: Mutation) -> None:
    assert cell.trial.verified() == []


def test_every_part_of_the_sign_in_is_needed(cell: Mutation) -> None:
    mutants = [one for one in cell.mutants if "acme-database-server" in one.id or "acme-database-access" in one.id]
    caught = [cell.trial.judge(one) for one in mutants]
    assert mutants
    assert [one.mutant.id for one in caught if not one.by and not reason(one)] == []


def test_no_password_is_in_the_clouds_objects_in_clear(cell: Mutation, folder) -> None:
    rows = Database.open(folder).rows("SELECT inputs || outputs FROM objects WHERE type = 'azure-native:sql:Server'")
    (text,) = rows[0]
    assert "administratorLoginPassword" in text
    assert "Aa1-" not in text
