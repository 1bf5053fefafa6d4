"""What the state of one cell or reef says that it has: values that are recorded, and compared with the records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cellctl.registry.journal import CellKey


@dataclass(frozen=True, kw_only=True, slots=True)
class HostSeen:
    """The database host, and the cell's database on it."""

    name: str
    kind: str
    size: str
    ha_mode: str
    endpoint: str
    database: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewaySeen:
    """The gateway or storage account."""

    name: str
    kind: str
    protocol: str
    object_id: str
    instance_id: str = ""
    address: str = ""
    dns_name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareSeen:
    """One share. `kind` is what the cell keeps there, `` where nothing; `clients` None where no list admits them."""

    share_id: str
    name: str
    bucket: str
    kind: str
    clients: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeSeen:
    """One node as the last run or refresh saw it; `state` is one of the registry's."""

    ordinal: int
    name: str
    address: str
    version: str
    task_cap: int
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """A cell as its state has it. `host` and `gateway` are None where there is none (yet, or any more).

    `place` is what it was told of its place on a reef, empty for a dedicated cell. `state` is `in_service` with nodes,
    `retained` with data alone, `requested` with neither. `accounts_apart`: storage accounts besides the cell's own.
    """

    key: CellKey
    incarnation: int
    state: str
    owner: str = ""
    octopus_version: str = ""
    spec_digest: str = ""
    licence: str = ""
    node_limit: int = 0
    master_key: str = ""
    master_key_version: str = ""
    holds_data: bool = False
    url: str = ""
    polling: str = ""
    host: HostSeen | None = None
    gateway: GatewaySeen | None = None
    shares: tuple[ShareSeen, ...] = ()
    nodes: tuple[NodeSeen, ...] = ()
    place: Mapping[str, object] = field(default_factory=dict)
    accounts_apart: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ReefHost:
    """A database host of a reef. `place`: what a cell that is placed there must know of it."""

    name: str
    kind: str
    size: str
    ha_mode: str
    endpoint: str
    place: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReefGateway:
    """A gateway of a reef with its shares in order: id, name and bucket of each. `place` as of a host.

    `keeps`: shares outlive the cells that used them, so one of which nothing is known may hold a customer's files.
    """

    seen: GatewaySeen
    zone: str
    shares: tuple[tuple[str, str, str], ...]
    place: Mapping[str, object]
    keeps: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class ReefBalancer:
    """A load balancer that a reef's cells share, with a slot for each of them. `place` as of a host."""

    name: str
    kind: str
    object_id: str
    slots: int
    place: Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReefSurvey:
    """A reef as its state has it; `whole` once everything in it is complete and was looked at.

    `place` is empty where its program has not come so far; `building` are gateways that it does not tell of yet, each
    with the state that it has come to.
    """

    key: CellKey
    max_cells: int
    whole: bool
    hosts: tuple[ReefHost, ...]
    gateways: tuple[ReefGateway, ...]
    place: Mapping[str, object]
    protocol: str = ""
    building: Mapping[str, str] = field(default_factory=dict)
    balancers: tuple[ReefBalancer, ...] = ()
