"""The place of a cell on a reef: from what the registry gave to what a layout needs. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from typing import TYPE_CHECKING

from cellctl.errors import Problem, SpecError
from cellctl_components.azure import facts
from cellctl_components.azure.addresses import ADDRESSES_OF_PLACE, FIRST_ADDRESS, NODES_OF_PLACE, RESERVED
from cellctl_components.azure.data_layout import DatabaseLayout, long_term_of, sign_in_of
from cellctl_components.azure.layout import NetworkLayout, PlaceLayout
from cellctl_components.azure.reef_layout import joined_network, reef_network
from cellctl_components.azure.web_gateway_layout import SUBNET
from cellctl_components.azure.zones import QUEUE_GROUP
from cellctl_components.layout import Json, address_in, covered

if TYPE_CHECKING:
    from cellctl.spec import CellSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What a cell on a reef stands on."""

    layout: PlaceLayout
    network: NetworkLayout

    @property
    def first_address(self) -> int:
        """Offset of the first node in its zone's subnet, or in the one that spans all zones."""
        each = ADDRESSES_OF_PLACE if self.network.existing else NODES_OF_PLACE
        return FIRST_ADDRESS + each * self.layout.number

    @property
    def entry_address(self) -> str:
        """Address of the cell's load balancer inside the reef's network."""
        return address_in(self.network.ingress_cidr, RESERVED + self.layout.number)

    @property
    def gateway_address(self) -> str:
        """Address of the cell's application gateway: from the end of its subnet, instances begin at its start."""
        cidr = self.network.gateway_cidr
        size = ipaddress.IPv4Network(cidr).num_addresses if cidr else 0
        return address_in(cidr, size - 2 - self.layout.number) if cidr else ""

    def database(self, spec: CellSpec) -> DatabaseLayout:
        """Return the cell's own database in the reef's pool, which decides its size, tier and zones."""
        database, server = spec.spec.database, self.layout.server.partition(".")[0]
        return DatabaseLayout(
            server=server, name=self.layout.database, sku="", tier="", family="", vcores=0,
            max_size_bytes=facts.pooled_database_gib() * 1024**3, zone_redundant=False,
            retention_days=database.retention_days, backup_redundancy="GeoZone" if database.geo_backup else "Zone",
            long_term=long_term_of(database.long_term), **sign_in_of(spec),
        )  # fmt: skip


def place_of(spec: CellSpec, place: Mapping[str, Json] | None) -> Ground:
    """Return what the cell stands on.

    Raises:
        SpecError: It has no place yet, or its file asks for what the reef does not have.
    """
    given = place or {}
    names = [each.name for each in fields(PlaceLayout) if each.default is MISSING and each.default_factory is MISSING]
    if any(name not in given for name in names):
        message = "no place on a reef was claimed for this cell"
        raise SpecError([Problem(field="spec.placement.reef", message=message, hint="cellctl preview claims one")])
    number, allow, zones = given["number"], given["allow"], given["zones"]
    values: dict[str, object] = {name: str(given[name]) for name in names}
    values |= {
        "number": int(number) if isinstance(number, int | float) else 0,
        "allow": tuple(map(str, allow if isinstance(allow, list | tuple) else ())),
        "zones": _texts(zones),
        "internal": given["internal"] is True,
        "passwords": given.get("passwords") is True,
        "subnets": _texts(given.get("subnets")),
        "ranges": _texts(given.get("ranges")),
        "gateways": str(given.get("gateways") or ""),
    }
    layout = PlaceLayout(**values)  # type: ignore[arg-type]  # the registry's own values, by their names
    problems = list(_differs(spec, layout))
    if problems:
        raise SpecError(problems)
    zones_there = facts.zones(spec.spec.region)
    network = (
        joined_network(layout.network, layout.ranges, zones_there)
        if layout.subnets
        else reef_network(layout.reef, layout.cidr, zones_there)
    )
    behind = spec.spec.ingress.balancer == "application_gateway"
    own = replace(
        network,
        nodes_group=f"nsg-oct-{spec.metadata.name}-nodes",
        gateway_subnet=SUBNET if behind else "",
        gateway_cidr=layout.gateways if behind else "",
        gateway_group="",
    )
    return Ground(layout=layout, network=own)


def _gateway(spec: CellSpec, place: PlaceLayout) -> Iterator[Problem]:
    """Yield why an application gateway cannot go into the reef's subnet for them."""
    asked = spec.spec.ingress
    if asked.balancer != "application_gateway":
        return
    if not place.gateways:
        yield Problem(
            field="spec.ingress.balancer",
            message=f"wants a gateway, and reef '{place.reef}' has no subnet for them",
            hint=f"cellctl reef up {place.reef} adds one; in a network of others name it as gatewaySubnets of the reef",
        )
    elif asked.exposure == "internal" and not place.internal:
        yield Problem(
            field="spec.ingress.exposure",
            message=f"is internal, and gateways on reef '{place.reef}', which is public, have public addresses",
            hint="balancer: load_balancer, or a reef whose ingress.exposure is internal",
        )


def _texts(value: Json) -> dict[str, str]:
    return {key: str(one) for key, one in value.items()} if isinstance(value, Mapping) else {}


def _differs(spec: CellSpec, place: PlaceLayout) -> Iterator[Problem]:
    """Yield what the network of a reef keeps from every cell on it."""
    asked, reef = spec.spec.ingress, f"reef '{place.reef}'"
    if asked.exposure == "public" and place.internal:
        yield Problem(
            field="spec.ingress.exposure",
            message=f"is public, and {reef} carries internal cells only",
            hint="say internal, or name a reef whose ingress.exposure is public",
        )
    if asked.polling == "redis" and QUEUE_GROUP not in place.zones:
        yield Problem(
            field="spec.ingress.polling",
            message=f"wants a queue, and {reef} was made before reefs had a private zone for queues",
            hint=f"cellctl reef up {place.reef}, which adds it",
        )
    if spec.spec.database.authentication == "sql" and not place.passwords:
        yield Problem(
            field="spec.database.authentication",
            message=f"is sql, and the servers of {reef} take identities alone",
            hint="authentication: entra, or name a reef whose file says database: {authentication: sql}",
        )
    yield from _gateway(spec, place)
    outside = [cidr for cidr in asked.allow if not covered(cidr, place.allow)]
    if outside:
        yield Problem(
            field="spec.ingress.allow",
            message=f"{', '.join(outside)} cannot reach {reef}, which admits {', '.join(place.allow)}",
            hint="ranges inside of those, or add to ingress.allow of the reef",
        )
