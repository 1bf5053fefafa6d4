"""What the simulated cloud knows of a cell's nodes: which exist, when they are up, what they were told at boot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cellctl_provider.octopus.machines import System

DEFAULT_CAP = 5
"""Task cap of a node that joins and was told nothing else (reference/octopus.md 38)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodePort:
    """One port a node listens on. `probe_only` answers the health probe alone, `polling` Tentacles and gRPC."""

    port: int
    tls: bool = False
    probe_only: bool = False
    polling: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstAdministrator:
    """Whom the bootstrap of the first node makes administrator; `password_secret` is a reference."""

    username: str
    email: str
    password_secret: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeFacts:
    """One node as the simulated cloud has it.

    `up_from_s` is when Octopus Server answers for the first time (machine, boot, installation), `database` tells
    whether the cell's database exists and `store` which one it is, `tls_names` are the names its certificate carries.
    `machine` is the id of the machine, `version` what its boot installs, `task_cap` what it joins with. `hindered` says
    why the server does not work (whom it cannot reach, what it may not use), `` if it does. `queue` says why the queue
    of polling Tentacles does not serve it, `` if it does, None where the node was told of none. `system` is what its
    machine runs.
    """

    cell: str
    name: str
    address: str
    ports: Sequence[NodePort]
    up_from_s: float
    database: bool
    version: str
    tls_names: Sequence[str] = ()
    machine: str = ""
    store: str = ""
    task_cap: int = DEFAULT_CAP
    administrator: FirstAdministrator | None = None
    hindered: str = ""
    queue: str | None = None
    system: System = "windows"

    @property
    def works(self) -> bool:
        """Whether the server can work at all once it is up."""
        return self.database and not self.hindered


class NodeCatalogue(Protocol):
    """The simulated cloud's view of nodes; asked at every connection and request."""

    def nodes(self, cell: str = "") -> Sequence[NodeFacts]:
        """Return the nodes of a cell, `` for all, that exist now, whether they are up or not."""

    def now(self) -> float:
        """Return simulated seconds."""
