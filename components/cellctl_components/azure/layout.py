"""AzureLayout: a CellSpec resolved for Azure; every name, size, zone, address and port decided.

Pure: equal arguments give equal layouts, for ever (tests hold a golden). It imports no Pulumi, opens nothing, and does
not know the subscription: ids are the program's business. What cannot be built on Azure is refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from cellctl_components import layout as shared
from cellctl_components import naming
from cellctl_components.azure import facts, refusals
from cellctl_components.azure.addresses import FIRST_ADDRESS, RESERVED
from cellctl_components.azure.certificate import address_of, secret_of
from cellctl_components.azure.data_layout import (
    BackupsLayout,
    DatabaseLayout,
    QueueLayout,
    StorageLayout,
    apart_of,
    backups_of,
    database_of,
    queue_of,
    storage_of,
)
from cellctl_components.azure.names import AzureNames, names
from cellctl_components.azure.site import SiteLayout, site_of
from cellctl_components.azure.web_gateway_layout import SUBNET, WebGatewayLayout, web_gateway_of

if TYPE_CHECKING:
    from cellctl.spec import CellSpec
    from cellctl_components.azure.placed import Ground

POLLING_PORT = 10943
"""Port of the first node's polling address; node n has 10943 + n - 1 (reference/azure.md 5, mode B)."""

GRPC_PORT = 8443
"""Where gRPC answers, on nodes and from outside (reference/octopus.md 2.1)."""

OperatingSystem = Literal["windows", "linux"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeSubnet:
    """The nodes of one zone, with the zone's own way out: a zone that fails takes only its own egress with it."""

    zone: str
    name: str
    cidr: str
    nat_gateway: str
    nat_address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkLayout:
    """The cell's virtual network, cut into eighths: zones 1 to 3, ingress, endpoints, an application gateway, two free.

    The gateway's fields are empty where the cell has none.
    """

    name: str
    cidr: str
    node_subnets: tuple[NodeSubnet, ...]
    ingress_subnet: str
    ingress_cidr: str
    endpoint_subnet: str
    endpoint_cidr: str
    nodes_group: str
    endpoints_group: str
    existing: bool = False
    gateway_subnet: str = ""
    gateway_cidr: str = ""
    gateway_group: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeLayout:
    """One server node. `ordinal` counts from 1 and is its identity; `address` is fixed; `poll_port` is its own."""

    ordinal: int
    name: str
    computer_name: str
    zone: str
    subnet: str
    address: str
    vm_size: str
    role: str
    task_cap: int
    poll_port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class IngressLayout:
    """How the cell is reached. `address` is the load balancer's internal frontend, empty where the exposure is public.

    `certificate` is the address of a secret, `certificate_secret` its resource id where nodes are to get a role on it.
    Tentacles come to `polling_host`, which is the host unless something else than the load balancer serves the web.
    """

    load_balancer: str
    exposure: Literal["internal", "public"]
    host: str
    allow: tuple[str, ...]
    address: str
    public_address: str
    dns_label: str
    certificate: str
    certificate_secret: str = ""
    grpc: bool = False
    polling_host: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceLayout:
    """What a cell on a reef must know of it. `zones`: id of each service's private zone; `pool` is an id.

    `host` is the registry's name for the database host, `server` the name under which it answers.

    `number` counts the reef's places from 0: no two cells have the same, so they never share an address. `allow` and
    `internal` bound who may reach the cell. With `passwords` the server takes them. Where the reef is in a network of
    others, `subnets` are ids by what they are for, and `ranges` those of the two in which addresses are counted.
    `gateways` is the range of its subnet for application gateways, `` where it has none.
    """

    reef: str
    resource_group: str
    network: str
    cidr: str
    zones: Mapping[str, str]
    allow: tuple[str, ...]
    internal: bool
    host: str
    server: str
    pool: str
    number: int
    database: str
    passwords: bool = False
    subnets: Mapping[str, str] = field(default_factory=dict)
    ranges: Mapping[str, str] = field(default_factory=dict)
    gateways: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class AzureLayout:
    """One cell on Azure. Satisfies `cellctl.clouds.Layout`."""

    cell: str
    cloud: Literal["azure"]
    account: str
    region: str
    incarnation: int
    names: AzureNames
    tags: Mapping[str, str]
    zones: tuple[str, ...]
    network: NetworkLayout
    database: DatabaseLayout
    storage: StorageLayout
    nodes: tuple[NodeLayout, ...]
    nodes_os: OperatingSystem
    ingress: IngressLayout
    octopus_version: str
    licence_secret: str
    administrator: str
    email: str
    locked: bool
    site: SiteLayout | None = None
    place: PlaceLayout | None = None
    queue: QueueLayout | None = None
    web: WebGatewayLayout | None = None
    apart: tuple[StorageLayout, ...] = ()
    backups: BackupsLayout | None = None

    @property
    def accounts(self) -> tuple[StorageLayout, ...]:
        """Every storage account of the cell: the one that all have first."""
        return (self.storage, *self.apart)

    def to_json(self) -> Mapping[str, shared.Json]:
        """Return all of it as JSON-like data, stable under equal input."""
        return shared.json_object(self)


def azure_layout(
    spec: CellSpec,
    *,
    incarnation: int = 1,
    place: Mapping[str, shared.Json] | None = None,
    site: Mapping[str, shared.Json] | None = None,
) -> AzureLayout:
    """Resolve a cell for Azure.

    Args:
        spec: The cell.
        incarnation: Part of every name that Azure holds after deletion.
        place: What the registry claimed for a cell on a reef.
        site: What it uses of the subscription and does not own, as `site.settled` made it.

    Raises:
        SpecError: It cannot be built on Azure; every problem is listed.
    """
    from cellctl_components.azure.placed import place_of

    refusals.check(spec)
    found = site_of(spec, site)
    body = spec.spec
    cell_names = names(account=body.account, cell=spec.metadata.name, incarnation=incarnation)
    zones = facts.zones(body.region)
    ground = None if body.placement == "dedicated" else place_of(spec, place)
    network = ground.network if ground else _network_of(spec, zones[: body.nodes.count], found)
    return AzureLayout(
        cell=spec.metadata.name,
        cloud="azure",
        account=body.account,
        region=body.region,
        incarnation=incarnation,
        names=cell_names,
        tags=_tags(spec) | ({"cellctl:reef": ground.layout.reef} if ground else {}),
        zones=zones,
        network=network,
        database=ground.database(spec) if ground else database_of(spec, cell_names),
        storage=storage_of(spec, cell_names),
        nodes=_nodes(spec, network, first=_first_address(network, ground)),
        nodes_os=body.nodes.os,
        ingress=_ingress(spec, cell_names, _entry_address(network, ground, found)),
        octopus_version=body.octopus.version,
        licence_secret=body.octopus.licence.secret if body.octopus.licence else "",
        administrator=body.octopus.administrator.username,
        email=body.octopus.administrator.email,
        locked=body.protection.deletion,
        site=found,
        place=ground.layout if ground else None,
        queue=queue_of(spec, cell_names),
        web=web_gateway_of(spec, cell_names, network.gateway_cidr, entry=_gateway_entry(ground, found)),
        apart=apart_of(spec, incarnation),
        backups=backups_of(spec, cell_names),
    )


def _network_of(spec: CellSpec, zones: tuple[str, ...], site: SiteLayout | None) -> NetworkLayout:
    return _joined(spec, zones, site) if site is not None and site.network else _network(spec, zones)


def _first_address(network: NetworkLayout, ground: Ground | None) -> int:
    """Return the offset of the first node in its subnet, or in the cell's block of one."""
    return ground.first_address if ground else 0 if network.existing else FIRST_ADDRESS


def _entry_address(network: NetworkLayout, ground: Ground | None, site: SiteLayout | None) -> str:
    if ground:
        return ground.entry_address
    there = site.entry if site is not None else ""
    return there or shared.address_in(network.ingress_cidr, RESERVED)


def _gateway_entry(ground: Ground | None, site: SiteLayout | None) -> str:
    """Return the address of a gateway in a subnet of others, `` where the subnet is its own."""
    if ground:
        return ground.gateway_address
    return site.gateway_entry if site else ""


def _tags(spec: CellSpec) -> dict[str, str]:
    tags = {"cellctl:cell": spec.metadata.name, "cellctl:account": spec.spec.account}
    if spec.metadata.owner:
        tags["owner"] = spec.metadata.owner
    return tags | dict(sorted(spec.metadata.labels.items()))


def _network(spec: CellSpec, zones: tuple[str, ...]) -> NetworkLayout:
    cell = spec.metadata.name
    cidr = spec.spec.network.cidr
    assert cidr is not None, "refused before"
    eighths = shared.equal_parts(cidr, 8)
    web = spec.spec.ingress.balancer == "application_gateway"
    subnets = tuple(
        NodeSubnet(
            zone=zone,
            name=f"nodes-{zone}",
            cidr=_at_most(eighths[int(zone) - 1], 24),
            nat_gateway=f"nat-oct-{cell}-{zone}",
            nat_address=f"pip-oct-{cell}-nat-{zone}",
        )
        for zone in zones
    )
    return NetworkLayout(
        name=f"vnet-oct-{cell}",
        cidr=cidr,
        node_subnets=subnets,
        ingress_subnet="ingress",
        ingress_cidr=_at_most(eighths[3], 26),
        endpoint_subnet="endpoints",
        endpoint_cidr=_at_most(eighths[4], 26),
        nodes_group=f"nsg-oct-{cell}-nodes",
        endpoints_group=f"nsg-oct-{cell}-endpoints",
        gateway_subnet=SUBNET if web else "",
        gateway_cidr=_at_most(eighths[5], 24) if web else "",
        gateway_group=f"nsg-oct-{cell}-gateway" if web else "",
    )


def _joined(spec: CellSpec, zones: tuple[str, ...], site: SiteLayout) -> NetworkLayout:
    """Return a network of others: one subnet of theirs, of which the cell has a block, in every zone."""
    cell, subnet = spec.metadata.name, site.subnets["nodes"].rpartition("/")[2]
    return NetworkLayout(
        name=site.network.rpartition("/")[2],
        cidr="",
        node_subnets=tuple(
            NodeSubnet(zone=zone, name=subnet, cidr=site.block, nat_gateway="", nat_address="") for zone in zones
        ),
        ingress_subnet=site.subnets["ingress"].rpartition("/")[2],
        ingress_cidr="",
        endpoint_subnet=site.subnets["endpoints"].rpartition("/")[2],
        endpoint_cidr="",
        nodes_group=f"nsg-oct-{cell}-nodes",
        endpoints_group="",
        existing=True,
        gateway_subnet=SUBNET if site.gateway_cidr else "",
        gateway_cidr=site.gateway_cidr,
    )


def _at_most(cidr: str, prefix: int) -> str:
    """Return the beginning of a network, a /`prefix` if it is larger: the rest stays free."""
    address, _, length = cidr.partition("/")
    return f"{address}/{max(int(length), prefix)}"


def _nodes(spec: CellSpec, network: NetworkLayout, *, first: int) -> tuple[NodeLayout, ...]:
    nodes = spec.spec.nodes
    cell = spec.metadata.name
    subnets = shared.round_robin(network.node_subnets, nodes.count)
    used: dict[str, int] = {}
    resolved = []
    for index, subnet in enumerate(subnets):
        place = used.setdefault(subnet.name, first)
        used[subnet.name] += 1
        ordinal = index + 1
        role = nodes.roles[index]
        resolved.append(
            NodeLayout(
                ordinal=ordinal,
                name=f"vm-oct-{cell}-{ordinal}-g1",
                computer_name=naming.node_name(cell, ordinal),
                zone=subnet.zone,
                subnet=subnet.name,
                address=shared.address_in(subnet.cidr, place),
                vm_size=facts.vm_size(nodes.size),
                role=role,
                task_cap=0 if role == "ui" else spec.spec.octopus.task_cap,
                poll_port=POLLING_PORT if spec.spec.ingress.polling == "redis" else POLLING_PORT + index,
            )
        )
    return tuple(resolved)


def _ingress(spec: CellSpec, cell_names: AzureNames, address: str) -> IngressLayout:
    ingress = spec.spec.ingress
    cell = spec.metadata.name
    internal = ingress.exposure == "internal"
    return IngressLayout(
        load_balancer=f"lb-oct-{cell}",
        exposure=ingress.exposure,
        host=ingress.host,
        allow=tuple(ingress.allow),
        address=address if internal else "",
        public_address="" if internal else f"pip-oct-{cell}",
        dns_label="" if internal else cell_names.dns_label,
        certificate=address_of(ingress.certificate or ""),
        certificate_secret=secret_of(ingress.certificate or ""),
        grpc=ingress.grpc,
        polling_host=f"polling.{ingress.host}" if ingress.balancer == "application_gateway" else ingress.host,
    )
