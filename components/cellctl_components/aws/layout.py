"""A CellSpec resolved for AWS: every name, size, address and range decided. Pure: no Pulumi, no look-up, no clock.

What a value may be is in `cellctl/facts/aws`; what is refused is in `rules`. Anything that changes here for an existing
spec changes cells that run: tests/unit/golden holds a hundred layouts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from cellctl_components.aws.claimed_share import ClaimedShare
from cellctl_components.aws.in_account import bucket_in, shares_in
from cellctl_components.aws.watching.layout import WatchLayout
from cellctl_components.layout import Json, json_object

Protocol = Literal["nfs", "smb"]
OperatingSystem = Literal["windows", "linux"]

SHARE_COUNT = 10
"""Bucket and share pairs of one gateway: the seed's number. Five carry a dedicated cell's files, five stay free."""

KINDS = ("packages", "artifacts", "task-logs", "imports", "event-exports")
"""Kinds of files and the folders of Octopus they hold, in the order of the shares that carry them."""

CLUSTER = "cluster"
"""What nodes that share a queue of Tentacles also share: `DataStreams` and whatever Octopus adds later."""

WEB_PORT = 8080
"""Where a node serves web and API behind the load balancer, plain HTTP (reference aws.md 1.1)."""

POLLING_PORT = 10943
"""First polling port; TCP is passed through, never terminated.

Polled one by one, node n is reached on POLLING_PORT + n - 1; with a queue all of them on this one.
"""

GRPC_PORT = 8443
"""Where nodes answer gRPC, with a certificate of their own: passed through too, any node will do."""

QUEUE_PORT = 6379
"""Where the queue of polling Tentacles answers, over TLS."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Zone:
    """One availability zone: its letter is the logical name of its subnets.

    `public` holds NAT gateways and public load balancers, `ingress` internal load balancers and endpoints, `nodes` the
    nodes and the gateway (fixed addresses: nothing there takes an address by itself), `data` the database.
    """

    letter: str
    name: str
    public: str
    ingress: str
    nodes: str
    data: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkLayout:
    """The cell's own network. `nat_zones` are letters of the zones that have a NAT gateway."""

    name: str
    cidr: str
    zones: tuple[Zone, ...]
    nat_zones: tuple[str, ...]
    flow_log_group: str
    flow_log_role: str
    log_days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class HostLayout:
    """A database host. Windows are UTC; sizes in GiB. Hosts of one `group` share subnets, parameters and options.

    They share `backup_bucket` too, where SQL Server puts backups of single databases as `backup_role`.
    """

    identifier: str
    group: str
    engine: str
    engine_version: str
    major_version: str
    family: str
    instance_class: str
    storage_gib: int
    storage_limit_gib: int
    multi_zone: bool
    retention_days: int
    backup_region: str
    backup_window: str
    maintenance_window: str
    final_snapshot: str
    administrator: str
    monitoring_role: str
    port: int
    backup_role: str
    backup_bucket: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseLayout(HostLayout):
    """The database host and the cell's database on it; on a reef only what dials the host is said of it here."""

    name: str
    login: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainLayout:
    """The domain that a gateway joins: `unit` is where, `secret` says as whom (ARN), `controllers` are addresses."""

    name: str
    unit: str
    secret: str
    controllers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectoryLayout:
    """A cell's user in the domain of its reef's gateways: `secret` (ARN or name) and whom the share admits."""

    secret: str
    users: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayLayout:
    """The storage gateway: one appliance, so storage of a cell has its recovery time, and may lose unsent data.

    `maintenance` is day of the week (0 = Sunday), hour and minute, UTC. Cache grows by adding to `cache_gib`. With a
    `domain` SMB shares know who mounts them.
    """

    name: str
    host: str
    zone: str
    address: str
    instance_type: str
    root_gib: int
    cache_gib: tuple[int, ...]
    capacity: str
    role: str
    log_group: str
    maintenance: tuple[int, int, int]
    protocol: Protocol
    domain: DomainLayout | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareLayout:
    """What a bucket + share pair carries. `kind` is empty for a free one, which admits nobody.

    A share that carries several kinds has an entry for each, and a folder for each: `folder` says which.
    """

    index: int
    name: str
    kind: str
    bucket: str

    @property
    def folder(self) -> str:
        """Where on its share a kind is: a folder of its name, unless the share is the kind's own."""
        return "" if self.kind in ("", self.name) else self.kind


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeLayout:
    """One server node; `ordinal` counts from 1 and is its identity for ever."""

    ordinal: int
    name: str
    zone: str
    address: str
    role: str
    task_cap: int
    polling_port: int
    polling_target: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NodesLayout:
    """The nodes and what they have in common."""

    items: tuple[NodeLayout, ...]
    instance_type: str
    disk_gib: int
    role: str
    os: OperatingSystem = "windows"


@dataclass(frozen=True, kw_only=True, slots=True)
class IngressLayout:
    """Names and load balancers. `certificate` empty: the cell makes one of its own. `grpc_target` empty: no gRPC."""

    host: str
    polling_host: str
    certificate: str
    allow: tuple[str, ...]
    internal: bool
    web_name: str
    web_target: str
    polling_name: str
    grpc_target: str


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueLayout:
    """The queue that nodes share, so that a Tentacle polls one address: one machine of ElastiCache, memory only.

    `secret` names the secret of its token; it had `tokens` of them, of which the last two are good.
    """

    name: str
    engine: str
    engine_version: str
    family: str
    node_type: str
    window: str
    secret: str
    tokens: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SecretsLayout:
    """Names of secrets, which carry the incarnation because they stay taken after deletion, and of their key."""

    key_alias: str
    master_key: str
    database_login: str
    administrator: str
    api_key: str
    guest: str
    recovery_days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmsLayout:
    """Names of alarms begin with `prefix`; `storage_limit_gib` is where the size of all files alarms."""

    topic: str
    prefix: str
    storage_limit_gib: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OctopusLayout:
    """The Octopus Server all nodes run. `licence` names a secret, empty where there is none."""

    version: str
    administrator: str
    email: str
    licence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryLayout:
    """What a cell uses of load balancers that its reef shares, and does not own: ARNs, names, groups, its slots.

    Its slot of web is the priority of its rule; its slot of polling says which `ports` are its own.
    """

    web_arn: str
    web_listener: str
    web_name: str
    web_zone: str
    web_suffix: str
    web_group: str
    web_slot: int
    polling_arn: str
    polling_name: str
    polling_zone: str
    polling_suffix: str
    polling_group: str
    polling_slot: int
    ports: int
    allow: tuple[str, ...]
    internal: bool

    @property
    def first_port(self) -> int:
        """Where its first node is polled."""
        return POLLING_PORT + (self.polling_slot - 1) * self.ports

    @property
    def last_port(self) -> int:
        """Its last port: gRPC's, if it has any."""
        return self.first_port + self.ports - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceLayout:
    """The place of a cell on a reef: what it uses there and does not own. Resolved before the run, then frozen.

    `number` is the place's own among all of the reef's: the addresses of its nodes follow from it. `subnets` are ids
    by tier and zone letter, `members` is the group that the reef's database and gateways admit. `share` is the pair
    that the cell has claimed, `apart` are those for kinds apart; the gateway writes to their buckets as `writer`.
    Without an `entry` the cell brings load balancers of its own.
    """

    reef: str
    number: int
    network: str
    subnets: Mapping[str, Mapping[str, str]]
    members: str
    host: str
    server: str
    administrator_secret: str
    database: str
    gateway: str
    gateway_id: str
    gateway_name: str
    share: str
    share_arn: str
    bucket: str
    writer: str
    entry: EntryLayout | None = None
    apart: tuple[ClaimedShare, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteLayout:
    """What a stack uses of the account and does not own; what it does not use is empty. Looked up once, then frozen.

    `subnets` are ids by tier and zone letter in `network`, a VPC. `endpoint` is the DNS name of a Storage Gateway
    endpoint that is there, `storage` the id of S3's prefix list. `zone` holds the names; `associate`: the network
    cannot see it yet. `key` is the ARN of the key that seals everything.
    """

    network: str = ""
    subnets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    endpoint: str = ""
    storage: str = ""
    zone: str = ""
    associate: bool = False
    key: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsLayout:
    """All of a cell on AWS. `protected` puts protection and the cloud's own locks on what holds data.

    With a `place` on a reef the cell declares no network, database host or gateway. Without a `queue` Tentacles poll
    every node. With a `site` some of what it uses was there before. With a `directory` nodes mount as a domain's user.
    """

    cell: str
    account: str
    region: str
    incarnation: int
    protected: bool
    tags: Mapping[str, str]
    network: NetworkLayout
    secrets: SecretsLayout
    database: DatabaseLayout
    gateway: GatewayLayout
    shares: tuple[ShareLayout, ...]
    nodes: NodesLayout
    ingress: IngressLayout
    alarms: AlarmsLayout
    watch: WatchLayout
    octopus: OctopusLayout
    cloud: str = "aws"
    place: PlaceLayout | None = None
    queue: QueueLayout | None = None
    site: SiteLayout | None = None
    directory: DirectoryLayout | None = None

    @property
    def entry(self) -> EntryLayout | None:
        """The load balancers of its reef that the cell shares, None where it has its own."""
        return self.place.entry if self.place else None

    @property
    def grpc_port(self) -> int:
        """Where gRPC answers from outside."""
        return self.entry.last_port if self.entry else GRPC_PORT

    def to_json(self) -> Mapping[str, Json]:
        """Return all of it as JSON-like data, equal for equal layouts."""
        return json_object(self)

    def for_account(self, account_id: str) -> AwsLayout:
        """Return this layout with bucket names that no other account makes: two owners may both say `prod` and `acme`.

        The id of an account is not in the cell file, and bucket names are the only global names of a cell. The bucket
        of a share on a reef is the reef's, and has its name.
        """
        if self.place:
            return self
        database = replace(self.database, backup_bucket=bucket_in(self.database.backup_bucket, account_id))
        return replace(self, shares=shares_in(self.shares, account_id), database=database)
