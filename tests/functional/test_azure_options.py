"""A cell on Azure with options that the standard one has not: up, changed, down, and what stays as it is."""

from __future__ import annotations

import re

import pytest
from prepared.home import LICENCES, RunningHome, licence
from warm import client, keys

from cellctl_sandbox.clouds.database import Database

pytestmark = pytest.mark.turn(3, 1)

OLD, NEW = "2026.4.7000", "2026.4.7100"
NODES = [("acme-1", 10, "active"), ("acme-2", 10, "active")]


def foreign(home: RunningHome) -> dict[str, str]:
    """Return everything that belongs to no cell, by id, whole."""
    query = "SELECT id, inputs || outputs FROM objects WHERE cell = '' AND gone_s IS NULL"
    return {str(key): str(value) for key, value in Database.open(home.root).rows(query)}


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> RunningHome:
    """Return a home whose cell runs on Linux in a network of others, with their private zones."""
    root = tmp_path_factory.mktemp("options")
    keys.give(root)
    home = RunningHome(root, "azure")
    home.write(LICENCES["azure"])
    home.rewrite((r"    count: 2\n", "    count: 2\n    os: linux\n"))
    with (root / "cells" / "acme.yaml").open("a", encoding="utf-8") as file:
        file.write("  database: {failover: {region: northeurope}, longTerm: {weeks: 4, years: 1}}\n")
    laid = client.cellctl("sandbox", "network", "hub", "--cloud", "azure", "--domain", "corp.example", "--key",
                          "--home", str(root), cwd=root)  # fmt: skip
    assert laid.returncode == 0, laid.stderr
    with (root / "cells" / "acme.yaml").open("a", encoding="utf-8") as file:
        file.write(re.sub(r"ingress: \{", "ingress: {host: acme.corp.example, ", laid.stdout))
    home.control.put_secret(LICENCES["azure"], licence(4))
    home.before = foreign(home)  # type: ignore[attr-defined]
    ended = home.up()
    assert ended.result == "succeeded", ended.failures
    return home


def test_it_declares_nothing_of_the_network_of_others(cell: RunningHome) -> None:
    query = "SELECT type FROM objects WHERE cell = 'acme' AND gone_s IS NULL"
    made = {str(one).rpartition(":")[2] for (one,) in Database.open(cell.root).rows(query)}
    assert not made & {"VirtualNetwork", "NatGateway", "PrivateZone", "VirtualNetworkLink", "PublicIPAddress"}
    assert {"NetworkSecurityGroup", "PrivateEndpoint", "PrivateRecordSet", "VirtualMachine"} <= made


def test_an_upgrade_runs_the_shell_script_on_every_machine(cell: RunningHome) -> None:
    assert [(name, cap, state) for name, _, cap, state in cell.nodes()] == NODES
    cell.rewrite((OLD, NEW))
    ended = cell.up()
    assert ended.result == "succeeded", ended.failures
    assert {version for _, version, _, _ in cell.nodes()} == {NEW}
    assert cell.cell.preview(options=cell.options()).empty


def test_down_leaves_what_is_others(cell: RunningHome) -> None:
    down = cell.cell.down(ask=lambda *_: True, delete_data=True, options=cell.options())
    assert down.result == "succeeded", down.failures
    before: dict[str, str] = cell.before  # type: ignore[attr-defined]
    assert {key: value for key, value in foreign(cell).items() if key in before} == before
