"""Reachability in a cell on Azure."""

from __future__ import annotations

from cellctl.facts.conditions import at, every
from cellctl_sandbox.estate import Estate, text
from cellctl_sandbox.network import azure_names
from cellctl_sandbox.network.addresses import is_private
from cellctl_sandbox.network.azure_rules import Way, judged
from cellctl_sandbox.network.verdict import OPEN, Names, Place, Verdict, lost, reached, shut

ADDRESS = "azure-native:network:PublicIPAddress"
NAT = "azure-native:network:NatGateway"


class AzureNetwork:
    """Says who reaches whom among one cell's objects.

    Outside of the cell's own network lie the internet and private networks that the subscription peers with it: the
    control network among them. Those resolve names as the cell's network does.
    """

    def __init__(self, estate: Estate) -> None:
        self.estate = estate

    def names(self, name: str, source: Place) -> Names:
        """Return what a name leads to for `source`."""
        return azure_names.resolve(self.estate.seen_by("service:dns"), name, source.network or self._network())

    def reach(self, source: Place, name: str, port: int, protocol: str = "tcp") -> Verdict:
        """Return whether `source` reaches a name or address: every place that may answer must be reached."""
        return reached(self.names(name, source), lambda place: self.path(source, place, port, protocol))

    def path(self, source: Place, target: Place, port: int, protocol: str = "tcp") -> Verdict:
        """Return whether packets of `source` arrive at `target`."""
        if source.network:
            subnet = azure_names.subnet_of(self.estate, source.subnet)
            if at(subnet, "routeTable.id"):
                name = source.subnet.rpartition("/")[2]
                return lost(f"{name} has a route table of its own: the simulated network knows no user-defined routes")
            verdict = self._judged("Outbound", source, target, port, protocol)
            if not verdict.open:
                return verdict
            if target.network != source.network and not is_private(target.address):
                verdict = self._way_out(source)
                if not verdict.open:
                    return verdict
        if target.network:
            return self._arrives(source, target, port, protocol)
        if is_private(target.address):
            return lost(f"nothing has the address {target.address}")
        return self._public(target)

    def _arrives(self, source: Place, target: Place, port: int, protocol: str) -> Verdict:
        balancer = self.estate.one(azure_names.BALANCER, target.key)
        if balancer is not None:  # no group judges a frontend: each target's does
            return OPEN
        return self._judged("Inbound", source, target, port, protocol)

    def _judged(self, way: Way, source: Place, target: Place, port: int, protocol: str) -> Verdict:
        """Return what the groups of the subnet and of the interface say."""
        end = source if way == "Outbound" else target
        subnet = azure_names.subnet_of(self.estate, end.subnet)
        if subnet is None:
            return lost(f"there is no subnet {end.subnet.rpartition('/')[2]}")
        endpoint = self.estate.one(azure_names.ENDPOINT, end.key) is not None
        policies = str(at(subnet, "privateEndpointNetworkPolicies") or "Disabled")
        if endpoint and policies not in ("Enabled", "NetworkSecurityGroupEnabled"):
            return OPEN
        network = self.estate.one(azure_names.NETWORK, end.network)
        found = every(network.properties, "addressSpace.addressPrefixes.*") if network else ()
        spaces = tuple(str(one) for one in found)
        for group in (at(subnet, "networkSecurityGroup.id"), self._own_group(end)):
            if isinstance(group, str) and group:
                verdict = judged(self.estate, group, way, source, target, port, protocol, spaces=spaces)
                if not verdict.open:
                    return verdict
        return OPEN

    def _own_group(self, end: Place) -> str:
        machine = self.estate.one(azure_names.MACHINE, end.key)
        interface = self.estate.find(text(machine, "networkProfile.networkInterfaces.0.id"))
        return text(interface, "networkSecurityGroup.id")

    def _way_out(self, source: Place) -> Verdict:
        subnet = azure_names.subnet_of(self.estate, source.subnet)
        name = source.subnet.rpartition("/")[2]
        gateway = at(subnet, "natGateway.id")
        if not isinstance(gateway, str):
            implicit = at(subnet, "defaultOutboundAccess") is not False
            return OPEN if implicit else lost(f"{name} has no NAT gateway, and no outbound access by default")
        item = self.estate.one(NAT, gateway)
        addresses = [str(one) for one in every(item.properties, "publicIpAddresses.*.id")] if item else []
        if not any(self.estate.one(ADDRESS, one) for one in addresses):
            return lost(f"NAT gateway {gateway.rpartition('/')[2]} of {name} is missing, or has no public address")
        return OPEN

    def _public(self, target: Place) -> Verdict:
        """Return whether a public address serves: services can be closed there."""
        item = self.estate.find(target.key)
        if item is None:
            return OPEN
        access = text(item, "publicNetworkAccess") or text(item, "properties.publicNetworkAccess")
        closed = access.lower() == "disabled"
        return shut(f"public network access is disabled on {target.what}") if closed else OPEN

    def _network(self) -> str:
        """Return the network of the cell: that of its private endpoints, where others' networks are there besides."""
        there = [one.id.lower() for one in self.estate.all(azure_names.NETWORK)]
        ends = (azure_names.network_of(text(one, "subnet.id")) for one in self.estate.all(azure_names.ENDPOINT))
        return next((one for one in ends if one in there), next(iter(there), ""))
