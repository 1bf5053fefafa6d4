"""The place of a cell on a reef: from what the registry gave to what a layout needs. Pure.

A place is JSON-like data with the keys of `PlaceLayout`, and `cidr`, the range of the reef's network. Of a reef in a
network that was there before it has `zones` too: no rule says where in them the reef's addresses are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from cellctl.errors import Problem, SpecError
from cellctl_components import naming
from cellctl_components.aws import layout as parts
from cellctl_components.aws import site, sizing
from cellctl_components.layout import Json

if TYPE_CHECKING:
    from cellctl.spec import CellSpec

NODES_OFFSET = 32
"""Where the nodes of the first place begin in their subnets; gateways are below."""

NODES_OF_PLACE = 8
"""Addresses that a place has in each zone: a cell has at most eight nodes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What a cell on a reef stands on."""

    layout: parts.PlaceLayout
    cidr: str
    zones: tuple[parts.Zone, ...]

    @property
    def first_address(self) -> int:
        """Offset before the first node's in its subnet."""
        return NODES_OFFSET + NODES_OF_PLACE * self.layout.number - 1

    def shares(self, *kinds: str) -> tuple[parts.ShareLayout, ...]:
        """Return every kind of file, each in a folder of the one share."""
        place = self.layout
        return tuple(
            parts.ShareLayout(index=index, name=place.share, kind=kind, bucket=place.bucket)
            for index, kind in enumerate(kinds, start=1)
        )

    def database(self, cell: str) -> parts.DatabaseLayout:
        """Return the cell's own database on the reef's host."""
        return parts.DatabaseLayout(
            identifier=self.layout.host, group="", engine="", engine_version="", major_version="", family="",
            instance_class="", storage_gib=0, storage_limit_gib=0, multi_zone=False, retention_days=0,
            backup_region="", backup_window="", maintenance_window="", final_snapshot="", monitoring_role="",
            administrator=sizing.ADMINISTRATOR, port=sizing.SQL_PORT,
            name=self.layout.database, login=naming.login_name(cell),
        )  # fmt: skip

    def gateway(self, host: str, protocol: parts.Protocol) -> parts.GatewayLayout:
        """Return the reef's gateway as the cell knows it: by the cell's own name for it."""
        return parts.GatewayLayout(
            name=self.layout.gateway_name, host=host, zone="", address="", instance_type="", root_gib=0, cache_gib=(),
            capacity="", role="", log_group="", maintenance=(0, 0, 0), protocol=protocol,
        )  # fmt: skip


def place_of(spec: CellSpec, place: Mapping[str, Json] | None) -> Ground:
    """Return what the cell stands on.

    Raises:
        SpecError: It has no place yet, or one that an older cellctl wrote.
    """
    names = [field.name for field in fields(parts.PlaceLayout)]
    given = place or {}
    cidr = given.get("cidr")
    if not isinstance(cidr, str) or any(name not in given for name in names):
        message = "no place on a reef was claimed for this cell"
        raise SpecError([Problem(field="spec.placement.reef", message=message, hint="cellctl preview claims one")])
    number = given["number"]
    values = {name: given[name] for name in names} | {"number": int(number) if isinstance(number, int | float) else 0}
    layout = parts.PlaceLayout(**values)  # type: ignore[arg-type]  # the registry's own values, by their names
    rows = given.get("zones")
    zones = site.zones_of(given) if isinstance(rows, list) else sizing.zones(spec.spec.region, cidr)
    return Ground(layout=layout, cidr=cidr, zones=zones)
