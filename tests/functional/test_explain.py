"""What is told of one resource of a cell that runs: from its state and the facts, with their sources."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from prepared.home import RunningHome
from warm import client

from cellctl.errors import UsageError


def test_a_resource_is_explained_by_its_name_or_urn(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    world = running_home("azure", tmp_path)
    cell = world.cell
    server = cell.explain("acme-database-server")
    assert (server.type, server.stateful, server.protected) == ("azure-native:sql:Server", True, True)
    assert server.within == ("acme", "acme-database")
    assert [urn.rpartition("::")[2] for urn in server.needs][:1] == ["acme-group"]
    assert "acme-database-database" in {urn.rpartition("::")[2] for urn in server.needed_by}
    assert "location" in server.replaces
    assert server.usual_s["create"] > 10
    assert server.sources
    assert cell.explain(server.urn) == server
    with pytest.raises(UsageError) as unknown:
        cell.explain("nope")
    assert unknown.value.code == "no_resource"
    told = client.cellctl("explain", server.urn, "--format", "json", cwd=world.root)
    assert json.loads(told.stdout)["name"] == "acme-database-server"
    shown = client.cellctl("explain", "acme-database-database", cwd=world.root)
    assert (shown.returncode, "holds data" in shown.stdout, "USD a month" in shown.stdout) == (0, True, True)
    refused = client.cellctl("explain", "urn:pulumi:cell-acme::octopus-cells::a:b:C::x", cwd=world.root)
    assert (refused.returncode, "no stack of this home has a resource" in refused.stderr) == (2, True)


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_a_cell_that_runs_keeps_what_its_cloud_promises(
    cloud: str, running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    world = running_home(cloud, tmp_path)
    told = json.loads(client.cellctl("explain", "--clouds", "acme", "--format", "json", cwd=world.root).stdout)
    assert told["broken"] == []
    assert set(told["regions"]) == {"aws", "azure"}
    shown = client.cellctl("explain", "--clouds", "acme", cwd=world.root)
    assert (shown.returncode, "A zone with the files is lost" in shown.stdout) == (0, True)
