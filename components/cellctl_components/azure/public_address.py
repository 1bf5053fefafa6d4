"""A public address that stays: people, Tentacles and other firewalls know it."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import network

from cellctl_components.azure.place import Place, lock, named, stateful

ZONES = ("1", "2", "3")


def public_address(
    parent: pulumi.ComponentResource,
    name: str,
    place: Place,
    called: str,
    *,
    label: str = "",
    zones: Sequence[str] = ZONES,
) -> network.PublicIPAddress:
    """Declare a static address of the Standard tier, `called` so in Azure, and its lock where the cell has locks.

    `label` is the first part of the name under which Azure publishes it, `` for none.
    """
    names = network.PublicIPAddressDnsSettingsArgs(domain_name_label=label) if label else None
    address = network.PublicIPAddress(
        name,
        resource_group_name=place.resource_group,
        public_ip_address_name=called,
        location=place.location,
        sku=network.PublicIPAddressSkuArgs(name="Standard", tier="Regional"),
        public_ip_allocation_method="Static",
        public_ip_address_version="IPv4",
        dns_settings=names,
        zones=[*zones],
        tags=place.tags,
        opts=stateful(parent),
    )
    if place.locked:
        lock(parent, name, address.id)
    return address


def published(address: network.PublicIPAddress, place: Place, label: str) -> pulumi.Output[str]:
    """Return the name under which Azure publishes an address with that label."""
    return named(address, f"{label}.{place.location}.cloudapp.azure.com")
