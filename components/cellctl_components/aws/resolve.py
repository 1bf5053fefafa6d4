"""CellSpec to AwsLayout. Pure: equal arguments give equal layouts, for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from cellctl_components import naming
from cellctl_components.aws import layout as parts
from cellctl_components.aws import rules, sizing
from cellctl_components.aws.placed import apart_of, place_of
from cellctl_components.aws.site import GATEWAY_OFFSET, NODES_OFFSET, site_of, zones_of
from cellctl_components.aws.watching.layout import of_cell
from cellctl_components.layout import Json, address_in, facts, round_robin

if TYPE_CHECKING:
    from cellctl.spec import CellSpec
    from cellctl_components.aws.placed import Ground

_GATEWAY_OFFSET = 10
_NODE_OFFSET = 20  # the first four addresses of a subnet, and the last, are AWS's
# A NAT gateway costs as much as a small node, and an account has five elastic addresses until it asks for more.
_NAT_ZONES: Mapping[str, int] = {"trial": 1, "standard": 2, "gold": sizing.MAX_ZONES}
_LOG_DAYS: Mapping[str, int] = {"trial": 7, "standard": 30, "gold": 90}


def layout(
    spec: CellSpec,
    *,
    incarnation: int = 1,
    place: Mapping[str, Json] | None = None,
    site: Mapping[str, Json] | None = None,
) -> parts.AwsLayout:
    """Return the layout of `spec` on AWS.

    Args:
        spec: A valid CellSpec with `spec.cloud` "aws".
        incarnation: How often a cell of this name was made; part of every name AWS holds after deletion.
        place: What a cell on a reef has there, as the registry gave it; None for a dedicated cell.
        site: What was seen of what the file names in the account, as `site.settled` made it; None if it names nothing.

    Raises:
        SpecError: AWS cannot do what the spec asks; every problem is listed.
        NotYet: A valid option that a later milestone brings.
    """
    rules.check(spec)
    stands_on = site_of(spec, site)
    body, cell = spec.spec, spec.metadata.name
    if body.placement != "dedicated":
        return replace(_on_reef(spec, incarnation, place_of(spec, place)), site=stands_on)
    network = _network(spec) if spec.spec.network.existing is None else _existing(spec, site or {})
    there = spec.spec.network.existing is not None
    return parts.AwsLayout(
        cell=cell,
        account=body.account,
        region=body.region,
        incarnation=incarnation,
        protected=body.protection.deletion,
        tags=_tags(spec, incarnation),
        network=network,
        secrets=_secrets(spec, incarnation),
        database=_database(spec, incarnation),
        gateway=_gateway(spec, network, offset=GATEWAY_OFFSET if there else _GATEWAY_OFFSET),
        shares=_shares(spec, incarnation),
        nodes=_nodes(spec, network, first=NODES_OFFSET if there else _NODE_OFFSET),
        ingress=_ingress(spec),
        alarms=_alarms(spec),
        watch=of_cell(cell, log_days=network.log_days, borrowed=there),
        octopus=_octopus(spec),
        queue=_queue(spec, incarnation),
        site=stands_on,
    )


def _directory(spec: CellSpec) -> parts.DirectoryLayout | None:
    asked = spec.spec.storage.directory
    return parts.DirectoryLayout(secret=asked.secret, users=asked.users) if asked else None


def _tags(spec: CellSpec, incarnation: int) -> dict[str, str]:
    own = {"cell": spec.metadata.name, "managed-by": "cellctl", "incarnation": str(incarnation)}
    owner = {"owner": spec.metadata.owner} if spec.metadata.owner else {}
    return {**dict(sorted(spec.metadata.labels.items())), **owner, **own}


def _on_reef(spec: CellSpec, incarnation: int, ground: Ground) -> parts.AwsLayout:
    """Everything of its own is as a dedicated cell has it; the rest is the reef's."""
    body, place = spec.spec, ground.layout
    network = replace(_network(spec), cidr=ground.cidr, zones=ground.zones, nat_zones=())
    return parts.AwsLayout(
        cell=spec.metadata.name,
        account=body.account,
        region=body.region,
        incarnation=incarnation,
        protected=body.protection.deletion,
        tags={**_tags(spec, incarnation), "reef": place.reef},
        network=network,
        secrets=_secrets(spec, incarnation),
        database=ground.database(spec.metadata.name),
        gateway=ground.gateway(f"files.{body.ingress.host}", body.storage.protocol),
        directory=_directory(spec),
        shares=ground.shares(*_kinds(spec), apart=apart_of(spec)),
        nodes=_nodes(spec, network, first=ground.first_address, entry=place.entry),
        ingress=_shared(_ingress(spec)) if place.entry else _ingress(spec),
        alarms=_alarms(spec),
        watch=of_cell(spec.metadata.name, log_days=network.log_days, borrowed=ground.borrowed),
        octopus=_octopus(spec),
        place=place,
        queue=_queue(spec, incarnation),
    )


def _network(spec: CellSpec) -> parts.NetworkLayout:
    body, cell = spec.spec, spec.metadata.name
    cidr = body.network.cidr or rules.DEFAULT_CIDR
    zones = sizing.zones(body.region, cidr)
    return parts.NetworkLayout(
        name=naming.cell_name(cell, limit=255),
        cidr=cidr,
        zones=zones,
        nat_zones=tuple(zone.letter for zone in zones)[: _NAT_ZONES[body.preset]],
        flow_log_group=f"/cells/{cell}/flow-logs",
        flow_log_role=naming.cell_name(cell, "flow-logs", limit=64),
        log_days=_LOG_DAYS[body.preset],
    )


def _existing(spec: CellSpec, site: Mapping[str, Json]) -> parts.NetworkLayout:
    """The network that is there: its range, and in each zone the cell's own block for nodes and gateway."""
    return replace(_network(spec), cidr=str(site.get("cidr") or ""), zones=zones_of(site), nat_zones=())


def _database(spec: CellSpec, incarnation: int) -> parts.DatabaseLayout:
    cell = spec.metadata.name
    identifier = naming.cell_name(cell, "sql", limit=63)
    host = sizing.host(
        spec.spec,
        identifier=identifier,
        group=identifier,
        roles=(naming.cell_name(cell, "rds-monitoring", limit=64), naming.cell_name(cell, "sql-backup", limit=64)),
        bucket=_bucket(spec, "sql-backups", incarnation),
        incarnation=incarnation,
    )
    given = {field.name: getattr(host, field.name) for field in fields(host)}
    return parts.DatabaseLayout(**given, name=naming.database_name(cell, 1), login=naming.login_name(cell))


def _gateway(spec: CellSpec, network: parts.NetworkLayout, *, offset: int) -> parts.GatewayLayout:
    body, cell, data = spec.spec, spec.metadata.name, facts("aws", "sizes")["gateway"]
    zone = network.zones[0]
    day, begin, _ = sizing.window(body.maintenance.window)
    capacity = sizing.capacity(body.storage.size_gib)
    return parts.GatewayLayout(
        name=naming.cell_name(cell, limit=255),
        host=f"files.{body.ingress.host}",
        zone=zone.letter,
        address=address_in(zone.nodes, offset),
        instance_type=sizing.of(data, "types", capacity, str),
        root_gib=sizing.of(data, "root_gib", capacity, int),
        cache_gib=sizing.cache(body.storage.size_gib, body.storage.cache_gib),
        capacity=capacity,
        role=naming.cell_name(cell, "gateway", limit=64),
        log_group=f"/cells/{cell}/gateway",
        maintenance=(day, begin // 60, begin % 60),
        protocol=body.storage.protocol,
    )


def _kinds(spec: CellSpec) -> tuple[str, ...]:
    return (*parts.KINDS, parts.CLUSTER) if spec.spec.ingress.polling == "redis" else parts.KINDS


def _shares(spec: CellSpec, incarnation: int) -> tuple[parts.ShareLayout, ...]:
    kinds = _kinds(spec)
    names = (*parts.KINDS, *(f"free-{index}" for index in range(len(parts.KINDS) + 1, parts.SHARE_COUNT + 1)))
    return tuple(
        parts.ShareLayout(
            index=index,
            name=name,
            # A free pair that comes into use keeps its name: another would be another bucket.
            kind=kinds[index - 1] if index <= len(kinds) else "",
            bucket=_bucket(spec, name, incarnation),
        )
        for index, name in enumerate(names, start=1)
    )


def _bucket(spec: CellSpec, name: str, incarnation: int) -> str:
    cell, body = spec.metadata.name, spec.spec
    return naming.distinct(f"cell-{cell}-{name}", 63, body.account, body.region, str(incarnation))


def _nodes(
    spec: CellSpec, network: parts.NetworkLayout, *, first: int = _NODE_OFFSET, entry: parts.EntryLayout | None = None
) -> parts.NodesLayout:
    polled = entry.first_port if entry else parts.POLLING_PORT
    body, cell, data = spec.spec, spec.metadata.name, facts("aws", "sizes")["nodes"]
    places, shared = round_robin(network.zones, body.nodes.count), body.ingress.polling == "redis"
    items = tuple(
        parts.NodeLayout(
            ordinal=ordinal,
            name=naming.node_name(cell, ordinal),
            zone=zone.letter,
            address=address_in(zone.nodes, first + ordinal),
            role=role,
            task_cap=0 if role == "ui" else body.octopus.task_cap,
            polling_port=polled + (0 if shared else ordinal - 1),
            polling_target=naming.cell_name(cell, "poll" if shared else f"poll-{ordinal}", limit=32),
        )
        for ordinal, (zone, role) in enumerate(zip(places, body.nodes.roles, strict=True), start=1)
    )
    return parts.NodesLayout(
        items=items,
        instance_type=sizing.of(data, "types", body.nodes.size, str),
        disk_gib=sizing.one(data, "disk_gib", int),
        role=naming.cell_name(cell, "node", limit=64),
        os=body.nodes.os,
    )


def _ingress(spec: CellSpec) -> parts.IngressLayout:
    body, cell = spec.spec.ingress, spec.metadata.name
    return parts.IngressLayout(
        host=body.host,
        polling_host=f"polling.{body.host}",
        certificate=body.certificate or "",
        allow=body.allow,
        internal=body.exposure == "internal",
        web_name=naming.cell_name(cell, "web", limit=32),
        web_target=naming.cell_name(cell, "web", limit=32),
        polling_name=naming.cell_name(cell, "polling", limit=32),
        grpc_target=naming.cell_name(cell, "grpc", limit=32) if body.grpc else "",
    )


def _shared(own: parts.IngressLayout) -> parts.IngressLayout:
    """Without load balancers of its own it has no names for them."""
    return replace(own, web_name="", polling_name="")


def _queue(spec: CellSpec, incarnation: int) -> parts.QueueLayout | None:
    body, cell, data = spec.spec, spec.metadata.name, facts("aws", "sizes")["queue"]
    if body.ingress.polling != "redis":
        return None
    return parts.QueueLayout(
        name=naming.cell_name(cell, "queue", limit=40),
        engine=sizing.one(data, "engine", str),
        engine_version=sizing.one(data, "engine_version", str),
        family=sizing.one(data, "family", str),
        node_type=sizing.of(data, "types", body.nodes.size, str),
        window=sizing.maintenance_window(body.maintenance.window),
        secret=f"cells/{cell}/{incarnation}/queue-token",
        tokens=body.ingress.queue_token,
    )


def _secrets(spec: CellSpec, incarnation: int) -> parts.SecretsLayout:
    stem = f"cells/{spec.metadata.name}/{incarnation}"
    return parts.SecretsLayout(
        key_alias=f"alias/cell-{spec.metadata.name}",
        master_key=f"{stem}/octopus-master-key",
        database_login=f"{stem}/database-login",
        administrator=f"{stem}/administrator",
        api_key=f"{stem}/octopus-api-key",
        guest=f"{stem}/gateway-guest",
        recovery_days=30,
    )


def _alarms(spec: CellSpec) -> parts.AlarmsLayout:
    name = naming.cell_name(spec.metadata.name, limit=200)
    return parts.AlarmsLayout(topic=f"{name}-alarms", prefix=name, storage_limit_gib=spec.spec.storage.size_gib)


def _octopus(spec: CellSpec) -> parts.OctopusLayout:
    body = spec.spec.octopus
    return parts.OctopusLayout(
        version=body.version,
        administrator=body.administrator.username,
        email=body.administrator.email,
        licence=body.licence.secret if body.licence else "",
    )
