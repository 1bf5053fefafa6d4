"""A ReefSpec resolved for Azure: every name, size and range decided. Pure: no Pulumi, no look-up, no clock.

A reef has no storage accounts: an account's key opens every share in it, so each cell brings its own
(reference/azure.md 2.4).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellctl.errors import Problem, SpecError
from cellctl_components import naming
from cellctl_components.azure import facts, refusals
from cellctl_components.azure.addresses import (
    ADDRESSES_OF_PLACE,
    FIRST_ADDRESS,
    NODES_OF_PLACE,
    PLACES_OF_HOST,
    RESERVED,
)
from cellctl_components.azure.layout import NetworkLayout, NodeSubnet
from cellctl_components.azure.names import distinct
from cellctl_components.azure.site import GATEWAY, KeyLayout, SiteLayout, key_of, of_found
from cellctl_components.azure.web_gateway_layout import SUBNET
from cellctl_components.layout import Json, equal_parts, json_object

if TYPE_CHECKING:
    from cellctl.spec.reef import ReefSpec

POOL = "cells"
"""Name of the one elastic pool of each host."""

_ENDPOINTS_OF_PLACE = 3  # of the cell's files, of its vault and of its queue


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolLayout:
    """A database host: a logical server with one elastic pool. `first` is the number of its first place.

    With `passwords` users of its databases may have some.
    """

    label: str
    server: str
    pool: str
    sku: str
    tier: str
    family: str
    vcores: int
    most_vcores: int
    max_size_bytes: int
    zone_redundant: bool
    first: int
    passwords: bool = False

    @property
    def size(self) -> str:
        """Its size as `cellctl.facts.capacity` knows it."""
        return f"{self.sku}_{self.vcores}"

    @property
    def mode(self) -> str:
        """How it survives the loss of a zone, in the registry's words."""
        return "zone_redundant" if self.zone_redundant else "single"


@dataclass(frozen=True, kw_only=True, slots=True)
class ReefLayout:
    """All of a reef on Azure. `cell` is the stack's name; `allow` bounds who may reach any cell on it.

    `key` is that of others which seals databases without one of their own, opened as the identity `sealing`; `site` the
    network of others that it is in, None for one of its own.
    """

    cell: str
    reef: str
    account: str
    region: str
    incarnation: int
    protected: bool
    max_cells: int
    tags: Mapping[str, str]
    resource_group: str
    workspace: str
    zones: tuple[str, ...]
    network: NetworkLayout
    hosts: tuple[PoolLayout, ...]
    allow: tuple[str, ...]
    internal: bool
    sealing: str = ""
    key: KeyLayout | None = None
    site: SiteLayout | None = None
    cloud: str = "azure"

    def to_json(self) -> Mapping[str, Json]:
        """Return all of it as JSON-like data, equal for equal layouts."""
        return json_object(self)


def reef_layout(spec: ReefSpec, *, incarnation: int = 1, site: Mapping[str, Json] | None = None) -> ReefLayout:
    """Return the layout of a reef on Azure. `site` is what `site.settled` made of the key that its file names.

    Raises:
        SpecError: Azure cannot do what the spec asks; every problem is listed.
    """
    key, joined = key_of(site or {}), _joined(spec, site or {})
    problems = [*refusals.of_reef(spec), *_room(spec, joined), *_unseen(spec, key, joined)]
    if problems:
        raise SpecError(problems)
    body, reef = spec.spec, spec.metadata.name
    who = (body.account, reef, str(incarnation))
    return ReefLayout(
        cell=f"reef-{reef}",
        reef=reef,
        account=body.account,
        region=body.region,
        incarnation=incarnation,
        protected=body.protection.deletion,
        max_cells=body.max_cells,
        tags=_tags(spec),
        resource_group=naming.fitted(f"rg-reef-{reef}", 90, *who),
        workspace=distinct("log-reef", reef, 63, who),
        zones=facts.zones(body.region),
        network=joined_network(joined.network, joined.ranges, facts.zones(body.region))
        if joined
        else reef_network(reef, body.network.cidr, facts.zones(body.region)),
        hosts=tuple(_host(spec, number, who) for number in range(1, body.database.hosts + 1)),
        allow=tuple(body.ingress.allow),
        internal=body.ingress.exposure == "internal",
        sealing=distinct("id-reef-seal", reef, 64, who) if key else "",
        key=key,
        site=joined,
    )


def _joined(spec: ReefSpec, site: Mapping[str, Json]) -> SiteLayout | None:
    """Return the network of others that the reef is in, None where it has its own or nobody has looked yet."""
    return of_found(site) if spec.spec.network.existing is not None and site.get("network") else None


def _unseen(spec: ReefSpec, key: KeyLayout | None, joined: SiteLayout | None) -> Iterator[Problem]:
    body = spec.spec
    named = (("protection.key", body.protection.key, key), ("network.existing", body.network.existing, joined))
    for field, asked, found in named:
        if asked is not None and found is None:
            message = "nobody has looked yet at what this file names in the subscription"
            yield Problem(field=f"spec.{field}", message=message, hint="cellctl reef up looks")


def reef_network(reef: str, cidr: str, zones: tuple[str, ...]) -> NetworkLayout:
    """Return the network of a reef: eighths for nodes of zones 1 to 3, ways in, endpoints, gateways; two stay free."""
    eighths = equal_parts(cidr, 8)
    return NetworkLayout(
        name=f"vnet-reef-{reef}",
        cidr=cidr,
        node_subnets=tuple(
            NodeSubnet(
                zone=zone,
                name=f"nodes-{zone}",
                cidr=eighths[int(zone) - 1],
                nat_gateway=f"nat-reef-{reef}-{zone}",
                nat_address=f"pip-reef-{reef}-nat-{zone}",
            )
            for zone in zones
        ),
        ingress_subnet="ingress",
        ingress_cidr=eighths[3],
        endpoint_subnet="endpoints",
        endpoint_cidr=eighths[4],
        nodes_group=f"nsg-reef-{reef}-nodes",
        endpoints_group=f"nsg-reef-{reef}-endpoints",
        gateway_subnet=SUBNET,
        gateway_cidr=eighths[5],
        gateway_group=f"nsg-reef-{reef}-gateway",
    )


def joined_network(network: str, ranges: Mapping[str, str], zones: tuple[str, ...]) -> NetworkLayout:
    """Return a network of others (its id): one subnet of theirs holds the nodes of every zone, one the ways in."""
    return NetworkLayout(
        name=network.rpartition("/")[2],
        cidr="",
        node_subnets=tuple(
            NodeSubnet(zone=zone, name="nodes", cidr=ranges["nodes"], nat_gateway="", nat_address="") for zone in zones
        ),
        ingress_subnet="ingress",
        ingress_cidr=ranges["ingress"],
        endpoint_subnet="endpoints",
        endpoint_cidr="",
        nodes_group="",
        endpoints_group="",
        existing=True,
        gateway_subnet=SUBNET if ranges.get(GATEWAY) else "",
        gateway_cidr=ranges.get(GATEWAY, ""),
    )


def _room(spec: ReefSpec, joined: SiteLayout | None) -> Iterator[Problem]:
    """Yield that the network cannot hold the nodes, ways in or endpoints of every place."""
    hosts = spec.spec.database.hosts
    places = hosts * PLACES_OF_HOST
    if joined is not None:
        needed = FIRST_ADDRESS + ADDRESSES_OF_PLACE * places
        if ipaddress.IPv4Network(joined.ranges["nodes"]).num_addresses <= needed:
            message = f"{joined.ranges['nodes']} has no room for the nodes of {places} cells"
            yield Problem(field="spec.database.hosts", message=message, hint="fewer hosts, or another reef")
        return
    if spec.spec.network.existing is not None:
        return
    nodes = FIRST_ADDRESS + NODES_OF_PLACE * places
    endpoints = RESERVED + _ENDPOINTS_OF_PLACE * places + hosts
    if max(nodes, endpoints) >= ipaddress.IPv4Network(spec.spec.network.cidr).num_addresses // 8:
        yield Problem(
            field="spec.network.cidr",
            message=f"has no room for the nodes of {places} cells",
            hint="a larger network, or fewer hosts",
        )


def _tags(spec: ReefSpec) -> dict[str, str]:
    tags = {"cellctl:reef": spec.metadata.name, "cellctl:account": spec.spec.account}
    if spec.metadata.owner:
        tags["owner"] = spec.metadata.owner
    return tags | dict(sorted(spec.metadata.labels.items()))


def _host(spec: ReefSpec, number: int, who: tuple[str, ...]) -> PoolLayout:
    database, reef = spec.spec.database, spec.metadata.name
    size, label = facts.pool_size(database.tier), f"sql-{number}"
    return PoolLayout(
        label=label,
        server=distinct("sql-reef", f"{reef}-{number}", 63, (*who, label)),
        pool=POOL,
        sku=size.sku,
        tier=size.tier,
        family=size.family,
        vcores=size.vcores,
        most_vcores=size.most_vcores,
        max_size_bytes=size.max_size_gib * 1024**3,
        zone_redundant=database.multi_zone,
        passwords=database.authentication == "sql",
        first=(number - 1) * PLACES_OF_HOST,
    )
