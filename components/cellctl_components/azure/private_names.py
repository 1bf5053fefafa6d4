"""Private DNS: the zones in which a cell's network finds its database, files, vault and itself."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import privatedns

from cellctl_components.azure.place import Place, child, named

SERVICE_ZONES = {
    "sqlServer": "privatelink.database.windows.net",
    "file": "privatelink.file.core.windows.net",
    "vault": "privatelink.vaultcore.azure.net",
}
"""Zone of each private endpoint group (learn.microsoft.com, Azure Private Endpoint private DNS zone values)."""


@dataclass(frozen=True, kw_only=True)
class LinkedZone:
    """A private zone and its link to one network; names resolve once `link` exists."""

    zone: privatedns.PrivateZone
    link: privatedns.VirtualNetworkLink


def linked_zone(
    parent: pulumi.ComponentResource, name: str, place: Place, zone_name: str, network_id: pulumi.Input[str]
) -> LinkedZone:
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
    return LinkedZone(zone=zone, link=link)
