"""ExistingNetwork: a cell in a virtual network that was there before. It owns there what it alone needs."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
from pulumi_azure_native import network

from cellctl_components.azure.endpoint import EndpointArgs
from cellctl_components.azure.network import NetworkArgs, node_rules, security_group
from cellctl_components.azure.private_names import LinkedZone, service_zone
from cellctl_components.azure.site import SiteLayout
from cellctl_components.azure.zones import service_zones


class ExistingNetwork(pulumi.ComponentResource):
    """What `Network` says, of a network that others own: no network, subnet, route or NAT gateway is declared.

    Its own are a group for its nodes' interfaces (their subnet's group is others'; a reef has no nodes) and, unless the
    file names theirs, the private zones of its services, linked to this network.
    """

    network_id: pulumi.Output[str]
    nat_gateways: Mapping[str, network.NatGateway]

    def __init__(
        self, name: str, args: NetworkArgs, site: SiteLayout, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("cells:azure:Network", name, None, opts)
        self._site = site
        self.network_id = pulumi.Output.from_input(site.network)
        self.nat_gateways = {}
        named = args.layout.nodes_group
        self.nodes_group_id: pulumi.Output[str] | None = (
            security_group(self, f"{name}-nodes-nsg", args.place, named, node_rules(args)).id if named else None
        )
        own = {} if site.zones else service_zones(queued=bool(args.queue_port))
        self.zones: dict[str, LinkedZone] = {
            each: service_zone(self, f"{name}-{each.lower()}", args.place, zone, self.network_id)
            for each, zone in own.items()
        }
        self.links: list[pulumi.Resource] = [zone.link for zone in self.zones.values()]
        self.ingress_subnet_id = self.subnet_id("ingress")
        self.register_outputs({"networkId": self.network_id})

    def subnet_id(self, subnet: str) -> pulumi.Output[str]:
        """Return the id of a subnet; `ingress` and `endpoints` are by role, every other one is the nodes'."""
        found = self._site.subnets.get(subnet) or self._site.subnets["nodes"]
        return pulumi.Output.from_input(found)

    def endpoint(self, group: str, after: pulumi.Resource | None = None) -> EndpointArgs:
        """Return where the private endpoint of a service goes; `group` is a key of `service_zones`."""
        subnet, shared = self.subnet_id("endpoints"), self._site.zones.get(group)
        if shared:
            return EndpointArgs(subnet_id=subnet, zone_id=shared, after=after)
        zone = self.zones[group]
        return EndpointArgs(subnet_id=subnet, zone_id=zone.zone_id, link=zone.link, after=after)
