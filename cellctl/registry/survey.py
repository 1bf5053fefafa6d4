"""What the state of one cell says that it has: values that are recorded, and compared with what is recorded."""

from __future__ import annotations

from dataclasses import dataclass

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

    `state` is `in_service` with nodes, `retained` with data alone, `requested` with neither.
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
    holds_data: bool = False
    url: str = ""
    polling: str = ""
    host: HostSeen | None = None
    gateway: GatewaySeen | None = None
    shares: tuple[ShareSeen, ...] = ()
    nodes: tuple[NodeSeen, ...] = ()
