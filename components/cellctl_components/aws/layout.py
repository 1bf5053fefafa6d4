"""A CellSpec resolved for AWS: every name, size and CIDR decided. Pure: imports no Pulumi, reads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellctl_components import naming
from cellctl_components.layout import Json, address_in, equal_parts, json_object, round_robin

if TYPE_CHECKING:
    from cellctl.spec import CellSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Zone:
    """One availability zone and its subnets."""

    name: str
    nodes_cidr: str
    data_cidr: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One server node."""

    name: str
    ordinal: int
    zone: str
    address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsLayout:
    """All of a cell on AWS."""

    cell: str
    account: str
    region: str
    incarnation: int
    cidr: str
    zones: tuple[Zone, ...]
    nodes: tuple[Node, ...]
    bucket: str
    database_identifier: str
    cloud: str = "aws"

    def to_json(self) -> Mapping[str, Json]:
        """Return all of it as JSON-like data."""
        return json_object(self)


def layout(spec: CellSpec, *, incarnation: int = 1) -> AwsLayout:
    """Resolve `spec` for AWS."""
    cell, region = spec.metadata.name, spec.spec.region
    parts = equal_parts(spec.spec.network.cidr or "10.64.0.0/20", 16)
    zones = tuple(
        Zone(name=f"{region}{letter}", nodes_cidr=parts[8 + index], data_cidr=parts[12 + index])
        for index, letter in enumerate("ab")
    )
    nodes = tuple(
        Node(
            name=naming.node_name(cell, index + 1),
            ordinal=index + 1,
            zone=zone.name,
            address=address_in(zone.nodes_cidr, 16 + index),
        )
        for index, zone in enumerate(round_robin(zones, spec.spec.nodes.count))
    )
    return AwsLayout(
        cell=cell,
        account=spec.spec.account,
        region=region,
        incarnation=incarnation,
        cidr=spec.spec.network.cidr or "10.64.0.0/20",
        zones=zones,
        nodes=nodes,
        bucket=naming.distinct(f"cell-{cell}-packages", 63, spec.spec.account, region, str(incarnation)),
        database_identifier=naming.fitted(f"cell-{cell}-sql", 63),
    )
