"""Files of a cell on Azure as docs/guides/files-azure.md has them: in accounts apart, with snapshots, up and down."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prepared.home import RunningHome
from warm import keys

from cellctl.errors import GuardError
from cellctl_sandbox.clouds.database import Database

pytestmark = pytest.mark.turn(3, 0)

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "files-azure.md").read_text(encoding="utf-8")
FILE = re.search(r"(?ms)^# cells/acme.yaml\n(.*?)^```", GUIDE)


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> RunningHome:
    root = tmp_path_factory.mktemp("files")
    keys.give(root)
    home = RunningHome(root, "azure")
    assert FILE is not None
    (root / "cells").mkdir(exist_ok=True)
    (root / "cells" / "acme.yaml").write_text(FILE[1], encoding="utf-8")
    return home


def objects(home: RunningHome) -> list[str]:
    query = "SELECT type FROM objects WHERE cell = 'acme' AND gone_s IS NULL ORDER BY type"
    return [str(one).rpartition(":")[2] for (one,) in Database.open(home.root).rows(query)]


def refused(home: RunningHome) -> list[str]:
    with pytest.raises(GuardError) as caught:
        home.cell.preview(options=home.options())
    return [one.code for one in caught.value.objections]


def test_it_comes_up_with_its_kinds_apart_and_every_share_protected(cell: RunningHome) -> None:
    ended = cell.up()
    assert ended.result == "succeeded", ended.failures
    made = objects(cell)
    assert [made.count(one) for one in ("StorageAccount", "FileShare", "ProtectedItem")] == [3, 5, 5]
    assert set(ended.outputs["files"]["apart"]) == {"packages", "task_logs", "event_exports"}
    assert cell.cell.preview(options=cell.options()).empty


def test_a_kind_moves_nowhere_and_snapshots_are_not_given_up(cell: RunningHome) -> None:
    text = (cell.root / "cells" / "acme.yaml").read_text(encoding="utf-8")
    for old, new, code in (
        ("packages: {storageAccount: feed}", "packages: {}", "frozen_field"),
        ("storageAccount: feed", "storageAccount: other", "frozen_field"),
        ("    snapshotDays: 30\n", "", "snapshots_off"),
    ):
        cell.rewrite((re.escape(old), new))
        assert refused(cell) == [code]
        (cell.root / "cells" / "acme.yaml").write_text(text, encoding="utf-8")


def test_for_how_long_snapshots_stay_is_changed_in_place(cell: RunningHome) -> None:
    cell.rewrite(("snapshotDays: 30", "snapshotDays: 60"))
    plan = cell.cell.preview(options=cell.options())
    assert [(one.name, one.action) for one in plan.changes if one.action != "same"] == [
        ("acme-backups-policy", "update")
    ]
    assert cell.up().result == "succeeded"


def test_down_ends_protection_and_names_the_vault_that_stays(cell: RunningHome) -> None:
    down = cell.cell.down(ask=lambda *_: True, delete_data=True, options=cell.options())
    assert down.result == "succeeded", down.failures
    assert objects(cell) == [
        *(["ProtectionContainer"] * 3), "ProtectionPolicy", "Vault", "ResourceGroup",
    ]  # fmt: skip
    (said,) = [one for one in down.retained if one.startswith("acme-backups-vault: ")]
    assert re.search(r"vault rsv-oct-acme-\w+ in group rg-oct-backup-acme-\w+: .*14 days", said)


def test_the_next_life_has_a_vault_of_its_own_beside_it(cell: RunningHome) -> None:
    ended = cell.up()
    assert ended.result == "succeeded", ended.failures
    assert objects(cell).count("Vault") == 3  # two of Azure Backup, one of Key Vault
