"""A ReefSpec resolved for AWS: every name, size, address and range decided. Pure: no Pulumi, no look-up, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from cellctl.facts.capacity import capacity
from cellctl_components import naming
from cellctl_components.aws import rules, sizing
from cellctl_components.aws.in_account import bucket_in, shares_in
from cellctl_components.aws.layout import (
    SHARE_COUNT,
    AlarmsLayout,
    DomainLayout,
    GatewayLayout,
    HostLayout,
    NetworkLayout,
    ShareLayout,
    SiteLayout,
)
from cellctl_components.aws.site import site_of, zones_of
from cellctl_components.aws.watching.layout import WatchLayout, of_reef
from cellctl_components.layout import Json, address_in, facts, json_object

if TYPE_CHECKING:
    from cellctl.spec.reef import ReefSpec

_GATEWAY_OFFSET = 10
_LOG_DAYS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class ReefGateway:
    """One gateway of a reef with its ten pairs, all free: who mounts them is the business of cells."""

    label: str
    host: GatewayLayout
    shares: tuple[ShareLayout, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReefBalancer:
    """A load balancer that cells share: for so many of them, each with a slot."""

    label: str
    kind: Literal["web", "polling"]
    name: str
    slots: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReefEntry:
    """The ways in that cells share: each cell has `ports` of a balancer of polling, and a rule of one of web."""

    internal: bool
    allow: tuple[str, ...]
    ports: int
    balancers: tuple[ReefBalancer, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReefLayout:
    """All of a reef on AWS. `zone` is the private domain in which gateways have their names; `cell` is the stack's."""

    cell: str
    reef: str
    account: str
    region: str
    incarnation: int
    protected: bool
    max_cells: int
    tags: Mapping[str, str]
    key_alias: str
    zone: str
    network: NetworkLayout
    hosts: tuple[HostLayout, ...]
    gateways: tuple[ReefGateway, ...]
    alarms: AlarmsLayout
    watch: WatchLayout
    cloud: str = "aws"
    entry: ReefEntry | None = None
    site: SiteLayout | None = None

    def to_json(self) -> Mapping[str, Json]:
        """Return all of it as JSON-like data, equal for equal layouts."""
        return json_object(self)

    def for_account(self, account_id: str) -> ReefLayout:
        """Return this layout with bucket names that no other account makes."""
        gateways = tuple(replace(one, shares=shares_in(one.shares, account_id)) for one in self.gateways)
        hosts = tuple(replace(one, backup_bucket=bucket_in(one.backup_bucket, account_id)) for one in self.hosts)
        return replace(self, gateways=gateways, hosts=hosts)


def reef_layout(spec: ReefSpec, *, incarnation: int = 1, site: Mapping[str, Json] | None = None) -> ReefLayout:
    """Return the layout of a reef on AWS.

    Raises:
        SpecError: AWS cannot do what the spec asks; every problem is listed.
        NotYet: A valid option that a later version brings.
    """
    rules.check_reef(spec)
    stands_on = site_of(spec, site)
    body, reef = spec.spec, spec.metadata.name
    network = _network(spec, site or {})
    own = {"reef": reef, "managed-by": "cellctl", "incarnation": str(incarnation)}
    owner = {"owner": spec.metadata.owner} if spec.metadata.owner else {}
    return ReefLayout(
        cell=f"reef-{reef}",
        reef=reef,
        account=body.account,
        region=body.region,
        incarnation=incarnation,
        protected=body.protection.deletion,
        max_cells=body.max_cells,
        tags={**dict(sorted(spec.metadata.labels.items())), **owner, **own},
        key_alias=f"alias/reef-{reef}",
        zone=f"{reef}.reef.internal",
        network=network,
        hosts=tuple(_host(spec, number, incarnation) for number in range(1, body.database.hosts + 1)),
        gateways=tuple(_gateway(spec, number, network, incarnation) for number in range(1, body.storage.gateways + 1)),
        alarms=_alarms(reef),
        watch=of_reef(reef, log_days=_LOG_DAYS),
        entry=_entry(spec),
        site=stands_on,
    )


def _network(spec: ReefSpec, site: Mapping[str, Json]) -> NetworkLayout:
    reef, existing = spec.metadata.name, spec.spec.network.existing
    zones = zones_of(site) if existing else sizing.zones(spec.spec.region, spec.spec.network.cidr)
    return NetworkLayout(
        name=naming.reef_name(reef, limit=255),
        cidr=str(site.get("cidr") or "") if existing else spec.spec.network.cidr,
        zones=zones,
        nat_zones=() if existing else tuple(zone.letter for zone in zones),
        flow_log_group=f"/reefs/{reef}/flow-logs",
        flow_log_role=naming.reef_name(reef, "flow-logs", limit=64),
        log_days=_LOG_DAYS,
    )


def _host(spec: ReefSpec, number: int, incarnation: int) -> HostLayout:
    reef, body = spec.metadata.name, spec.spec
    watches = naming.reef_name(reef, f"sql-{number}-monitoring", limit=64)
    return sizing.host(
        body,
        identifier=naming.reef_name(reef, f"sql-{number}", limit=63),
        group=naming.reef_name(reef, "sql", limit=63),
        roles=(watches, naming.reef_name(reef, "sql-backup", limit=64)),
        bucket=naming.distinct(f"reef-{reef}-sql-backups", 63, body.account, body.region, str(incarnation)),
        incarnation=incarnation,
    )


def _gateway(spec: ReefSpec, number: int, network: NetworkLayout, incarnation: int) -> ReefGateway:
    reef, body, data = spec.metadata.name, spec.spec, facts("aws", "sizes")["gateway"]
    label, zone = f"g{number}", network.zones[(number - 1) % len(network.zones)]
    day, begin, _ = sizing.window(body.maintenance.window)
    capacity = sizing.capacity(body.storage.size_gib)
    host = GatewayLayout(
        name=naming.reef_name(reef, label, limit=255),
        host=f"{label}.{reef}.reef.internal",
        zone=zone.letter,
        address=address_in(zone.nodes, _GATEWAY_OFFSET + number - 1),
        instance_type=sizing.of(data, "types", capacity, str),
        root_gib=sizing.of(data, "root_gib", capacity, int),
        cache_gib=sizing.cache(body.storage.size_gib, body.storage.cache_gib),
        capacity=capacity,
        role=naming.reef_name(reef, f"{label}-gateway", limit=64),
        log_group=f"/reefs/{reef}/{label}",
        maintenance=(day, begin // 60, begin % 60),
        protocol=body.storage.protocol,
        domain=_domain(spec),
    )
    return ReefGateway(label=label, host=host, shares=tuple(_pairs(spec, label, incarnation)))


def _domain(spec: ReefSpec) -> DomainLayout | None:
    asked = spec.spec.storage.active_directory
    if asked is None:
        return None
    return DomainLayout(
        name=asked.domain, unit=asked.organizational_unit, secret=asked.join_secret, controllers=asked.controllers
    )


def _pairs(spec: ReefSpec, label: str, incarnation: int) -> list[ShareLayout]:
    """Ten pairs; a share's name tells its gateway, so that it is the only one of its name on the reef."""
    reef, body = spec.metadata.name, spec.spec
    names = [f"{label}-{index:02d}" for index in range(1, SHARE_COUNT + 1)]
    return [
        ShareLayout(
            index=index,
            name=name,
            kind="",
            bucket=naming.distinct(f"reef-{reef}-{name}", 63, body.account, body.region, str(incarnation)),
        )
        for index, name in enumerate(names, start=1)
    ]


def _entry(spec: ReefSpec) -> ReefEntry | None:
    """As many balancers as the cells need that the gateways have room for: a cell takes one share of ten."""
    asked, reef = spec.spec.ingress, spec.metadata.name
    if not asked.shared:
        return None
    known = capacity("aws").shared
    cells = SHARE_COUNT * spec.spec.storage.gateways
    kinds: tuple[tuple[Literal["web", "polling"], int], ...] = (
        ("web", known["web"].places()),
        ("polling", known["polling"].places(asked.ports_per_cell)),
    )
    return ReefEntry(
        internal=asked.exposure == "internal",
        allow=asked.allow,
        ports=asked.ports_per_cell,
        balancers=tuple(
            ReefBalancer(
                label=f"{kind}-{number}",
                kind=kind,
                name=naming.reef_name(reef, f"{kind}-{number}", limit=32),
                slots=each,
            )
            for kind, each in kinds
            for number in range(1, -(-cells // each) + 1)
        ),
    )


def _alarms(reef: str) -> AlarmsLayout:
    name = naming.reef_name(reef, limit=200)
    return AlarmsLayout(topic=f"{name}-alarms", prefix=name, storage_limit_gib=0)
