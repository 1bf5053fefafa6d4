"""A cell on Azure with options that the standard one has not: up, changed, and what stays as it is."""

from __future__ import annotations

import pytest
from prepared.home import LICENCES, RunningHome, licence
from warm import keys

OLD, NEW = "2026.4.7000", "2026.4.7100"


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> RunningHome:
    root = tmp_path_factory.mktemp("options")
    keys.give(root)
    home = RunningHome(root, "azure")
    home.write(LICENCES["azure"])
    home.rewrite((r"    count: 2\n", "    count: 2\n    os: linux\n"))
    home.control.put_secret(LICENCES["azure"], licence(4))
    ended = home.up()
    assert ended.result == "succeeded", ended.failures
    return home


def test_an_upgrade_runs_the_shell_script_on_every_machine(cell: RunningHome) -> None:
    assert cell.nodes() == [("acme-1", OLD, 10, "active"), ("acme-2", OLD, 10, "active")]
    cell.rewrite((OLD, NEW))
    ended = cell.up()
    assert ended.result == "succeeded", ended.failures
    assert cell.nodes() == [("acme-1", NEW, 10, "active"), ("acme-2", NEW, 10, "active")]
    assert cell.cell.preview(options=cell.options()).empty
