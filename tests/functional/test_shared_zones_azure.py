"""New cells and reefs on Azure link the private zones of their subscription's base; older ones keep their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prepared.home import RunningHome
from prepared.written import OPTIONS, gone, home_of, inputs, up, write
from warm import client

from cellctl.cell import Cell
from cellctl.home import Home
from cellctl.reef import Reef
from cellctl_components.azure.zones import SERVICE_ZONES, service_zones
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.control import Control

pytestmark = pytest.mark.turn(3, 0)

ZONE, LINK = "azure-native:privatedns:PrivateZone", "azure-native:privatedns:VirtualNetworkLink"
ACCOUNT = ("--cloud", "azure", "--yes", "--clock", "stepped")


def account(root: Path, verb: str, *words: str) -> str:
    done = client.cellctl("account", verb, "sandbox", *ACCOUNT, *words, "--home", str(root), cwd=root)
    assert done.returncode == 0, done.stderr[-2000:]
    return str(done.stderr)


def names(found: list[dict[str, object]]) -> set[str]:
    return {str(one["privateZoneName"]) for one in found}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = home_of(tmp_path_factory.mktemp("zones"))
    queued = "  placement: {reef: r1}\n  ingress: {polling: redis}\n"
    write(made, cells={"acme": "", "globex": queued}, reefs={"r1": ""})
    assert 'privateZones: "/subscriptions/' in account(made.root, "up")
    return made


def test_a_cell_links_the_zones_of_its_subscription_also_when_it_is_cut_off(home: Home) -> None:
    control = Control(home.root)
    control.add_fault({"type": LINK, "name": "acme-network-vault-link", "op": "create", "effect": "crash", "count": 1})
    cell = Cell.open("acme", home=home)
    assert up(cell).result == "failed"
    outcome = up(cell)
    assert outcome.result == "succeeded", outcome.failures
    links = [one for one in inputs(home.root, "acme", LINK) if one["privateZoneName"] in SERVICE_ZONES.values()]
    assert names(inputs(home.root, "acme", ZONE)) == {"acme.octopus.internal"}
    assert names(links) == set(SERVICE_ZONES.values())
    assert {one["resourceGroupName"] for one in links} == {"rg-cellctl-sandbox"}
    assert cell.preview(options=OPTIONS).empty


def test_a_reef_links_them_and_a_cell_on_it_has_its_endpoints_named_there(home: Home) -> None:
    assert up(Reef.open("r1", home=home)).result == "succeeded"
    assert inputs(home.root, "reef-r1", ZONE) == []
    assert names(inputs(home.root, "reef-r1", LINK)) == set(service_zones(queued=True).values())
    outcome = up(Cell.open("globex", home=home))
    assert outcome.result == "succeeded", outcome.failures
    groups = inputs(home.root, "globex", "azure-native:network:PrivateDnsZoneGroup")
    ids = {str(one["privateDnsZoneConfigs"][0]["privateDnsZoneId"]) for one in groups}  # type: ignore[index]
    assert {one.split("/")[4] for one in ids} == {"rg-cellctl-sandbox"}
    assert len(ids) == 3


def test_the_base_stays_while_somebody_links_it_and_keeps_its_zones_when_they_go(home: Home) -> None:
    words = ("account", "down", "sandbox", *ACCOUNT, "--delete-data", "--home", str(home.root))
    refused = client.cellctl(*words, cwd=home.root)
    assert refused.returncode == 4, refused.stderr[-2000:]
    for handle in (Cell.open("globex", home=home), Cell.open("acme", home=home), Reef.open("r1", home=home)):
        assert gone(handle).result == "succeeded"
    query = "SELECT count(*) FROM objects WHERE type = ? AND gone_s IS NULL"
    database = Database.open(home.root)
    assert [*database.rows(query, (LINK,))] == [(0,)]
    assert [*database.rows(query, (ZONE,))] == [(len(service_zones(queued=True)),)]
    account(home.root, "down", "--delete-data")
    assert [*database.rows(query, (ZONE,))] == [(0,)]


def test_a_cell_that_has_zones_of_its_own_keeps_them(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    old = running_home("azure", tmp_path)
    account(tmp_path, "up")
    assert old.cell.preview(options=old.options()).empty
    assert old.up().result == "nothing"
    assert names(inputs(tmp_path, "acme", ZONE)) == {*SERVICE_ZONES.values(), "acme.octopus.internal"}
    old.rewrite((r"count: 2", "count: 3"), (r"roles: \[[^]]*\]", "roles: [both, both, both]"))
    ended = old.up()
    assert ended.result == "succeeded", ended.failures
