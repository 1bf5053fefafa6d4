"""The subnet of others that an application gateway goes into: what it must be, and what is frozen of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cellctl.errors import SpecError
from cellctl.run import siting
from cellctl.spec import CellSpec
from cellctl.spec.reading import validated
from cellctl.state.values import Struct
from cellctl_components.azure.layout import azure_layout
from cellctl_components.azure.seen import Seen
from cellctl_components.azure.site import asked, settled
from cellctl_components.azure.site_rules import objections

FOLDER = str(Path(__file__).resolve().parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)

from test_azure_site import CERTIFICATE, NETWORK, NSG, codes, rule, seen, spec_of, vault_seen  # noqa: E402

SUBNET = f"{NETWORK}/subnets/gateways"
GATEWAYS = "Microsoft.Network/applicationGateways"
OWN = f"{NSG}-gateways"


def fronted(*, exposure: str = "internal", **existing: object) -> CellSpec:
    """Return a cell in a network of others, behind an application gateway there."""
    body = spec_of(gatewaySubnets=[SUBNET], **existing).to_json()
    allow = ["10.0.0.0/8"] if exposure == "internal" else ["20.30.40.0/24"]
    ingress = {"balancer": "application_gateway", "certificate": CERTIFICATE, "exposure": exposure, "allow": allow}
    body["spec"]["ingress"] |= ingress  # type: ignore[index,operator]
    if exposure == "public":
        body["spec"]["ingress"]["zone"] = None  # type: ignore[index,call-overload]
    return validated(body)  # type: ignore[arg-type]


def answer(**subnet: object) -> Struct:
    """Return what a host sees of a network with a subnet for gateways that fits."""
    found = {**seen(), **vault_seen()}
    own: Struct = {
        "name": "gateways", "addressPrefixes": ["10.1.2.0/26"], "delegations": [{"serviceName": GATEWAYS}],
        "serviceEndpoints": [{"service": "Microsoft.KeyVault"}], "networkSecurityGroup": {"id": OWN},
        "defaultOutboundAccess": False, **subnet,
    }  # type: ignore[dict-item]  # fmt: skip
    found["network"]["subnets"].append(own)  # type: ignore[index,union-attr,call-overload]
    found["groups"].append({"id": OWN, "securityRules": []})  # type: ignore[union-attr]
    return found


def closing(*rules: Struct) -> Struct:
    found = answer()
    found["groups"][-1]["securityRules"] = [*rules]  # type: ignore[index,call-overload]
    return found


def test_a_subnet_that_fits_is_frozen_with_its_range_and_the_gateways_last_free_address() -> None:
    found = answer()
    found["addresses"] = [{"subnet": SUBNET, "address": "10.1.2.62"}]
    spec = fronted()
    site = settled(asked(spec), found, exists=False)
    assert site["subnets"]["gateway"] == SUBNET  # type: ignore[index,call-overload]
    assert (site["gatewayCidr"], site["gatewayEntry"]) == ("10.1.2.0/26", "10.1.2.61")
    layout = azure_layout(spec, site=site)
    assert layout.web is not None
    assert (layout.web.address, layout.network.gateway_cidr) == ("10.1.2.61", "10.1.2.0/26")
    public = fronted(exposure="public")
    found = closing(rule("all", 100, "*", "*"))
    found["groups"][0]["securityRules"] = [rule("all", 100, "*", "*")]  # type: ignore[index,call-overload]
    assert settled(asked(public), found, exists=False)["gatewayEntry"] == ""


UNFIT: dict[str, tuple[str, Struct]] = {
    "of another service": ("subnet_delegated", {"delegations": [{"serviceName": "Microsoft.Web/serverFarms"}]}),
    "not delegated": ("subnet_undelegated", {"delegations": []}),
    "too small": ("subnet_small", {"addressPrefixes": ["10.1.2.0/29"]}),
    "blind for vaults": ("no_way_out", {"serviceEndpoints": []}),
    "somebody else's name": ("subnet_missing", {"name": "other"}),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_a_subnet_lacks_is_refused_with_a_remedy(case: str) -> None:
    code, what = UNFIT[case]
    assert codes(fronted(), answer(**what)) == [code]


def test_a_subnet_with_a_nat_gateway_reaches_vaults() -> None:
    settled(asked(fronted()), answer(serviceEndpoints=[], natGateway={"id": "nat"}), exists=False)


CLOSED: dict[str, tuple[str, Struct]] = {
    "people": ("internal", rule("no-web", 100, "10.0.0.0/8", "443", "Deny")),
    "probes": ("internal", rule("no-probe", 100, "AzureLoadBalancer", "*", "Deny")),
    "managers": ("public", rule("web", 100, "20.30.40.0/24", "443")),
}


@pytest.mark.parametrize("case", CLOSED)
def test_a_group_that_keeps_somebody_out_is_refused(case: str) -> None:
    exposure, one = CLOSED[case]
    assert set(codes(fronted(exposure=exposure), closing(one))) == {"group_closed"}


def test_nodes_need_not_admit_people_but_the_gateway() -> None:
    found = answer()
    narrow = [rule("gateways", 100, "10.1.2.0/26", "443"), rule("polling", 110, "10.0.0.0/8", "10943")]
    others = [rule("endpoints", 120, "10.1.0.0/25", "*"), rule("none", 4000, "*", "*", "Deny")]
    found["groups"][0]["securityRules"] = [*narrow, *others]  # type: ignore[index,call-overload]
    settled(asked(fronted()), found, exists=False)
    found["groups"][0]["securityRules"] = [*narrow[1:], *others]  # type: ignore[index,call-overload]
    (said,) = objections(asked(fronted()), Seen(found), exists=False)
    assert "keeps 10.1.2.0/26 from port 443 of nodes" in said.reason


@pytest.mark.parametrize(
    ("existing", "words"),
    [
        ({"gatewaySubnets": []}, "shares its subnet with nothing else"),
        ({"gatewaySubnets": [f"{NETWORK}/subnets/nodes"]}, "named for something else too"),
        ({"gatewaySubnets": ["/subscriptions/s/other/subnets/x"]}, "is no subnet of"),
    ],
)
def test_a_file_without_a_subnet_of_its_own_is_wrong(existing: dict[str, object], words: str) -> None:
    body = fronted().to_json()
    body["spec"]["network"]["existing"] |= existing  # type: ignore[index,operator]
    with pytest.raises(SpecError, match=words):
        validated(body)  # type: ignore[arg-type]


def test_a_field_of_a_newer_cellctl_that_says_nothing_does_not_unsettle_a_site() -> None:
    """An older record knows fewer fields: looking again would find other addresses, and replace the nodes."""
    spec = spec_of().to_json()
    site = {"network": NETWORK, siting.WANTED: siting.wants(spec)}  # type: ignore[arg-type]
    older = {key: value for key, value in siting.wants(spec)["network"].items() if key != "gatewaySubnets"}  # type: ignore[arg-type,union-attr]
    recorded = {**site, siting.WANTED: {**siting.wants(spec), "network": older}}  # type: ignore[arg-type]
    assert siting.still_wanted(recorded, spec) == recorded  # type: ignore[arg-type]
    moved = {**older, "subnets": ["another"]}
    assert siting.still_wanted({**recorded, siting.WANTED: {**siting.wants(spec), "network": moved}}, spec) == {}  # type: ignore[arg-type]
