"""A network of others that a reef on Azure goes into: what it must be, what is frozen, where cells stand in it."""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path

import pytest

from cellctl.errors import GuardError, SpecError
from cellctl.spec import CellSpec
from cellctl.spec.reef import ReefSpec
from cellctl.spec.reef_rules import findings
from cellctl.state.values import Struct
from cellctl_components.azure.layout import AzureLayout, azure_layout
from cellctl_components.azure.reef_layout import reef_layout
from cellctl_components.azure.site import settle

FOLDER = str(Path(__file__).resolve().parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)

from test_azure_site import GROUP, NETWORK, rule, seen  # noqa: E402

WAYS_IN = f"{NETWORK}/subnets/balancers"
SUBNETS = {"subnets": "nodes", "balancerSubnets": "balancers", "databaseSubnets": "endpoints"}


def reef(**existing: object) -> ReefSpec:
    named = {field: [f"{NETWORK}/subnets/{name}"] for field, name in SUBNETS.items()}
    there = {"id": NETWORK, "privateZones": GROUP, **named, **existing}
    body = {"cloud": "azure", "account": "sandbox", "region": "westeurope", "network": {"existing": there}}
    return ReefSpec.model_validate({"metadata": {"name": "r1"}, "spec": body})


def answer(nodes: str = "10.1.0.0/21", ingress: str = "10.1.16.0/24") -> Struct:
    """Return what a host sees of a network that fits."""
    found = seen()
    subnets = found["network"]["subnets"]  # type: ignore[index,call-overload]
    subnets[0]["addressPrefix"], subnets[1]["addressPrefix"] = nodes, "10.1.17.0/24"  # type: ignore[index,call-overload]
    subnets.append({"name": "balancers", "addressPrefix": ingress, "defaultOutboundAccess": False})  # type: ignore[union-attr]
    return found


def site(found: Struct | None = None, *, exists: bool = False, spec: ReefSpec | None = None) -> dict[str, object]:
    return dict(settle(spec or reef(), lambda _question: found or answer(), exists=exists))


def codes(found: Struct, *, exists: bool = False) -> list[str]:
    with pytest.raises(GuardError) as refused:
        site(found, exists=exists)
    assert all(one.remedy for one in refused.value.objections)
    return [one.code for one in refused.value.objections]


def placed(number: int, **body: object) -> AzureLayout:
    """Return a cell on a place of that reef."""
    found = reef_layout(reef(), site=site())  # type: ignore[arg-type]
    assert found.site is not None
    place = {
        "reef": "r1", "resource_group": "rg", "cidr": "", "network": NETWORK, "zones": dict(found.site.zones),
        "allow": ["10.0.0.0/8"], "internal": True, "host": "reef-r1-sql-1", "server": "sql.database.windows.net",
        "pool": "/pool", "number": number, "database": "octo_acme_g1", "subnets": dict(found.site.subnets),
        "ranges": dict(found.site.ranges),
    }  # fmt: skip
    given = {"cloud": "azure", "account": "sandbox", "region": "westeurope", "placement": {"reef": "r1"}, **body}
    spec = CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": given})
    return azure_layout(spec, place=place)  # type: ignore[arg-type]


def test_what_is_frozen_are_its_subnets_their_ranges_and_its_zones() -> None:
    found = site()
    assert found["subnets"] == {
        "nodes": f"{NETWORK}/subnets/nodes", "endpoints": f"{NETWORK}/subnets/endpoints",
        "ingress": f"{NETWORK}/subnets/balancers",
    }  # fmt: skip
    assert found["ranges"] == {"nodes": "10.1.0.0/21", "ingress": "10.1.16.0/24"}
    assert "redisEnterprise" not in found["zones"]  # type: ignore[operator]  the network resolves none: no cell with a queue
    with pytest.raises(SpecError, match="nobody has looked yet"):
        reef_layout(reef())


def test_cells_never_share_an_address_and_those_that_azure_keeps_are_nobodys() -> None:
    taken: set[str] = set()
    for number in (0, 1, 2, 62, 63):
        layout = placed(number, nodes={"count": 8})
        mine = [*(node.address for node in layout.nodes), layout.ingress.address]
        assert {node.zone for node in layout.nodes} == {"1", "2", "3"}
        assert len({*mine}) == 9
        assert not taken & {*mine}
        taken |= {*mine}
        for one in mine[:-1]:
            assert ipaddress.IPv4Address(one) in ipaddress.IPv4Network("10.1.0.0/21")
        assert ipaddress.IPv4Address(mine[-1]) in ipaddress.IPv4Network("10.1.16.0/24")
    assert not taken & {f"10.1.{block}.{last}" for block in (0, 16) for last in range(4)}


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (answer(nodes="10.1.0.0/23"), "subnet_small"),
        (answer(ingress="10.1.16.0/26"), "subnet_small"),
        ({**answer(), "addresses": [{"subnet": f"{NETWORK}/subnets/nodes", "address": "10.1.0.9"}]}, "subnet_occupied"),
        ({**answer(), "addresses": [{"subnet": WAYS_IN, "address": "10.1.16.9"}]}, "subnet_occupied"),
    ],
)  # fmt: skip
def test_a_subnet_that_is_too_small_or_not_its_own_is_refused(found: Struct, code: str) -> None:
    assert codes(found) == [code]


def test_once_it_exists_its_cells_have_addresses_there() -> None:
    found = {**answer(), "addresses": [{"subnet": f"{NETWORK}/subnets/nodes", "address": "10.1.0.10"}]}
    assert site(found, exists=True)["ranges"] == {"nodes": "10.1.0.0/21", "ingress": "10.1.16.0/24"}


def test_a_group_that_keeps_people_from_nodes_is_refused() -> None:
    found = answer()
    found["groups"][0]["securityRules"] = [rule("none", 100, "10.0.0.0/8", "10943", "Deny")]  # type: ignore[index,call-overload]
    assert set(codes(found)) == {"group_closed"}


def test_more_hosts_than_the_subnet_has_room_for_are_refused() -> None:
    body = reef().to_json()
    body["spec"]["database"]["hosts"] = 4  # type: ignore[index,call-overload]
    with pytest.raises(SpecError, match="no room for the nodes of 256 cells"):
        reef_layout(ReefSpec.model_validate(body), site=site())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("existing", "words"),
    [
        ({"balancerSubnets": []}, "is needed"),
        ({"databaseSubnets": []}, "is needed"),
        ({"balancerSubnets": [f"{NETWORK}/subnets/nodes"]}, "one subnet for two things"),
        ({"id": "vpc-1"}, "must be the id of a virtual network"),
    ],
)
def test_a_file_that_leaves_something_open_is_wrong(existing: dict[str, object], words: str) -> None:
    assert any(words in one.message for one in findings(reef(**existing)))
    assert [*findings(reef())] == []
