"""The model of a reef file: shared capacity on which cells are placed. Values only; frozen, picklable."""
# What pydantic's dataclass transform synthesises for each class holds Any; nothing written here does.
# mypy: disable-error-code="explicit-any"

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import Field

from cellctl import units
from cellctl.spec.model import CloudName, Edition, ExistingNetwork, Maintenance, Protection, Section

DEFAULT_CIDR = "10.64.0.0/16"


class ReefMetadata(Section):
    """Which reef this is."""

    name: units.Name
    """The reef's name: unique in its account, part of every cloud name, never changed."""
    owner: units.Plain = ""
    """The team or person that answers for the reef; becomes a tag."""
    labels: dict[units.LabelKey, units.Plain] = Field(default_factory=dict, max_length=20)
    """Free labels; become tags."""


class ReefDatabase(Section):
    """The database hosts that cells share; every cell has a database and a login of its own."""

    hosts: int = Field(default=1, ge=1, le=10)
    """How many hosts; `cellctl reef expand` adds one."""
    tier: Literal["small", "standard", "large"] = "standard"
    """Size of each host: on AWS 30, 75 and 75 databases, on Azure 25, 50 and 50; a tenth is for restores."""
    multi_zone: bool = True
    """Keep a synchronous copy in a second zone."""
    retention_days: units.RetentionDays = 14
    """How many days point-in-time backups are kept."""
    geo_backup: bool = False
    """Keep a copy of the backups in another region."""
    edition: Edition = "standard"
    """Edition of SQL Server, licence included, AWS only; frozen once the reef exists. web is for public sites alone."""
    authentication: Literal["entra", "sql"] | None = None
    """Azure: entra (so without it): identities alone sign in; sql: cells may ask for passwords. Frozen once it is."""


class ActiveDirectory(Section):
    """The domain that gateways join, so that SMB shares know who mounts them."""

    domain: units.Host
    """DNS name of the domain."""
    organizational_unit: units.Plain
    """Distinguished name of the unit that gateways join."""
    join_secret: units.Reference
    """Secret with `username` and `password` of whoever may join machines; ARN, or a name below `octopus/`."""
    controllers: tuple[units.PrivateAddress, ...] = Field(default=(), strict=False, max_length=6)
    """Addresses of domain controllers; without them they are found by DNS, and are in the reef's own network."""


class ReefStorage(Section):
    """The gateways that cells share: each has ten bucket and share pairs, and a cell takes one pair. Not on Azure."""

    gateways: int = Field(default=1, ge=1, le=20)
    """How many gateways; `cellctl reef expand` adds one."""
    protocol: Literal["nfs", "smb"] = "nfs"
    """How nodes mount. On a shared gateway SMB needs activeDirectory: guests are one user for every cell."""
    size_gib: units.SizeGiB = Field(default=2000, alias="sizeGiB")
    """Expected size of all files behind one gateway; its cache is a fifth of it."""
    cache_gib: tuple[units.CacheGiB, ...] = Field(default=(), strict=False, max_length=4, alias="cacheGiB")
    """Disks of each gateway's cache; without them one of a fifth of `sizeGiB`. One that runs grows by a disk more."""
    into_service: Literal["automatic", "manual"] = "automatic"
    """Whether `cellctl reef up` brings a new gateway into service once its gates hold, or a person does."""
    active_directory: ActiveDirectory | None = None
    """The domain that the gateways join; for SMB."""


class ReefIngress(Section):
    """Load balancers for all cells of the reef, instead of two for each cell."""

    shared: bool = False
    """Whether cells share the reef's load balancers; cells that came before keep their own. Never taken back."""
    exposure: Literal["internal", "public"] = "internal"
    """internal: private addresses only; public: addresses on the internet, still limited to `allow`."""
    allow: tuple[units.Cidr, ...] = Field(default=("10.0.0.0/8",), strict=False, min_length=1, max_length=20)
    """Ranges that may connect. Where cells share balancers, their files say the same; on Azure they may say less."""
    ports_per_cell: int = Field(default=5, ge=2, le=9, alias="portsPerCell")
    """Ports for Tentacles that each cell has: one for each node, one for gRPC. With 5 ten cells share a balancer."""


class ReefNetwork(Section):
    """The network that the reef and its cells share."""

    cidr: units.NetworkCidr = DEFAULT_CIDR
    """Range of the network, /16 to /20: the nodes of all cells on the reef live in it."""
    existing: ExistingNetwork | None = None
    """A network that is already there; then `cidr` says nothing. Its subnets need room for the nodes of maxCells."""


class ReefBody(Section):
    """Everything about a reef but its name."""

    cloud: CloudName
    """aws or azure; frozen once the reef exists."""
    account: units.Slug
    """Name of an account in cellctl.yaml; `sandbox` always exists and is simulated. Frozen once the reef exists."""
    region: units.Reference
    """Region, as the cloud spells it; frozen once the reef exists."""
    max_cells: int = Field(default=50, ge=1, le=500)
    """Most cells at once: how many customers one accident may touch."""
    low_water: int = Field(default=3, ge=0, le=100)
    """Free databases or shares below which `cellctl reef status` says so, and `cellctl reef expand` proposes more."""
    database: ReefDatabase = ReefDatabase()
    """Database hosts."""
    storage: ReefStorage = ReefStorage()
    """Gateways."""
    ingress: ReefIngress = ReefIngress()
    """Load balancers that cells share."""
    network: ReefNetwork = ReefNetwork()
    """The network."""
    maintenance: Maintenance = Maintenance()
    """When the cloud may patch."""
    protection: Protection = Protection()
    """Guards against mistakes."""


class ReefSpec(Section):
    """One reef file, complete."""

    api_version: Literal["cellctl/v1"] = "cellctl/v1"
    """Version of the file format."""
    kind: Literal["Reef"] = "Reef"
    """Always Reef."""
    metadata: ReefMetadata
    """Which reef this is."""
    spec: ReefBody
    """What it is made of."""

    @classmethod
    def minimal(cls, name: str, *, cloud: str, account: str = "sandbox", region: str) -> ReefSpec:
        """Return the spec of a reef of which only this much is known."""
        body = {"cloud": cloud, "account": account, "region": region}
        return cls.model_validate({"metadata": {"name": name}, "spec": body})

    def to_json(self) -> dict[str, object]:
        """Return the whole spec as JSON-like data with the keys of the file."""
        return self.model_dump(mode="json", by_alias=True)

    def digest(self) -> str:
        """Return the sha256, in hex, of the canonical JSON: equal for equal specs, whatever their files look like."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()
