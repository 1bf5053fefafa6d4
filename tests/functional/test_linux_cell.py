"""A cell of Linux nodes that share a queue of Tentacles: up, and a stop-all upgrade through the shell script."""

from __future__ import annotations

from pathlib import Path

import pytest
from prepared.home import LICENCES, RunningHome, licence
from warm import keys

pytestmark = pytest.mark.turn(3, 0)

OLD, NEW = "2026.4.7000", "2026.4.7100"


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> RunningHome:
    root = tmp_path_factory.mktemp("linux")
    keys.give(root)
    home = RunningHome(root, "aws")
    home.write(LICENCES["aws"])
    home.rewrite((r"    count: 2\n", "    count: 2\n    os: linux\n"))
    with (root / "cells" / "acme.yaml").open("a", encoding="utf-8") as file:
        file.write("  ingress: {polling: redis}\n")
    home.control.put_secret(LICENCES["aws"], licence(4))
    ended = home.up()
    assert ended.result == "succeeded", ended.failures
    return home


def test_nodes_in_containers_join_and_take_work(cell: RunningHome) -> None:
    assert cell.nodes() == [("acme-1", OLD, 10, "active"), ("acme-2", OLD, 10, "active")]
    assert cell.cell.preview(options=cell.options()).empty


def test_an_upgrade_runs_the_shell_script_on_every_machine(cell: RunningHome) -> None:
    cell.rewrite((OLD, NEW))
    ended = cell.up()
    assert ended.result == "succeeded", ended.failures
    assert cell.nodes() == [("acme-1", NEW, 10, "active"), ("acme-2", NEW, 10, "active")]


def test_its_nodes_never_become_windows(cell: RunningHome) -> None:
    cell.rewrite(("os: linux", "os: windows"))
    ended = cell.up()
    cell.rewrite(("os: windows", "os: linux"))
    assert ended.result == "refused"
    assert "nodes_os_change" in ended.codes


def test_machines_without_windows_cost_less(tmp_path: Path) -> None:
    home = RunningHome(tmp_path, "aws")
    keys.give(tmp_path)
    prices = {}
    for system in ("windows", "linux"):
        home.write(LICENCES["aws"])
        home.rewrite((r"count: 2\n", f"count: 2\n    os: {system}\n"))
        plan = home.cell.preview(options=home.options())
        prices[system] = plan.monthly_usd()[1]
    assert prices["windows"] - prices["linux"] > 100
