"""A cell on Azure whose shares have snapshots, two of them in an account apart: what is missing is noticed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from trials import Mutation, trial_of

from cellctl_sandbox.testing.mutants import reason
from cellctl_sandbox.testing.pretended import parts, pretended

pytestmark = pytest.mark.turn(3, 1)
ASKED = {"storage": {"snapshotDays": 30, "kinds": {"packages": {"storageAccount": "feed"}}}}


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mutation]:
    with trial_of("azure", tmp_path_factory.mktemp("snapshots"), asked=ASKED) as found:
        yield found


def test_it_comes_up_with_every_share_protected(cell: Mutation) -> None:
    assert cell.trial.verified() == []
    found = [one for one in cell.trial.records if one.type == "azure-native:recoveryservices:ProtectedItem"]
    shares = [one for one in cell.trial.records if one.type == "azure-native:storage:FileShare"]
    assert len(found) == len(shares) == 5
    assert all("/protectedItems/AzureFileShare;" in one.id for one in found)


def test_every_part_of_the_backups_is_needed(cell: Mutation) -> None:
    """But for what a registration waits for: it is the share's own item that fails where it came too late."""
    mine = [one for one in cell.mutants if "acme-backups" in one.id]
    mutants = [
        one for one in mine if not one.id.startswith("ProtectionContainer acme-backups") or " wait " not in one.id
    ]
    caught = [cell.trial.judge(one) for one in mutants]
    assert len(mutants) > 8
    assert [one.mutant.id for one in caught if not one.by and not reason(one)] == []


def test_nothing_of_the_backups_is_only_echoed(cell: Mutation) -> None:
    used: dict[str, set[str]] = {}
    for record in cell.trial.records:
        if record.type.startswith(("azure-native:recoveryservices:", "azure-native:storage:")):
            used.setdefault(record.type, set()).update(parts(record.inputs))
    assert len(used) == 7
    found = {token: pretended(token, names, cell.reads.seen.get(token, set())) for token, names in used.items()}
    assert {token: names for token, names in found.items() if names} == {}
