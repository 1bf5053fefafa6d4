"""A cell on Azure whose files are on disks: it comes up, and nothing of their tier is only echoed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from trials import Mutation, trial_of

from cellctl_sandbox.testing.pretended import parts, pretended

pytestmark = pytest.mark.turn(3, 1)
PRICED = {"azure-native:storage:FileShare": ["metadata.media", "provisionedBandwidthMibps"]}
"""What only a price comes of: files have no speed in the sandbox, and a default cell gives neither."""


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mutation]:
    with trial_of("azure", tmp_path_factory.mktemp("tiers"), asked={"storage": {"tier": "standard_v2"}}) as found:
        yield found


def test_it_comes_up_with_its_files_used(cell: Mutation) -> None:
    assert cell.trial.verified() == []
    (account,) = [one.inputs for one in cell.trial.records if one.type == "azure-native:storage:StorageAccount"]
    assert account["sku"] == {"name": "StandardV2_ZRS"}


def test_no_argument_of_its_files_is_only_echoed(cell: Mutation) -> None:
    used: dict[str, set[str]] = {}
    for record in cell.trial.records:
        if record.type.startswith("azure-native:storage:"):
            used.setdefault(record.type, set()).update(parts(record.inputs))
    assert len(used) == 3
    found = {token: pretended(token, names, cell.reads.seen.get(token, set())) for token, names in used.items()}
    assert {token: names for token, names in found.items() if names} == PRICED
