"""A cell on Azure with kinds of files in storage accounts apart: it comes up, and whatever is missing is noticed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from trials import Mutation, trial_of

from cellctl_sandbox.testing.mutants import reason

pytestmark = pytest.mark.turn(3, 0)
KINDS = {
    "packages": {"storageAccount": "feed"},
    "taskLogs": {"storageAccount": "logs", "tier": "standard_v2"},
    "eventExports": {"storageAccount": "logs", "tier": "standard_v2"},
}
ACCOUNT, SHARE = "azure-native:storage:StorageAccount", "azure-native:storage:FileShare"


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mutation]:
    with trial_of("azure", tmp_path_factory.mktemp("apart"), asked={"storage": {"kinds": KINDS}}) as found:
        yield found


def test_it_comes_up_with_every_account_used(cell: Mutation) -> None:
    assert cell.trial.verified() == []
    accounts = {
        one.inputs["accountName"]: one.inputs["sku"]["name"] for one in cell.trial.records if one.type == ACCOUNT
    }
    placed: dict[str, list[str]] = {}
    for one in cell.trial.records:
        if one.type == SHARE:
            placed.setdefault(str(one.inputs["accountName"]), []).append(str(one.inputs["shareName"]))
    assert sorted((accounts[name], sorted(shares)) for name, shares in placed.items()) == [
        ("Premium_ZRS", ["artifacts", "imports"]),
        ("Premium_ZRS", ["packages"]),
        ("StandardV2_ZRS", ["eventexports", "tasklogs"]),
    ]


def test_every_part_of_an_account_apart_is_needed(cell: Mutation) -> None:
    """But for what a tree and a name wait for: test_mutants_azure brings that up for real, of the same component."""
    mine = [one for one in cell.mutants if "acme-files-feed" in one.id or "acme-files-logs-" in one.id]
    brought_up = ("FolderTree ", "PrivateDnsZoneGroup ")
    mutants = [one for one in mine if not (" does not wait for " in one.id and one.id.startswith(brought_up))]
    caught = [cell.trial.judge(one) for one in mutants]
    assert len(mutants) > 20
    assert [one.mutant.id for one in caught if not one.by and not reason(one)] == []
