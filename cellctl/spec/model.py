"""CellSpec: what one cell file says, validated, with every default filled in. Values only; frozen, picklable.

Keys in files are camelCase, attributes snake_case. What a preset fills is in `presets`, rules across fields are in
`rules`, files are read by `reading`.
"""
# What pydantic's dataclass transform synthesises for each class holds Any; nothing written here does.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

import hashlib
import json
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel

from cellctl import units
from cellctl.spec import presets, rules

# The validation context of readers that check `rules` themselves, in order to report everything at once.
DEFER_RULES = "defer rules"

CloudName = Literal["aws", "azure"]
Preset = Literal["trial", "standard", "gold"]
Edition = Literal["standard", "enterprise", "web"]
NodeSize = Literal["small", "medium", "large"]
NodeRole = Literal["ui", "worker", "both"]


class Section(BaseModel):
    """Base of every part: frozen, strict about unknown keys, camelCase in files."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        strict=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


class Metadata(Section):
    """Who this cell is."""

    name: units.Name
    """The cell's name: unique in its home, part of every cloud name, never changed."""
    owner: units.Plain = ""
    """The team or person that answers for the cell; becomes a tag."""
    labels: dict[units.LabelKey, units.Plain] = Field(default_factory=dict, max_length=20)
    """Free labels for selecting cells; become tags."""
    decommission: bool = False
    """Announces that this file will be removed; the cell itself stays as it is until `cellctl down`."""


class Reef(Section):
    """A place on shared capacity."""

    reef: units.Slug
    """The reef's name."""


class Licence(Section):
    """Where the Octopus licence is found; never the licence itself."""

    secret: units.Reference
    """Name of the secret that holds the licence XML."""
    node_limit: units.NodeLimit | None = None
    """How many nodes the licence allows, where you know it; more nodes are then refused here."""


class Administrator(Section):
    """The first administrator of Octopus; the password is generated into the cell's secret store."""

    username: units.Plain = Field(default="admin", min_length=1, max_length=64)
    """Sign-in name."""
    email: units.Email
    """Address of the first administrator."""


class Octopus(Section):
    """The Octopus Server that all nodes run."""

    version: units.OctopusVersion
    """Version of Octopus Server; every node runs the same one."""
    licence: Licence | None = None
    """The licence; without it Octopus starts unlicensed and accepts one node."""
    task_cap: units.TaskCap
    """Tasks that one node runs at the same time."""
    administrator: Administrator
    """The first administrator."""


class Nodes(Section):
    """The server nodes."""

    count: units.NodeCount
    """How many nodes."""
    size: NodeSize
    """small: 2 cores and 4 GiB; medium: 4 and 8; large: 8 and 16."""
    os: Literal["windows", "linux"] = "windows"
    """Operating system of every node; they are never mixed."""
    roles: tuple[NodeRole, ...] = Field(strict=False)
    """What each node does, in order: ui serves the web, worker runs tasks, both does both. One entry per node."""


class LongTerm(Section):
    """Backups that are kept for longer than point-in-time ones, Azure only; 0 keeps none of a kind."""

    weeks: units.Weeks = 0
    """For how many weeks each week's backup is kept."""
    months: units.Months = 0
    """For how many months each month's first backup is kept."""
    years: units.Years = 0
    """For how many years one backup of each year is kept."""


class Failover(Section):
    """A copy of the database in another region that an operator fails over to, Azure only."""

    region: units.Reference
    """The other region."""


class Database(Section):
    """The SQL Server database."""

    tier: Literal["small", "standard", "large"]
    """Size of the database host."""
    multi_zone: bool
    """Keep a synchronous copy in a second zone."""
    retention_days: units.RetentionDays
    """How many days point-in-time backups are kept."""
    geo_backup: bool
    """Keep a copy of the backups in another region."""
    long_term: LongTerm | None = None
    """Keep some backups for longer; they outlive the server."""
    authentication: Literal["entra", "sql"] | None = None
    """Azure: entra (so without it): nodes sign in as their identity; sql: with a password. Frozen once the cell is."""
    password_turn: int = Field(default=1, ge=1, le=100)
    """Which password it is, with authentication: sql. One more makes another; the one before is still good."""
    failover: Failover | None = None
    """Keep a copy that is seconds behind in another region, for disaster recovery; frozen once the cell exists."""
    edition: Edition = "standard"
    """Edition of SQL Server, licence included, AWS only; frozen once the cell exists. web is for public sites alone."""


Tier = Literal["premium", "premium_v2", "standard_v2"]


class StorageKind(Section):
    """Where one kind of file is."""

    storage_account: units.Slug | None = None
    """Azure: name of a storage account apart from the cell's; kinds with one name share it. Frozen once the cell is."""
    tier: Tier | None = None
    """Azure: tier of that account; without it `storage.tier` of the cell. Frozen once the cell exists."""
    share: units.Slug | None = None
    """AWS, on a reef: name of a share, with its bucket, apart from the cell's first; kinds with one name share it.
    Frozen once the cell exists."""


class StorageKinds(Section):
    """Every kind of file that Octopus keeps outside its database, each on a share of its own."""

    packages: StorageKind = StorageKind()
    """The built-in package feed."""
    artifacts: StorageKind = StorageKind()
    """Files that deployments collect."""
    task_logs: StorageKind = StorageKind()
    """Logs of tasks."""
    imports: StorageKind = StorageKind()
    """Files for project import and export."""
    event_exports: StorageKind = StorageKind()
    """Archived audit events."""


class Directory(Section):
    """The cell's user in the domain that its reef's gateways joined. Whoever runs the domain makes it."""

    secret: units.Reference
    """Secret with `username` and `password` of the user as whom nodes mount; ARN, or a name below `octopus/`."""
    users: tuple[units.DirectoryName, ...] = Field(strict=False, min_length=1, max_length=100)
    """Users and groups (`@NAME`) that the share admits: that user, or a group of it."""


class Storage(Section):
    """The file storage that all nodes mount."""

    backend: Literal["gateway", "fsx", "azure_files"]
    """gateway: S3 behind Storage Gateway (AWS); fsx: FSx for Windows (AWS); azure_files: Azure Files (Azure)."""
    protocol: Literal["smb", "nfs"]
    """How nodes mount it."""
    size_gib: units.SizeGiB = Field(alias="sizeGiB")
    """Expected size of all files; quota where the service has one, alarm threshold where it has none."""
    kinds: StorageKinds = StorageKinds()
    """The kinds of files."""
    tier: Tier | None = None
    """Azure: premium (so without it): SSD whose speed is of its size, 100 GiB a share at least; premium_v2: SSD from 32
    GiB; standard_v2: disks from 32 GiB, cheap. Frozen once the cell exists."""
    authentication: Literal["key", "identity"] | None = None
    """Azure: key (so without it): nodes mount with the account's key; identity: as themselves, not there yet."""
    snapshot_days: units.SnapshotDays | None = None
    """Azure: for how many days a snapshot of every share, taken each day, is kept; without it none is taken."""
    cache_gib: tuple[units.CacheGiB, ...] = Field(default=(), strict=False, max_length=4, alias="cacheGiB")
    """Disks of a gateway's cache; without them one of a fifth of `sizeGiB`. A cache that runs grows by a disk more."""
    directory: Directory | None = None
    """Who may use the cell's share of a gateway in a domain: for SMB on a reef, and for nothing else."""


class Ingress(Section):
    """How people and Tentacles reach the cell."""

    host: units.Host
    """DNS name of the web portal."""
    certificate: units.Reference | None = None
    """Of `host`; without it the cell makes one of its own. AWS: an ARN. Azure: a secret of Key Vault, by address, or by
    resource id: then the nodes' identity gets the role to read it."""
    allow: tuple[units.Cidr, ...] = Field(strict=False, min_length=1, max_length=50)
    """Address ranges that may connect."""
    exposure: Literal["internal", "public"] = "internal"
    """internal: private addresses only; public: an address on the internet, still limited to `allow`."""
    balancer: Literal["load_balancer", "application_gateway"] = "load_balancer"
    """load_balancer: the cloud's own; application_gateway: it ends TLS of the web and needs `certificate`, Azure only.
    Frozen once the cell exists."""
    firewall: Literal["detect", "prevent", "off"] | None = None
    """Of an application gateway: detect (so without it) writes down what looks like an attack, prevent turns it away,
    off has no firewall, and passes uploads on without keeping them first."""
    authority: units.Root | None = None
    """Of an application gateway: the root that issued `certificate`, PEM text, where it is none that Azure knows."""
    polling: Literal["per_node", "redis"] = "per_node"
    """per_node: each node has its own polling address; redis: one address for all, Octopus 2026.4.6909 or newer."""
    zone: units.Reference | None = None
    """Id of a hosted zone of Route 53, or of a private DNS zone on Azure, that is there, for the cell's names; without
    it the cell has one of its own."""
    grpc: bool = False
    """Offer gRPC at port 8443 of the polling name, for Kubernetes monitors and gateways of Argo CD."""
    queue_token: int = Field(default=1, ge=1, le=100)
    """Which token the queue has, with polling: redis on AWS. One more makes a new one; the one before is still good."""


class ExistingNetwork(Section):
    """A network that is already there. Nothing of it is changed, and `down` leaves all of it."""

    id: units.Reference
    """Id of the VPC (AWS) or virtual network (Azure)."""
    subnets: tuple[units.Reference, ...] = Field(strict=False, min_length=1, max_length=6)
    """Ids of subnets for nodes and gateway, and for what the next two do not say: on AWS one in each of two zones or
    more, on Azure one, which spans zones."""
    balancer_subnets: tuple[units.Reference, ...] = Field(default=(), strict=False, max_length=6)
    """Ids of subnets in the same zones for load balancers and endpoints; public ones where the cell is public. On Azure
    one, for the load balancer."""
    database_subnets: tuple[units.Reference, ...] = Field(default=(), strict=False, max_length=6)
    """Ids of subnets in two zones or more for the database and the queue. On Azure one, for private endpoints."""
    gateway_subnets: tuple[units.Reference, ...] = Field(default=(), strict=False, max_length=1)
    """Azure, with balancer: application_gateway: id of the subnet that gateways have to themselves."""
    gateway_endpoint: units.Reference | None = None
    """Id of an interface endpoint of Storage Gateway in this network; without it the cell makes one of its own."""
    private_zones: units.Reference | None = None
    """Azure: id of the resource group of the `privatelink` zones that this network resolves; without it the cell makes
    and links its own."""


class Network(Section):
    """The cell's network: its own, or an existing one."""

    create: bool = True
    """Create a network for this cell alone."""
    cidr: units.NetworkCidr | None = None
    """Range of the network that is created. Networks of cells are not peered, so equal ranges are legal."""
    existing: ExistingNetwork | None = None
    """A network that is already there; then `create` is false. Frozen once the cell exists."""


class Maintenance(Section):
    """When the cloud may patch."""

    window: units.Window = "Sun 02:00-04:00 UTC"
    """Weekly window: a day, two times, UTC."""


class Protection(Section):
    """What guards the cell against mistakes."""

    deletion: bool = True
    """Put the clouds' own deletion locks on everything that holds data."""
    key: units.Reference | None = None
    """ARN of a KMS key, or on Azure id of a Key Vault key, that is there and seals all data; without it a key of its
    own does, on Azure the platform's. Frozen as a network."""


class CellBody(Section):
    """Everything about a cell but its name."""

    cloud: CloudName
    """aws or azure; frozen once the cell exists."""
    account: units.Slug
    """Name of an account in cellctl.yaml; `sandbox` always exists and is simulated. Frozen once the cell exists."""
    region: units.Reference
    """Region, as the cloud spells it; frozen once the cell exists."""
    preset: Preset = "standard"
    """Fills what the file does not say: trial is small, standard is for work, gold is larger and keeps more."""
    placement: Literal["dedicated"] | Reef = "dedicated"
    """dedicated: everything is this cell's own; or `{reef: NAME}`: database host and gateway are shared."""
    octopus: Octopus
    """Octopus Server."""
    nodes: Nodes
    """Server nodes."""
    database: Database
    """The database."""
    storage: Storage
    """Shared files."""
    ingress: Ingress
    """How the cell is reached."""
    network: Network
    """The network."""
    maintenance: Maintenance = Maintenance()
    """When the cloud may patch."""
    protection: Protection = Protection()
    """Guards against mistakes."""


class CellSpec(Section):
    """One cell file, complete. Build one with `minimal`, `cellctl.spec.load` or `model_validate`."""

    api_version: Literal["cellctl/v1"] = "cellctl/v1"
    """Version of the file format."""
    kind: Literal["Cell"] = "Cell"
    """Always Cell."""
    metadata: Metadata
    """Who this cell is."""
    spec: CellBody
    """What it is made of."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: object) -> object:
        """Fill what the data does not say from its preset."""
        return presets.fill(data)

    @model_validator(mode="after")
    def _agree(self, info: ValidationInfo) -> Self:
        """Refuse fields that contradict each other."""
        broken = [] if info.context == DEFER_RULES else rules.findings(self)
        if broken:
            raise ValueError("; ".join(str(finding.problem) for finding in broken))
        return self

    @classmethod
    def minimal(
        cls, name: str, *, cloud: str, account: str = "sandbox", region: str, preset: str = "standard"
    ) -> CellSpec:
        """Return the spec of a cell of which only this much is known; everything else from the preset.

        Raises:
            SpecError: A value is not valid; every problem is listed.
        """
        from cellctl.spec.reading import validated

        body = {"cloud": cloud, "account": account, "region": region, "preset": preset}
        return validated({"metadata": {"name": name}, "spec": body})

    def to_json(self) -> dict[str, object]:
        """Return the whole spec as JSON-like data with the keys of the file."""
        return self.model_dump(mode="json", by_alias=True)

    def digest(self) -> str:
        """Return the sha256, in hex, of the canonical JSON: equal for equal specs, whatever their files look like."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()
