"""Who reaches whom on Azure: groups in order, private endpoints and their zones, public access, the way out."""

from __future__ import annotations

import pytest

from cellctl.state.values import Struct, Value
from cellctl_sandbox.estate import Estate
from cellctl_sandbox.network.azure import AzureNetwork
from cellctl_sandbox.network.azure_names import machine_place
from cellctl_sandbox.network.azure_rules import PROBE
from cellctl_sandbox.network.reachability import CONTROL
from cellctl_sandbox.network.verdict import Place, Verdict
from cellctl_sandbox.standins.cloud_view import CloudObject

GROUP = "/subscriptions/s/resourceGroups/rg/providers"
NET = f"{GROUP}/Microsoft.Network/virtualNetworks/vnet"
ZONE = f"{GROUP}/Microsoft.Network/privateDnsZones/privatelink.database.windows.net"
SERVER = f"{GROUP}/Microsoft.Sql/servers/sql1"
ENDPOINT = f"{GROUP}/Microsoft.Network/privateEndpoints/pe-sql1"
SQL = "sql1.database.windows.net"


def made(kind: str, id: str, **properties: Value) -> CloudObject:
    return CloudObject(type=f"azure-native:{kind}", id=id, properties={**properties}, cell="acme")


def rule(name: str, priority: int, source: str, port: str, access: str = "Allow") -> Value:
    return {
        "name": name, "priority": priority, "direction": "Inbound", "access": access, "protocol": "Tcp",
        "sourceAddressPrefix": source, "destinationAddressPrefix": "*", "destinationPortRange": port,
    }  # fmt: skip


def ref(path: str) -> Struct:
    return {"id": f"{GROUP}/Microsoft.Network/{path}"}


NAT = ref("natGateways/nat")
NSG_N, NSG_E = ref("networkSecurityGroups/nsg-n"), ref("networkSecurityGroups/nsg-e")


def account(**changed: object) -> dict[str, CloudObject]:
    """One node, one database behind a private endpoint; `changed` replaces parts by name, None takes them out."""
    rules: Value = [rule("in-nodes", 100, "10.64.0.0/24", "1433"), rule("deny", 4096, "*", "*", "Deny")]
    node_rules: Value = [rule("in-probe", 130, "AzureLoadBalancer", "80"), rule("deny", 4096, "*", "*", "Deny")]
    nodes: Struct = {"name": "nodes", "addressPrefix": "10.64.0.0/24", "defaultOutboundAccess": False,
                     "natGateway": ref("natGateways/nat"), "networkSecurityGroup": NSG_N}  # fmt: skip
    endpoints: Struct = {"name": "pe", "addressPrefix": "10.64.8.0/26", "privateEndpointNetworkPolicies": "Enabled",
                         "networkSecurityGroup": NSG_E}  # fmt: skip
    parts: dict[str, CloudObject] = {
        "network": made("network:VirtualNetwork", NET, addressSpace={"addressPrefixes": ["10.64.0.0/20"]},
                        subnets=[nodes, endpoints]),
        "nsg-n": made("network:NetworkSecurityGroup", NSG_N["id"], securityRules=node_rules),
        "nsg-e": made("network:NetworkSecurityGroup", NSG_E["id"], securityRules=rules),
        "nat": made("network:NatGateway", NAT["id"], publicIpAddresses=[ref("publicIPAddresses/pip")]),
        "pip": made("network:PublicIPAddress", ref("publicIPAddresses/pip")["id"]),
        "nic": made("network:NetworkInterface", ref("networkInterfaces/nic")["id"],
                    ipConfigurations=[{"privateIPAddress": "10.64.0.10", "subnet": {"id": f"{NET}/subnets/nodes"}}]),
        "vm": made("compute:VirtualMachine", f"{GROUP}/Microsoft.Compute/virtualMachines/vm",
                   networkProfile={"networkInterfaces": [ref("networkInterfaces/nic")]}),
        "server": made("sql:Server", SERVER, publicNetworkAccess="Disabled"),
        "endpoint": made("network:PrivateEndpoint", ENDPOINT, subnet={"id": f"{NET}/subnets/pe"},
                         privateLinkServiceConnections=[{"privateLinkServiceId": SERVER, "groupIds": ["sqlServer"]}]),
        "zone": made("privatedns:PrivateZone", ZONE),
        "link": made("privatedns:VirtualNetworkLink", f"{ZONE}/virtualNetworkLinks/l", virtualNetwork={"id": NET}),
        "zone group": made("network:PrivateDnsZoneGroup", f"{ENDPOINT}/privateDnsZoneGroups/default",
                           privateDnsZoneConfigs=[{"privateDnsZoneId": ZONE}]),
    }  # type: ignore[arg-type]  # fmt: skip
    return {key: item for key, item in parts.items() if key not in changed}


def network(objects: dict[str, CloudObject]) -> tuple[AzureNetwork, Place]:
    estate = Estate(list(objects.values()), 0.0)
    return AzureNetwork(estate), machine_place(estate, objects["vm"])


def test_what_the_groups_allow_is_open() -> None:
    here, node = network(account())
    assert here.reach(node, SQL, 1433) == Verdict(outcome="open")
    assert here.reach(node, "management.azure.com", 443).open
    assert here.path(PROBE, node, 80).open


@pytest.mark.parametrize(
    ("gone", "name", "outcome", "hop"),
    [
        ("link", SQL, "refused", "zone privatelink.database.windows.net is not linked to vnet"),
        ("zone group", SQL, "no_name", "has no record for sql1"),
        ("endpoint", SQL, "refused", "it has no private endpoint"),
        ("nsg-e", SQL, "timeout", "there is no network security group nsg-e"),
        ("server", SQL, "no_name", "there is no Server sql1"),
        ("pip", "management.azure.com", "timeout", "NAT gateway nat of nodes is missing, or has no public address"),
        ("nat", "management.azure.com", "timeout", "NAT gateway nat of nodes is missing"),
    ],
)
def test_a_missing_hop_is_named(gone: str, name: str, outcome: str, hop: str) -> None:
    here, node = network(account(**{gone: None}))
    verdict = here.reach(node, name, 1433 if name == SQL else 443)
    assert verdict.outcome == outcome
    assert hop in verdict.why


def test_an_endpoint_leads_to_the_part_of_a_service_that_it_names() -> None:
    connection = {"privateLinkServiceId": SERVER, "groupIds": ["blob"]}
    other = made("network:PrivateEndpoint", ENDPOINT, subnet={"id": f"{NET}/subnets/pe"},
                 privateLinkServiceConnections=[connection])  # fmt: skip
    here, node = network(account(endpoint=other))
    assert "it has no private endpoint of its sqlServer" in here.reach(node, SQL, 1433).why


def test_the_first_rule_by_priority_decides_and_azures_own_come_last() -> None:
    here, node = network(account())
    assert "deny (4096) denies it" in here.reach(CONTROL, SQL, 1433).why
    assert "no rule of nsg-n admits 168.63.129.16 to port 443" in here.path(PROBE, node, 443).why
    objects = account()
    objects["nsg-n"].properties["securityRules"] = []
    here, node = network(objects)
    assert here.path(PROBE, node, 443).open, "AllowAzureLoadBalancerInBound"
    assert here.path(CONTROL, node, 22).open, "attached networks are of the tag VirtualNetwork"
    visitor = Place(what="a visitor", address="203.0.113.9")
    assert "DenyAllInBound (65500)" in here.path(visitor, node, 22).why


def test_groups_are_not_asked_about_endpoints_where_their_policies_are_off() -> None:
    objects = account()
    subnets = objects["network"].properties["subnets"]
    assert isinstance(subnets, list)
    assert isinstance(subnets[1], dict)
    subnets[1]["privateEndpointNetworkPolicies"] = "Disabled"
    here, _ = network(objects)
    assert here.reach(CONTROL, SQL, 1433).open


def test_a_route_table_of_its_own_is_told_and_never_open() -> None:
    objects = account()
    subnets = objects["network"].properties["subnets"]
    assert isinstance(subnets, list)
    assert isinstance(subnets[0], dict)
    subnets[0]["routeTable"] = ref("routeTables/rt")
    here, node = network(objects)
    for name, port in ((SQL, 1433), ("management.azure.com", 443)):
        assert "knows no user-defined routes" in here.reach(node, name, port).why
