"""A cell on Azure with an application gateway as it is declared: who gets in where, and what it trusts."""

from __future__ import annotations

import base64
import ipaddress
import re
import ssl

import pytest
from pydantic import ValidationError

from cellctl.clouds import AccountFacts, load
from cellctl.errors import SpecError
from cellctl.facts.conditions import at, every
from cellctl.spec import CellSpec
from cellctl_sandbox.standins.authority import Authority

VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-hub"
WEB = {"balancer": "application_gateway", "certificate": "https://kv-hub.vault.azure.net/secrets/web"}
PUBLIC = {"exposure": "public", "allow": ["20.30.40.0/24"], "host": "acme.example.com"}
NETWORK = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/hub"
ACCOUNT = AccountFacts(id="00000000-0000-0000-0000-000000000001", sandbox=True)
GATEWAY_CIDR = "10.64.10.0/24"


def spec_of(**body: object) -> CellSpec:
    whole = {"cloud": "azure", "account": "sandbox", "region": "westeurope", **body}
    return CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": whole})


def declared(record, **body: object):
    layout = load("azure").layout(spec_of(**body), site={"network": "", "certificateVault": VAULT})
    return record(lambda: load("azure").program(layout, ACCOUNT))


@pytest.fixture(scope="module")
def cell(record):
    roles = ["both", "ui", "worker"]
    return declared(record, ingress={**WEB, "allow": ["10.1.0.0/16"]}, nodes={"count": 3, "roles": roles})


@pytest.fixture(scope="module")
def public(record):
    return declared(record, ingress={**WEB, **PUBLIC, "polling": "redis", "grpc": True, "firewall": "off"})


def rules(cell, group: str) -> dict[str, tuple[list[str], list[str]]]:
    """Return sources and ports of what a group allows, by the rule's name."""
    found = cell.named(f"acme-network-{group}-nsg").plain["securityRules"]
    assert found[-1]["access"] == "Deny"
    assert (found[-1]["sourceAddressPrefix"], found[-1]["destinationPortRange"]) == ("*", "*")
    return {
        rule["name"]: (
            rule.get("sourceAddressPrefixes") or [rule["sourceAddressPrefix"]],
            rule["destinationPortRanges"],
        )
        for rule in found[:-1]
    }


def test_nodes_admit_the_gateway_alone_to_the_web(cell, public) -> None:
    assert rules(cell, "nodes") == {
        "in-https": ([GATEWAY_CIDR], ["443"]),
        "in-polling": (["10.1.0.0/16"], ["10943"]),
        "in-control": (["10.255.0.0/24"], ["443", "10943"]),
    }
    assert rules(public, "nodes") == {
        "in-https": ([GATEWAY_CIDR], ["443"]),
        "in-polling": (["20.30.40.0/24"], ["10943"]),
        "in-grpc": (["20.30.40.0/24"], ["8443"]),
        "in-control": (["10.255.0.0/24"], ["443", "10943", "8443"]),
        "in-probe": (["AzureLoadBalancer"], ["10943", "8443"]),
    }


def test_the_gateway_admits_the_ranges_of_the_file_and_what_azure_demands(cell, public) -> None:
    assert rules(cell, "gateway") == {
        "in-https": (["10.1.0.0/16"], ["443"]),
        "in-control": (["10.255.0.0/24"], ["443"]),
        "in-probe": (["AzureLoadBalancer"], ["*"]),
    }
    assert rules(public, "gateway") == {
        "in-https": (["20.30.40.0/24"], ["443"]),
        "in-control": (["10.255.0.0/24"], ["443"]),
        "in-managers": (["GatewayManager"], ["65200-65535"]),
        "in-probe": (["AzureLoadBalancer"], ["*"]),
    }


def test_where_cellctl_is_in_the_ranges_anyway_it_has_no_rule_of_its_own_at_the_gateway(record) -> None:
    found = declared(record, ingress={**WEB, "allow": ["10.0.0.0/8"]})
    assert set(rules(found, "gateway")) == {"in-https", "in-probe"}
    assert rules(found, "nodes")["in-control"] == (["10.255.0.0/24"], ["443"])  # it asks every node by itself


@pytest.mark.parametrize("more", [{}, PUBLIC, {"polling": "redis"}, {"grpc": True}, {"firewall": "prevent"}])
def test_nobody_gets_in_whom_the_file_does_not_name(more: dict[str, object], record) -> None:
    """A security invariant: sources of what is allowed are the file's ranges, cellctl's, the cell's own, two tags."""
    ingress = {**WEB, **more}
    found = declared(record, ingress=ingress)
    layout = load("azure").layout(spec_of(ingress=ingress), site={"network": "", "certificateVault": VAULT})
    named = {*layout.ingress.allow, "10.255.0.0/24", layout.network.gateway_cidr}
    named |= {subnet.cidr for subnet in layout.network.node_subnets}
    for group in found.of("NetworkSecurityGroup"):
        for rule in group.plain["securityRules"]:
            if rule["access"] == "Allow":
                sources = set(rule.get("sourceAddressPrefixes") or [rule["sourceAddressPrefix"]])
                assert sources <= named | {"AzureLoadBalancer", "GatewayManager"}, (group.name, rule["name"])
    for one in found.of("ApplicationGateway"):
        assert [at(port, "port") for port in every(one.plain, "frontendPorts.*")] == [443]


def test_the_gateway_has_a_subnet_to_itself(cell, public) -> None:
    for found, delegated in ((cell, True), (public, False)):
        subnets = {one["name"]: one for one in found.named("acme-network-vnet").plain["subnets"]}
        subnet = subnets["gateway"]
        assert subnet["addressPrefix"] == GATEWAY_CIDR
        assert bool(subnet.get("delegations")) is delegated
        assert subnet["networkSecurityGroup"]["id"] == "/id/acme-network-gateway-nsg"
        assert [one["service"] for one in subnet["serviceEndpoints"]] == ["Microsoft.KeyVault"]
        ranges = [ipaddress.IPv4Network(one["addressPrefix"]) for one in subnets.values()]
        assert not any(one.overlaps(two) for n, one in enumerate(ranges) for two in ranges[n + 1 :])
        own = ["acme-web-gateway"]
        used = [each.name for each in found.all if "/subnets/gateway" in str(each.inputs) and each.name not in own]
        assert used == []


def test_it_ends_tls_and_opens_it_again_to_nodes_that_serve_the_web(cell) -> None:
    gateway = cell.named("acme-web-gateway").plain
    assert gateway["sku"] == {"name": "WAF_v2", "tier": "WAF_v2"}
    assert gateway["zones"] == ["1", "2", "3"]
    assert at(gateway, "sslCertificates.0.keyVaultSecretId") == WEB["certificate"]  # without a version: it rotates
    assert gateway["sslPolicy"] == {"policyType": "Predefined", "policyName": "AppGwSslPolicy20220101S"}
    assert at(gateway, "httpListeners.0.protocol") == "Https"
    pool = [str(one) for one in every(gateway, "backendAddressPools.0.backendAddresses.*.ipAddress")]
    assert pool == ["10.64.0.10", "10.64.2.10"]  # the third is a worker
    settings, probe = at(gateway, "backendHttpSettingsCollection.0"), at(gateway, "probes.0")
    assert (at(settings, "protocol"), at(settings, "port"), at(settings, "hostName")) == (
        "Https", 443, "acme.octopus.internal",
    )  # fmt: skip
    assert (at(settings, "requestTimeout"), at(settings, "cookieBasedAffinity")) == (3600, "Disabled")
    assert at(probe, "path") == "/api/octopusservernodes/ping"
    assert (at(probe, "match.statusCodes"), at(probe, "pickHostNameFromBackendHttpSettings")) == (["200"], True)
    assert at(gateway, "frontendIPConfigurations.0.privateIPAddress") == "10.64.10.254"


def test_a_root_that_azure_does_not_know_is_named_to_it(record, cell) -> None:
    root = Authority().trust_anchor
    gateway = declared(record, ingress={**WEB, "authority": root}).named("acme-web-gateway").plain
    data = base64.b64decode(str(at(gateway, "trustedRootCertificates.0.data")))
    assert data == ssl.PEM_cert_to_DER_cert(root)
    named = at(gateway, "backendHttpSettingsCollection.0.trustedRootCertificates.0.id")
    assert str(named).endswith("/applicationGateways/agw-oct-acme/trustedRootCertificates/authority")
    assert "trustedRootCertificates" not in cell.named("acme-web-gateway").plain


@pytest.mark.parametrize("text", ["no certificate", "LEAF", "KEY"])
def test_what_is_no_root_is_refused(text: str) -> None:
    pair = Authority().credential("acme.example.com")
    given = {"LEAF": pair.certificate, "KEY": pair.key + Authority().trust_anchor.encode()}.get(text, text.encode())
    with pytest.raises(ValidationError, match="one certificate that issues others"):
        spec_of(ingress={**WEB, "authority": given.decode()})


def test_uploads_are_above_no_limit_of_the_firewall(cell, public) -> None:
    settings = cell.named("acme-web-firewall").plain["policySettings"]
    assert settings == {
        "state": "Enabled", "mode": "Detection", "requestBodyCheck": False, "requestBodyEnforcement": False,
        "fileUploadEnforcement": False,
    }  # fmt: skip
    assert cell.named("acme-web-gateway").plain["globalConfiguration"]["enableRequestBuffering"] is True
    logs = cell.named("acme-web-logs").plain["logs"]
    assert [one["category"] for one in logs] == ["ApplicationGatewayFirewallLog"]
    plain = public.named("acme-web-gateway").plain
    assert (plain["sku"]["name"], plain["globalConfiguration"]["enableRequestBuffering"]) == ("Standard_v2", False)
    assert "firewallPolicy" not in plain
    assert not public.of("WebApplicationFirewallPolicy")


def test_a_firewall_may_turn_away(record) -> None:
    found = declared(record, ingress={**WEB, "firewall": "prevent"})
    assert found.named("acme-web-firewall").plain["policySettings"]["mode"] == "Prevention"


def test_its_identity_reads_one_secret_and_nothing_else(cell) -> None:
    scope, role = f"{VAULT}/secrets/web", "4633458b-17de-408a-b874-0445c86b69e6"
    for name in ("acme-web-certificate-read", "acme-web-nodes-read"):
        plain = cell.named(name).plain
        assert (plain["scope"], plain["roleDefinitionId"].rpartition("/")[2]) == (scope, role)
    assert "acme-web-certificate-read" in cell.dependencies(cell.named("acme-web-gateway"))
    for node in (1, 2, 3):
        assert "acme-web-nodes-read" in cell.dependencies(cell.named(f"acme-node-{node}"))
    identities = cell.named("acme-web-gateway").plain["identity"]["userAssignedIdentities"]
    assert identities == ["/id/acme-web-identity"]


def test_tentacles_come_to_the_load_balancer_under_a_name_of_its_own(cell, public) -> None:
    balancer = cell.of("LoadBalancer")[0].plain
    assert balancer["loadBalancingRules"] == []
    assert [one["name"] for one in balancer["inboundNatRules"]] == ["poll-n1", "poll-n2", "poll-n3"]
    assert [one["name"] for one in balancer["backendAddressPools"]] == ["n1", "n2", "n3"]
    shared = public.of("LoadBalancer")[0].plain
    assert {one["name"]: one["frontendPort"] for one in shared["loadBalancingRules"]} == {
        "polling": 10943, "grpc": 8443,
    }  # fmt: skip
    assert [one["name"] for one in shared["probes"]] == ["polling-tcp", "grpc-tcp"]
    polled = "polling.acme.octopus.internal"
    assert cell.outputs["pollAddresses"] == [f"https://{polled}:{port}" for port in (10943, 10944, 10945)]
    assert cell.outputs["url"] == "https://acme.octopus.internal"
    records = {
        one.plain["relativeRecordSetName"]: at(one.plain, "aRecords.0.ipv4Address")
        for one in cell.of("PrivateRecordSet")
    }
    assert records == {"@": cell.outputs["ingressAddress"], "polling": cell.outputs["pollingAddress"]}
    assert records == {"@": "10.64.10.254", "polling": "10.64.6.4"}
    assert public.outputs["grpcAddress"] == "polling.acme.example.com:8443"
    assert (public.outputs["ingressAddress"], public.outputs["pollingAddress"]) == (
        f"{public.named('acme-web-address').plain['dnsSettings']['domainNameLabel']}.westeurope.cloudapp.azure.com",
        f"{public.named('acme-ingress-address').plain['dnsSettings']['domainNameLabel']}.westeurope.cloudapp.azure.com",
    )
    assert public.outputs["ingressAddress"] != public.outputs["pollingAddress"]


def test_alarms_watch_what_has_probes(cell, public) -> None:
    def named(found) -> set[str]:
        return {
            one.name.removeprefix("acme-alarms-")
            for one in found.of("MetricAlert")
            if re.search("web-|nodes-down|node-silent", one.name)
        }

    web = {"web-nodes-down", "web-node-silent"}
    assert named(cell) == web  # the balancer asks nobody
    assert named(public) == web | {"nodes-down", "node-silent"}
    criteria = cell.named("acme-alarms-web-nodes-down").plain["criteria"]["allOf"][0]
    assert (criteria["metricName"], criteria["threshold"]) == ("HealthyHostCount", 1.2)


def test_in_a_zone_of_others_both_names_are_recorded(record) -> None:
    zone = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/privateDnsZones/corp.example"
    spec = spec_of(ingress={**WEB, "host": "acme.corp.example", "zone": zone})
    layout = load("azure").layout(
        spec, site={"network": "", "zone": zone, "link": True, "certificateVault": VAULT}
    )  # fmt: skip
    found = record(lambda: load("azure").program(layout, ACCOUNT))
    names = {one.plain["relativeRecordSetName"] for one in found.of("PrivateRecordSet")}
    assert names == {"acme", "polling.acme"}


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"ingress": {"balancer": "application_gateway"}}, "spec.ingress.certificate", "is needed"),
        ({"ingress": {**WEB, "certificate": f"{WEB['certificate']}/0123"}}, "spec.ingress.certificate", "a version"),
        ({"ingress": {"firewall": "off"}}, "spec.ingress.firewall", "of an application gateway"),
        ({"ingress": {"authority": Authority().trust_anchor}}, "spec.ingress.authority", "of an application gateway"),
        ({"cloud": "aws", "ingress": {"balancer": "application_gateway"}}, "spec.ingress.balancer", "Azure only"),
    ],
)
def test_what_makes_no_sense_is_refused(body: dict[str, object], field: str, words: str) -> None:
    own = {"region": "eu-west-1"} if body.get("cloud") == "aws" else {}
    with pytest.raises(ValidationError) as caught:
        spec_of(**own, **body)
    assert re.fullmatch(rf"(?s).*Value error, {field}: .*{words}.*", str(caught.value))


def test_nothing_is_resolved_before_somebody_has_looked_for_its_vault() -> None:
    with pytest.raises(SpecError, match="nobody has looked yet"):
        load("azure").layout(spec_of(ingress=WEB))
