"""Application gateways on Azure: TLS ended and opened again to targets, in a subnet that they have to themselves.

Sources: Microsoft Learn, Application Gateway: infrastructure configuration, health probes, certificates of Key Vault,
private deployment; 2026-11. Texts of errors are from memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from cellctl.facts.conditions import at, every
from cellctl.state.values import Value
from cellctl_sandbox.estate import Estate, text
from cellctl_sandbox.iam.azure import IDENTITY, on_secret
from cellctl_sandbox.network import azure_names
from cellctl_sandbox.network.addresses import stand_in
from cellctl_sandbox.network.azure import ADDRESS, AzureNetwork
from cellctl_sandbox.network.azure_rules import MANAGER, PROBE
from cellctl_sandbox.network.boot import boot_of
from cellctl_sandbox.network.entry import Entry, Target
from cellctl_sandbox.network.verdict import Place
from cellctl_sandbox.standins.cloud_view import CloudObject

POLICY = "azure-native:network:WebApplicationFirewallPolicy"
_SERVICE = "Microsoft.Network/applicationGateways"
_MANAGED_PORT = 65200
_OK = ("200-399",)
"""What a probe without a match takes for healthy."""
_LARGEST_KIB, _LARGEST_FILE_MIB = 128, 100
"""What a firewall lets through that is told nothing else."""


def entry(network: AzureNetwork, gateway: CloudObject, port: int) -> Entry:
    """Return a port of a gateway; one that nothing listens on has no targets and does not end TLS."""
    name = gateway.id.rpartition("/")[2]
    rule, listener = next(_rules(gateway, port), (None, None))
    if listener is None:
        return Entry(balancer=name, port=port, targets=())
    closed = next(troubles(network.estate, gateway), "")
    settings = _part(gateway, "backendHttpSettingsCollection", at(rule, "backendHttpSettings.id"))
    pool = _part(gateway, "backendAddressPools", at(rule, "backendAddressPool.id"))
    where = place(network.estate, gateway)
    found = (str(one) for one in every(pool, "backendAddresses.*.ipAddress"))
    targets = [_target(network, gateway, settings, where, address, closed) for address in found]
    body, file = _limits(network.estate, gateway)
    return Entry(
        balancer=name, port=port, targets=tuple(targets), ends_tls=at(listener, "protocol") == "Https",
        unserved=502, largest_body=body, largest_file=file,
    )  # fmt: skip


def place(estate: Estate, gateway: CloudObject) -> Place:
    """Return where a gateway sends from: an address of its subnet."""
    subnet = text(gateway, "gatewayIPConfigurations.0.subnet.id")
    block = at(azure_names.subnet_of(estate, subnet), "addressPrefix")
    address = stand_in(str(block or "0.0.0.0/32"), gateway.id)
    return Place(
        what=gateway.id.rpartition("/")[2], address=address, network=azure_names.network_of(subnet), subnet=subnet,
        key=gateway.id,
    )  # fmt: skip


def trouble(estate: Estate, item: CloudObject) -> str:
    """Return why Azure does not bring a gateway into service, `` if it does."""
    return next(troubles(estate, item), "")


def troubles(estate: Estate, gateway: CloudObject) -> Iterator[str]:
    """Yield what keeps a gateway from working, now: its certificate, its subnet, who must reach it there."""
    yield from _certificates(estate, gateway)
    network, where = AzureNetwork(estate), place(estate, gateway)
    subnet = azure_names.subnet_of(estate, where.subnet)
    if subnet is None:
        yield f"there is no subnet {where.subnet.rpartition('/')[2]}"
        return
    name = where.subnet.rpartition("/")[2]
    public = [str(one) for one in every(gateway.properties, "frontendIPConfigurations.*.publicIPAddress.id") if one]
    yield from (f"there is no public address {one}" for one in public if estate.one(ADDRESS, one) is None)
    others = next(_others(estate, where.subnet), "")
    if others:
        yield f"ApplicationGatewaySubnetCannotHaveOtherResources: {name} holds {others}"
    if not public and not _sees_vaults(subnet):
        yield f"ApplicationGatewayKeyVaultSecretException: {name} has no endpoint of Microsoft.KeyVault and no way out"
    delegated = {str(one) for one in every(subnet, "delegations.*.serviceName")}
    if not public and _SERVICE not in delegated:
        yield f"a gateway without a public address needs {name} delegated to {_SERVICE}"
    asked = [(PROBE, 443), *([(MANAGER, _MANAGED_PORT), (MANAGER, 65535)] if public else [])]
    for source, port in asked:
        verdict = network.path(source, where, port)
        if not verdict.open:
            yield f"ApplicationGatewaySubnetInboundTrafficBlockedByNetworkSecurityGroup: {verdict.why}"


def _sees_vaults(subnet: Value) -> bool:
    """Tell whether a gateway without a public address reaches Key Vault from its subnet."""
    return "Microsoft.KeyVault" in every(subnet, "serviceEndpoints.*.service") or bool(at(subnet, "natGateway.id"))


def _certificates(estate: Estate, gateway: CloudObject) -> Iterator[str]:
    held = [str(one) for one in every(gateway.properties, "identity.userAssignedIdentities.*")]
    who = next((found for one in held if (found := estate.one(IDENTITY, one))), None)
    for uri in every(gateway.properties, "sslCertificates.*.keyVaultSecretId"):
        if who is None:
            yield f"ApplicationGatewayKeyVaultSecretException: {gateway.id.rpartition('/')[2]} has no identity"
            return
        why = on_secret(estate.seen_by("service:keyvault"), who.text("principalId"), str(uri))
        if why:
            yield f"ApplicationGatewayKeyVaultSecretException: {why}"


def _others(estate: Estate, subnet: str) -> Iterator[str]:
    wanted = subnet.lower()
    kinds = {
        azure_names.INTERFACE: "ipConfigurations.*.subnet.id",
        azure_names.ENDPOINT: "subnet.id",
        azure_names.BALANCER: "frontendIPConfigurations.*.subnet.id",
    }
    for kind, path in kinds.items():
        for item in estate.all(kind):
            if wanted in {str(one).lower() for one in every(item.properties, path)}:
                yield item.id.rpartition("/")[2]


def _rules(gateway: CloudObject, port: int) -> Iterator[tuple[Value, Value]]:
    """Yield each rule whose listener is on a port, with the listener, in the order of their priority."""
    found = [*every(gateway.properties, "requestRoutingRules.*")]
    for rule in sorted(found, key=lambda one: _whole(at(one, "priority"))):
        listener = _part(gateway, "httpListeners", at(rule, "httpListener.id"))
        number = at(_part(gateway, "frontendPorts", at(listener, "frontendPort.id")), "port")
        frontend = _part(gateway, "frontendIPConfigurations", at(listener, "frontendIPConfiguration.id"))
        certificate = _part(gateway, "sslCertificates", at(listener, "sslCertificate.id"))
        shows = certificate is not None or at(listener, "protocol") != "Https"
        if number == port and frontend is not None and shows:
            yield rule, listener


def _target(  # noqa: PLR0917
    network: AzureNetwork, gateway: CloudObject, settings: Value, where: Place, address: str, closed: str
) -> Target:
    port, probe = _whole(at(settings, "port")), _part(gateway, "probes", at(settings, "probe.id"))
    node = azure_names.place_at(network.estate, address)
    verdict = network.path(where, node, port)
    wrong = next(_mistaken(network.estate, gateway, settings, node.key), "")
    return Target(
        address=address,
        port=port,
        health_port=port,
        health_path=str(at(probe, "path") or ""),
        healthy=tuple(str(one) for one in every(probe, "match.statusCodes.*")) or _OK,
        tls_name=str(at(settings, "hostName") or "") if at(settings, "protocol") == "Https" else "",
        why=closed or ("" if verdict.open else verdict.why) or wrong,
    )


def _mistaken(estate: Estate, gateway: CloudObject, settings: Value, machine: str) -> Iterator[str]:
    """Yield why a node is not trusted, or its probe asks for something else than requests do."""
    probe = _part(gateway, "probes", at(settings, "probe.id"))
    host = str(at(settings, "hostName") or "")
    if at(settings, "protocol") == "Https" and not host:
        yield "no host is told to nodes, and their certificate is for one"
    if at(probe, "pickHostNameFromBackendHttpSettings") is not True and at(probe, "host") != host:
        yield "the probe asks a node for another host than requests do"
    if at(probe, "protocol") != at(settings, "protocol"):
        yield "the probe speaks another protocol than requests do"
    node = estate.one(azure_names.MACHINE, machine)
    told = boot_of(node) if node else None
    shown = {str(one) for one in every(gateway.properties, "sslCertificates.*.keyVaultSecretId")}
    if told is None or told.certificate not in shown:
        yield f"{machine.rpartition('/')[2] or 'an address without a machine'} shows a certificate of its own making"


def _limits(estate: Estate, gateway: CloudObject) -> tuple[int, int]:
    """Return how many bytes a body and an uploaded file may have, 0 without a limit."""
    policy = estate.one(POLICY, text(gateway, "firewallPolicy.id"))
    told = policy.properties.get("policySettings") if policy else None
    if policy is None or at(told, "state") == "Disabled":
        return 0, 0
    checked, enforced = (at(told, f"requestBody{what}") is not False for what in ("Check", "Enforcement"))
    body = checked and enforced
    kib = _whole(at(told, "maxRequestBodySizeInKb")) or _LARGEST_KIB
    mib = _whole(at(told, "fileUploadLimitInMb")) or _LARGEST_FILE_MIB
    return (kib * 1024 if body else 0), (0 if at(told, "fileUploadEnforcement") is False else mib * 1024 * 1024)


def _part(gateway: CloudObject, kind: str, id: Value) -> Value:
    """Return a part of a gateway by the id that another part names it with, None if there is none."""
    start, _, name = str(id or "").rpartition("/")
    if start.lower() != f"{gateway.id}/{kind}".lower():
        return None
    return next((one for one in every(gateway.properties, f"{kind}.*") if at(one, "name") == name), None)


def _whole(value: Value) -> int:
    return int(value) if isinstance(value, int | float) else 0
