"""The place of a cell on a reef: from what the registry gave to what a layout needs. Pure.

A place is JSON-like data with the keys of `PlaceLayout`, and `cidr`, the range of the reef's network. Of a reef in a
network that was there before it has `zones` too: no rule says where in them the reef's addresses are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from cellctl.errors import Problem, SpecError
from cellctl_components import naming
from cellctl_components.aws import layout as parts
from cellctl_components.aws import site, sizing
from cellctl_components.aws.claimed_share import ClaimedShare, claimed_of
from cellctl_components.layout import Json

if TYPE_CHECKING:
    from cellctl.spec import CellSpec

NODES_OFFSET = 32
"""Where the nodes of the first place begin in their subnets; gateways are below."""

NODES_OF_PLACE = 8
"""Addresses that a place has in each zone: a cell has at most eight nodes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What a cell on a reef stands on. `borrowed`: the reef is in a network that was there before."""

    layout: parts.PlaceLayout
    cidr: str
    zones: tuple[parts.Zone, ...]
    borrowed: bool

    @property
    def first_address(self) -> int:
        """Offset before the first node's in its subnet."""
        return NODES_OFFSET + NODES_OF_PLACE * self.layout.number - 1

    def shares(self, *kinds: str, apart: Mapping[str, str]) -> tuple[parts.ShareLayout, ...]:
        """Return every kind of file, each in a folder of the cell's first share, or of the one that `apart` names."""
        place = self.layout
        first = ClaimedShare(share=place.share, share_arn=place.share_arn, bucket=place.bucket)
        named = dict(zip(sorted({*apart.values()}), place.apart, strict=True))
        found = ((kind, named[apart[kind]] if kind in apart else first) for kind in kinds)
        return tuple(
            parts.ShareLayout(index=index, name=one.share, kind=kind, bucket=one.bucket)
            for index, (kind, one) in enumerate(found, start=1)
        )

    def database(self, cell: str) -> parts.DatabaseLayout:
        """Return the cell's own database on the reef's host."""
        return parts.DatabaseLayout(
            identifier=self.layout.host, group="", engine="", engine_version="", major_version="", family="",
            instance_class="", storage_gib=0, storage_limit_gib=0, multi_zone=False, retention_days=0,
            backup_region="", backup_window="", maintenance_window="", final_snapshot="", monitoring_role="",
            backup_role="", backup_bucket="",
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
    names = [field.name for field in fields(parts.PlaceLayout) if field.name not in ("entry", "apart")]
    given = place or {}
    cidr = given.get("cidr")
    if not isinstance(cidr, str) or any(name not in given for name in names):
        message = "no place on a reef was claimed for this cell"
        raise SpecError([Problem(field="spec.placement.reef", message=message, hint="cellctl preview claims one")])
    number = given["number"]
    values = {name: given[name] for name in names} | {"number": int(number) if isinstance(number, int | float) else 0}
    claimed, wanted = tuple(claimed_of(given.get("apart"))), {*apart_of(spec).values()}
    if len(claimed) != len(wanted):
        message = f"asks for {1 + len(wanted)} shares, and the cell has {1 + len(claimed)}: files are never moved"
        hint = "place kinds as they were, or make another cell"
        raise SpecError([Problem(field="spec.storage.kinds", message=message, hint=hint)])
    layout = parts.PlaceLayout(**values, entry=_entry(spec, given), apart=claimed)  # type: ignore[arg-type]  # by names
    borrowed = isinstance(given.get("zones"), list)
    zones = site.zones_of(given) if borrowed else sizing.zones(spec.spec.region, cidr)
    return Ground(layout=layout, cidr=cidr, zones=zones, borrowed=borrowed)


def apart_of(spec: CellSpec) -> dict[str, str]:
    """Return which kinds of files a spec places apart, each with the name that it gives the share."""
    kinds = spec.spec.storage.kinds
    named = {name.replace("_", "-"): getattr(kinds, name).share for name in type(kinds).model_fields}
    return {kind: share for kind, share in named.items() if share}


def _entry(spec: CellSpec, given: Mapping[str, Json]) -> parts.EntryLayout | None:
    """Return what the cell shares of its reef's load balancers; raises SpecError where its file asks for more."""
    entry = given.get("entry")
    if not isinstance(entry, dict):
        return None
    allow, whole = entry.get("allow"), ("web_slot", "polling_slot", "ports")
    values: dict[str, object] = {field.name: str(entry.get(field.name, "")) for field in fields(parts.EntryLayout)}
    values |= {name: int(found) for name in whole if isinstance(found := entry.get(name), int | float)}
    values["allow"] = tuple(map(str, allow if isinstance(allow, list | tuple) else ()))
    values["internal"] = entry.get("internal") is True
    layout = parts.EntryLayout(**values)  # type: ignore[arg-type]  # the registry's own values, by their names
    problems = list(_differs(spec, layout, str(given.get("reef"))))
    if problems:
        raise SpecError(problems)
    return layout


def _differs(spec: CellSpec, entry: parts.EntryLayout, reef: str) -> Iterator[Problem]:
    """Yield what a cell cannot have of load balancers that it shares."""
    asked, count = spec.spec.ingress, spec.spec.nodes.count
    shared = f"the load balancers of reef '{reef}' are shared"
    exposure = "internal" if entry.internal else "public"
    if asked.exposure != exposure:
        yield Problem(field="spec.ingress.exposure", message=f"{shared}, and are {exposure}", hint=f"say {exposure}")
    if {*asked.allow} != {*entry.allow}:
        ranges = ", ".join(entry.allow)
        yield Problem(field="spec.ingress.allow", message=f"{shared}, and admit {ranges}", hint=f"say [{ranges}]")
    needed = (1 if asked.polling == "redis" else count) + (1 if asked.grpc else 0)
    if needed > entry.ports:
        message = f"needs {needed} ports for Tentacles and gRPC; {shared}, and each cell has {entry.ports}"
        hint = "fewer nodes, polling: redis, or a reef with more portsPerCell"
        yield Problem(field="spec.nodes.count", message=message, hint=hint)
