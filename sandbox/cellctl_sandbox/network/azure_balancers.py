"""The load balancer on Azure: TCP passed through, so that groups see the client; probes come from Azure itself."""

from __future__ import annotations

from collections.abc import Iterator

from cellctl.facts.conditions import at, every
from cellctl.state.values import Value
from cellctl_sandbox.network import azure_gateways
from cellctl_sandbox.network.azure import AzureNetwork
from cellctl_sandbox.network.azure_names import BALANCER, GATEWAY, INTERFACE, MACHINE, machine_place
from cellctl_sandbox.network.azure_rules import PROBE
from cellctl_sandbox.network.entry import Entry, Target
from cellctl_sandbox.network.verdict import Place
from cellctl_sandbox.standins.cloud_view import CloudObject


def entry(network: AzureNetwork, name: str, port: int, source: Place) -> Entry | None:
    """Return the port of the load balancer that a name leads to, None if the name is no balancer's.

    A port without a rule has no targets.
    """
    keys = {place.key for place in network.names(name, source).places}
    gateway = next((item for item in network.estate.all(GATEWAY) if item.id in keys), None)
    if gateway is not None:
        return azure_gateways.entry(network, gateway, port)
    balancer = next((item for item in network.estate.all(BALANCER) if item.id in keys), None)
    if balancer is None:
        return None
    targets = tuple(target for rule in _rules(balancer, port) for target in _targets(network, balancer, rule, source))
    return Entry(balancer=balancer.id.rpartition("/")[2], port=port, targets=targets)


def _rules(balancer: CloudObject, port: int) -> Iterator[Value]:
    for rule in every(balancer.properties, "loadBalancingRules.*"):
        if at(rule, "frontendPort") == port:
            yield rule
    for rule in every(balancer.properties, "inboundNatRules.*"):
        first, last = at(rule, "frontendPortRangeStart"), at(rule, "frontendPortRangeEnd")
        if isinstance(first, int | float) and isinstance(last, int | float) and first <= port <= last:
            yield rule


def _targets(network: AzureNetwork, balancer: CloudObject, rule: Value, source: Place) -> Iterator[Target]:
    pools = {str(one).lower() for one in every(rule, "backendAddressPools.*.id")}
    pools |= {str(one).lower() for one in [at(rule, "backendAddressPool.id")] if one}
    port = _whole(at(rule, "backendPort"))
    probe = _probe(balancer, str(at(rule, "probe.id") or ""))
    for machine in _members(network, pools):
        place = machine_place(network.estate, machine)
        verdicts = [network.path(source, place, port)]
        health, path = port, ""
        if probe is not None:
            health, path = _whole(at(probe, "port")), str(at(probe, "requestPath") or "")
            verdicts.append(network.path(PROBE, place, health))
        bad = next((verdict.why for verdict in verdicts if not verdict.open), "")
        yield Target(address=place.address, port=port, health_port=health, health_path=path, why=bad)


def _members(network: AzureNetwork, pools: set[str]) -> Iterator[CloudObject]:
    for interface in network.estate.all(INTERFACE):
        joined = every(interface.properties, "ipConfigurations.*.loadBalancerBackendAddressPools.*.id")
        if not pools & {str(one).lower() for one in joined}:
            continue
        for machine in network.estate.all(MACHINE):
            held = every(machine.properties, "networkProfile.networkInterfaces.*.id")
            if interface.id.lower() in {str(one).lower() for one in held}:
                yield machine


def _probe(balancer: CloudObject, probe: str) -> Value:
    name = probe.rpartition("/")[2]
    found = (one for one in every(balancer.properties, "probes.*") if name and at(one, "name") == name)
    return next(found, None)


def _whole(value: Value) -> int:
    return int(value) if isinstance(value, int | float) else 0
