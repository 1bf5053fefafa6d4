"""Private DNS: the zones in which a cell's network finds its database, files, vault and itself."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import privatedns

from cellctl_components.azure.place import Place, child, named


@dataclass(frozen=True, kw_only=True)
class LinkedZone:
    """The id of a private zone and its link to one network; names resolve once `link` exists."""

    zone_id: pulumi.Input[str]
    link: privatedns.VirtualNetworkLink


def linked_zone(
    parent: pulumi.ComponentResource, name: str, place: Place, zone_name: str, network_id: pulumi.Input[str]
) -> tuple[privatedns.PrivateZone, privatedns.VirtualNetworkLink]:
    """Declare a zone (`NAME-zone`) and its link (`NAME-link`). A network links one zone of a given name only."""
    zone = privatedns.PrivateZone(
        f"{name}-zone",
        resource_group_name=place.resource_group,
        private_zone_name=zone_name,
        location="global",
        tags=place.tags,
        opts=child(parent),
    )
    link = privatedns.VirtualNetworkLink(
        f"{name}-link",
        resource_group_name=place.resource_group,
        private_zone_name=named(zone, zone_name),
        virtual_network_link_name="cell",
        location="global",
        registration_enabled=False,
        virtual_network=privatedns.SubResourceArgs(id=network_id),
        tags=place.tags,
        opts=child(parent),
    )
    return zone, link


def service_zone(
    parent: pulumi.ComponentResource,
    name: str,
    place: Place,
    zone_name: str,
    network_id: pulumi.Input[str],
    *,
    shared: str = "",
) -> LinkedZone:
    """Declare the link of a service's zone: one of the group `shared` (an id), or one of its own where that is ``."""
    if not shared:
        zone, link = linked_zone(parent, name, place, zone_name, network_id)
        return LinkedZone(zone_id=zone.id, link=link)
    zone_id = f"{shared}/providers/Microsoft.Network/privateDnsZones/{zone_name}"
    return LinkedZone(zone_id=zone_id, link=zone_link(parent, name, zone_id, place, network_id))


def zone_link(
    parent: pulumi.ComponentResource, name: str, zone_id: str, place: Place, network_id: pulumi.Input[str]
) -> privatedns.VirtualNetworkLink:
    """Declare the link (`NAME-link`) of a zone of others to the cell's own network."""
    group, zone = _parts(zone_id)
    return privatedns.VirtualNetworkLink(
        f"{name}-link",
        resource_group_name=group,
        private_zone_name=zone,
        virtual_network_link_name=f"link-{name}",
        location="global",
        registration_enabled=False,
        virtual_network=privatedns.SubResourceArgs(id=network_id),
        tags=place.tags,
        opts=child(parent),
    )


def record_in(
    parent: pulumi.ComponentResource, name: str, zone_id: str, host: str, address: str, *after: pulumi.Resource
) -> privatedns.PrivateRecordSet:
    """Declare a host's record (`NAME-record`) in a zone of others."""
    group, zone = _parts(zone_id)
    return privatedns.PrivateRecordSet(
        f"{name}-record",
        resource_group_name=group,
        private_zone_name=zone,
        relative_record_set_name=host.removesuffix(zone).rstrip(".") or "@",
        record_type="A",
        ttl=60,
        a_records=[privatedns.ARecordArgs(ipv4_address=address)],
        opts=child(parent, *after),
    )


def _parts(id: str) -> tuple[str, str]:
    """Return resource group and name of an id."""
    words = id.split("/")
    return words[4], words[-1]
