"""A reef on Azure in a network that another team has, and two cells on it: up, beside each other, down."""

from __future__ import annotations

import pytest
from prepared.written import OPTIONS, foreign, gone, home_of, types, up, write
from warm import client

from cellctl.cell import Cell
from cellctl.errors import GuardError
from cellctl.home import Home
from cellctl.reef import Reef
from cellctl.run.registry import check, rebuild
from cellctl_sandbox.control import Control

pytestmark = pytest.mark.turn(3, 0)

PLACED = "  placement: {reef: r1}\n"
QUEUED = "  nodes: {count: 3}\n  ingress: {polling: redis, grpc: true}\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = home_of(tmp_path_factory.mktemp("hub-reef"))
    words = ("sandbox", "network", "hub", "--cloud", "azure", "--home", str(made.root))
    laid = client.cellctl(*words, cwd=made.root)
    assert laid.returncode == 0, laid.stderr
    write(made, reefs={"r1": laid.stdout}, cells={"acme": PLACED, "globex": PLACED + QUEUED})
    made.before = foreign(made.root)  # type: ignore[attr-defined]
    return made


def test_it_comes_up_although_it_is_cut_off_and_declares_nothing_of_that_network(home: Home) -> None:
    control = Control(home.root)
    control.add_fault({"type": "azure-native:sql:ElasticPool", "op": "create", "effect": "crash", "count": 1})
    reef = Reef.open("r1", home=home)
    assert up(reef).result == "failed"
    control.clear_faults()
    outcome = up(reef)
    assert outcome.result == "succeeded", outcome.failures
    assert not types(home.root, "reef-r1") & {"VirtualNetwork", "NatGateway", "PrivateZone", "NetworkSecurityGroup"}


def test_two_cells_live_beside_each_other_in_its_subnet(home: Home) -> None:
    for name in ("acme", "globex"):
        outcome = up(Cell.open(name, home=home))
        assert outcome.result == "succeeded", outcome.failures
        assert Cell.open(name, home=home).preview(options=OPTIONS).empty
        assert not types(home.root, name) & {"VirtualNetwork", "NatGateway", "Server"}
    addresses = {name: Cell.open(name, home=home).outputs()["nodes"] for name in ("acme", "globex")}
    assert [one["address"] for one in addresses["acme"]] == ["10.80.0.10", "10.80.0.11"]  # type: ignore[index,union-attr]
    assert [one["address"] for one in addresses["globex"]] == ["10.80.0.19", "10.80.0.20", "10.80.0.21"]  # type: ignore[index,union-attr]
    before: dict[object, object] = home.before  # type: ignore[attr-defined]
    assert {key: value for key, value in foreign(home.root).items() if key in before} == before


def test_its_network_is_frozen_and_a_lost_registry_finds_the_same_places(home: Home) -> None:
    file = home.reef_file("r1")
    text = file.read_text()
    file.write_text(text.replace("subnets/balancers", "subnets/others"))
    with pytest.raises(GuardError) as refused:
        up(Reef.open("r1", home=home))
    assert "frozen_field" in [one.code for one in refused.value.objections]
    file.write_text(text)
    home.registry_file.unlink()
    rebuild(home)
    assert check(home).violations == ()
    assert Cell.open("globex", home=home).preview(options=OPTIONS).empty


def test_all_of_it_goes_and_the_network_is_as_it_was(home: Home) -> None:
    for handle in (Cell.open("globex", home=home), Cell.open("acme", home=home), Reef.open("r1", home=home)):
        outcome = gone(handle)
        assert outcome.result == "succeeded", outcome.failures
    assert foreign(home.root) == home.before  # type: ignore[attr-defined]
