"""Private endpoints: one address inside the cell's network for one Azure service, and its name in a private zone."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network

from cellctl_components.azure.place import Place, child, named


@dataclass(frozen=True, kw_only=True)
class EndpointArgs:
    """Where a component puts its private endpoint.

    The name leads to the endpoint for those in the network once `link`, of the zone to it, is there. `after` is another
    endpoint of the same subnet: two at once end in `ReferencedResourceNotProvisioned` (terraform-provider-azurerm issue
    21293), so they are made one after the other.
    """

    subnet_id: pulumi.Input[str]
    zone_id: pulumi.Input[str]
    link: pulumi.Resource | None = None
    after: pulumi.Resource | None = None


@dataclass(frozen=True, kw_only=True)
class Target:
    """What an endpoint leads to; `group` is the service's sub-resource: sqlServer, file or vault."""

    name: str
    id: pulumi.Input[str]
    group: str


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A private endpoint; whoever dials the service by name waits for `zone_group`."""

    endpoint: network.PrivateEndpoint
    zone_group: network.PrivateDnsZoneGroup


def private_endpoint(
    parent: pulumi.ComponentResource, name: str, place: Place, args: EndpointArgs, target: Target
) -> Endpoint:
    """Declare a private endpoint and its DNS entry; the children are `NAME-endpoint` and `NAME-endpoint-dns`."""
    endpoint_name = f"pe-{target.name}"
    endpoint = network.PrivateEndpoint(
        f"{name}-endpoint",
        resource_group_name=place.resource_group,
        private_endpoint_name=endpoint_name,
        location=place.location,
        custom_network_interface_name=f"nic-{endpoint_name}",
        subnet=network.SubnetArgs(id=args.subnet_id),
        private_link_service_connections=[
            network.PrivateLinkServiceConnectionArgs(
                name=target.group, private_link_service_id=target.id, group_ids=[target.group]
            )
        ],
        tags=place.tags,
        opts=child(parent, *([args.after] if args.after else [])),
    )
    zone_group = network.PrivateDnsZoneGroup(
        f"{name}-endpoint-dns",
        resource_group_name=place.resource_group,
        private_endpoint_name=named(endpoint, endpoint_name),
        private_dns_zone_group_name="default",
        name="default",
        private_dns_zone_configs=[
            network.PrivateDnsZoneConfigArgs(name=target.group, private_dns_zone_id=args.zone_id)
        ],
        opts=child(parent, *([args.link] if args.link else [])),
    )
    return Endpoint(endpoint=endpoint, zone_group=zone_group)
