"""An application gateway on Azure over hand-made objects: each thing that it needs is named where it is missing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from cellctl.state.values import Struct, Value
from cellctl_sandbox.estate import Estate
from cellctl_sandbox.network import azure_gateways
from cellctl_sandbox.network.azure import AzureNetwork
from cellctl_sandbox.network.azure_balancers import entry
from cellctl_sandbox.network.azure_gateways import trouble
from cellctl_sandbox.network.entry import Entry
from cellctl_sandbox.network.reachability import CONTROL
from cellctl_sandbox.standins.cloud_view import CloudObject

GROUP = "/subscriptions/s/resourceGroups/rg/providers"
NET = f"{GROUP}/Microsoft.Network/virtualNetworks/vnet"
GATEWAY = f"{GROUP}/Microsoft.Network/applicationGateways/agw"
IDENTITY = f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/id-web"
SECRET = "/subscriptions/s/resourceGroups/own/providers/Microsoft.KeyVault/vaults/kv-own/secrets/web"
CERTIFICATE = "https://kv-own.vault.azure.net/secrets/web"
READER = "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6"
FRONTEND = "10.64.10.254"
Objects = dict[str, CloudObject]


def made(kind: str, id: str, **properties: Value) -> CloudObject:
    return CloudObject(type=f"azure-native:{kind}", id=id, properties={**properties}, cell="acme")


def rule(name: str, priority: int, source: str, port: str, access: str = "Allow") -> Struct:
    return {
        "name": name, "priority": priority, "direction": "Inbound", "access": access, "protocol": "Tcp",
        "sourceAddressPrefix": source, "destinationAddressPrefix": "*", "destinationPortRange": port,
    }  # fmt: skip


def part(kind: str, name: str) -> Struct:
    return {"id": f"{GATEWAY}/{kind}/{name}"}


def gateway() -> CloudObject:
    return made(
        "network:ApplicationGateway", GATEWAY,
        identity={"userAssignedIdentities": [IDENTITY]},
        gatewayIPConfigurations=[{"name": "subnet", "subnet": {"id": f"{NET}/subnets/gateway"}}],
        frontendIPConfigurations=[
            {"name": "fe", "privateIPAddress": FRONTEND, "subnet": {"id": f"{NET}/subnets/gateway"}}
        ],
        frontendPorts=[{"name": "https", "port": 443}],
        sslCertificates=[{"name": "web", "keyVaultSecretId": CERTIFICATE}],
        httpListeners=[{
            "name": "https", "protocol": "Https", "frontendPort": part("frontendPorts", "https"),
            "frontendIPConfiguration": part("frontendIPConfigurations", "fe"),
            "sslCertificate": part("sslCertificates", "web"),
        }],
        backendAddressPools=[{"name": "nodes", "backendAddresses": [{"ipAddress": "10.64.0.10"}]}],
        backendHttpSettingsCollection=[{
            "name": "nodes", "port": 443, "protocol": "Https", "hostName": "acme.corp", "probe": part("probes", "ping"),
        }],
        probes=[{
            "name": "ping", "protocol": "Https", "path": "/ping", "pickHostNameFromBackendHttpSettings": True,
            "match": {"statusCodes": ["200"]},
        }],
        requestRoutingRules=[{
            "name": "web", "priority": 1, "httpListener": part("httpListeners", "https"),
            "backendAddressPool": part("backendAddressPools", "nodes"),
            "backendHttpSettings": part("backendHttpSettingsCollection", "nodes"),
        }],
    )  # fmt: skip


def account() -> Objects:
    """A node with the certificate, and a gateway without a public address in front of it."""
    told = base64.b64encode(json.dumps({"sql_host": "x", "certificate": CERTIFICATE}).encode()).decode()
    groups = {name: f"{GROUP}/Microsoft.Network/networkSecurityGroups/{name}" for name in ("nsg-g", "nsg-n")}
    shut = rule("deny", 4096, "*", "*", "Deny")
    interface = f"{GROUP}/Microsoft.Network/networkInterfaces/nic"
    subnets: Value = [
        {"name": "nodes", "addressPrefix": "10.64.0.0/24", "networkSecurityGroup": {"id": groups["nsg-n"]}},
        {"name": "gateway", "addressPrefix": "10.64.10.0/24", "networkSecurityGroup": {"id": groups["nsg-g"]},
         "serviceEndpoints": [{"service": "Microsoft.KeyVault"}],
         "delegations": [{"serviceName": "Microsoft.Network/applicationGateways"}]},
    ]  # fmt: skip
    return {
        "network": made("network:VirtualNetwork", NET, addressSpace={"addressPrefixes": ["10.64.0.0/16"]},
                        subnets=subnets),
        "nsg-g": made("network:NetworkSecurityGroup", groups["nsg-g"], securityRules=[
            rule("in-https", 100, "10.255.0.0/24", "443"), rule("in-probe", 140, "AzureLoadBalancer", "*"), shut]),
        "nsg-n": made("network:NetworkSecurityGroup", groups["nsg-n"], securityRules=[
            rule("in-https", 100, "10.64.10.0/24", "443"), shut]),
        "nic": made("network:NetworkInterface", interface, ipConfigurations=[
            {"privateIPAddress": "10.64.0.10", "subnet": {"id": f"{NET}/subnets/nodes"}}]),
        "vm": made("compute:VirtualMachine", f"{GROUP}/Microsoft.Compute/virtualMachines/vm-1", userData=told,
                   networkProfile={"networkInterfaces": [{"id": interface}]}),
        "identity": made("managedidentity:UserAssignedIdentity", IDENTITY, principalId="p-web"),
        "role": made("authorization:RoleAssignment", f"{SECRET}/providers/Microsoft.Authorization/roleAssignments/r",
                     scope=SECRET, principalId="p-web", roleDefinitionId=READER),
        "gateway": gateway(),
    }  # fmt: skip


def judged(objects: Objects) -> tuple[str, Entry | None]:
    """Return why Azure does not bring the gateway into service, and what its frontend leads to."""
    estate = Estate(list(objects.values()), 0.0)
    return trouble(estate, objects["gateway"]), entry(AzureNetwork(estate), FRONTEND, 443, CONTROL)


def test_what_has_all_it_needs_ends_tls_and_speaks_tls_to_its_node() -> None:
    why, found = judged(account())
    assert why == ""
    assert found is not None
    (target,) = found.targets
    assert (found.ends_tls, found.balancer) == (True, "agw")
    assert (target.address, target.port, target.why) == ("10.64.0.10", 443, "")
    assert (target.health_path, target.healthy, target.tls_name) == ("/ping", ("200",), "acme.corp")


def subnet(objects: Objects) -> Struct:
    return objects["network"].properties["subnets"][1]  # type: ignore[index,call-overload,return-value]


def first(objects: Objects, kind: str) -> Struct:
    return objects["gateway"].properties[kind][0]  # type: ignore[index,call-overload,return-value]


def taken(objects: Objects) -> None:
    objects["other"] = made("network:NetworkInterface", f"{GROUP}/x/networkInterfaces/stranger", ipConfigurations=[
        {"privateIPAddress": "10.64.10.9", "subnet": {"id": f"{NET}/subnets/gateway"}}])  # fmt: skip


def published(objects: Objects) -> None:
    address = f"{GROUP}/Microsoft.Network/publicIPAddresses/pip"
    objects["address"] = made("network:PublicIPAddress", address)
    objects["gateway"].properties["frontendIPConfigurations"] = [{"name": "fe", "publicIPAddress": {"id": address}}]


UNSERVED: dict[str, tuple[str, Callable[[Objects], object]]] = {
    "no role": ("no role assignment on secret web", lambda all: all.pop("role")),
    "another secret": (
        "no role assignment on secret web",
        lambda all: all["role"].properties.update(scope=SECRET.replace("/web", "/else")),
    ),
    "no identity": ("agw has no identity", lambda all: all.pop("identity")),
    "no way to the vault": ("no endpoint of Microsoft.KeyVault", lambda all: subnet(all).pop("serviceEndpoints")),
    "no delegation": ("needs gateway delegated", lambda all: subnet(all).pop("delegations")),
    "others in its subnet": ("gateway holds stranger", taken),
    "probes kept out": (
        "no rule of nsg-g admits 168.63.129.16",
        lambda all: all["nsg-g"].properties["securityRules"].pop(1),  # type: ignore[union-attr]
    ),
    "managers kept out": ("no rule of nsg-g admits 198.51.100.9 to port 65200", published),
}


@pytest.mark.parametrize("case", UNSERVED)
def test_azure_brings_no_gateway_into_service_that_lacks(case: str) -> None:
    words, spoil = UNSERVED[case]
    objects = account()
    spoil(objects)
    why, found = judged(objects)
    assert words in why
    if found is not None:  # and one that has lost it later serves nobody
        assert [words in target.why for target in found.targets] == [True]


def test_managers_that_are_let_in_are_enough_for_a_public_one() -> None:
    objects = account()
    published(objects)
    rules = objects["nsg-g"].properties["securityRules"]
    assert isinstance(rules, list)
    rules.insert(0, rule("in-managers", 130, "GatewayManager", "65200-65535"))
    assert judged(objects)[0] == ""
    del objects["address"]
    assert "there is no public address" in judged(objects)[0]


UNTRUSTED: dict[str, tuple[str, Callable[[Objects], object]]] = {
    "rule of nodes": ("no rule of nsg-n admits 10.64.10.", lambda all: all["nsg-n"].properties["securityRules"].pop(0)),  # type: ignore[union-attr]
    "no host": ("no host is told", lambda all: first(all, "backendHttpSettingsCollection").pop("hostName")),
    "another host": (
        "another host than requests",
        lambda all: first(all, "probes").update(pickHostNameFromBackendHttpSettings=False, host="10.64.0.10"),
    ),
    "in clear": ("another protocol", lambda all: first(all, "probes").update(protocol="Http")),
    "no probe": ("another host than requests", lambda all: first(all, "backendHttpSettingsCollection").pop("probe")),
    "a certificate of its own": (
        "vm-1 shows a certificate of its own making",
        lambda all: all["vm"].properties.update(
            userData=base64.b64encode(json.dumps({"sql_host": "x", "certificate": ""}).encode()).decode()
        ),
    ),
    "nobody there": ("nothing has the address", lambda all: all.pop("vm")),
}


@pytest.mark.parametrize("case", UNTRUSTED)
def test_a_node_is_not_sent_to_where(case: str) -> None:
    words, spoil = UNTRUSTED[case]
    objects = account()
    spoil(objects)
    why, found = judged(objects)
    assert why == ""  # the gateway itself is well
    assert found is not None
    assert words in found.targets[0].why


@pytest.mark.parametrize(
    "kind", ["frontendPorts", "httpListeners", "sslCertificates", "requestRoutingRules", "frontendIPConfigurations"]
)
def test_a_part_that_another_names_and_that_is_not_there_serves_nobody(kind: str) -> None:
    objects = account()
    if kind == "frontendIPConfigurations":
        first(objects, kind)["name"] = "else"
    else:
        objects["gateway"].properties[kind] = []
    _, found = judged(objects)
    assert found is not None
    assert (found.targets, found.ends_tls) == ((), False)


@pytest.mark.parametrize(
    ("settings", "limits"),
    [
        ({}, (128 * 1024, 100 * 1024 * 1024)),
        ({"requestBodyCheck": False}, (0, 100 * 1024 * 1024)),
        ({"requestBodyEnforcement": False, "fileUploadEnforcement": False}, (0, 0)),
        ({"maxRequestBodySizeInKb": 2000, "fileUploadLimitInMb": 4000}, (2000 * 1024, 4000 * 1024 * 1024)),
        ({"state": "Disabled"}, (0, 0)),
    ],
)
def test_a_firewall_limits_what_it_reads(settings: Struct, limits: tuple[int, int]) -> None:
    objects = account()
    policy = f"{GROUP}/Microsoft.Network/applicationGatewayWebApplicationFirewallPolicies/waf"
    objects["firewall"] = made(azure_gateways.POLICY.partition(":")[2], policy, policySettings=settings)
    objects["gateway"].properties["firewallPolicy"] = {"id": policy}
    _, found = judged(objects)
    assert found is not None
    assert (found.largest_body, found.largest_file) == limits


def test_a_dial_from_where_no_rule_admits_is_a_time_out_that_names_the_rule() -> None:
    objects = account()
    objects["nsg-g"].properties["securityRules"].pop(0)  # type: ignore[union-attr]
    here = AzureNetwork(Estate(list(objects.values()), 0.0))
    verdict = here.reach(CONTROL, FRONTEND, 443)
    assert verdict.outcome == "timeout"
    assert "no rule of nsg-g admits 10.255.0.4 to port 443/tcp: deny (4096) denies it" in verdict.why
