"""What stands behind a port of a load balancer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One target of a port. `why` says what keeps the balancer, its probe or its clients from reaching it, `` nothing.

    It is healthy if it listens on `health_port` and, where there is a `health_path`, answers it with a status of
    `healthy` (numbers or ranges). `zone` is where it is, as its balancer counts. `tls_name` is what its certificate
    must be for, `` where it is spoken to in clear.
    """

    address: str
    port: int
    health_port: int
    health_path: str = ""
    healthy: tuple[str, ...] = ("200",)
    tls_name: str = ""
    why: str = ""
    zone: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Zones:
    """The zones of a balancer whose addresses send only to targets in their own.

    A zone in which one of its `groups` of targets has no healthy one is taken out of its name; if that is so of every
    zone, none is.
    """

    names: tuple[str, ...]
    groups: tuple[tuple[Target, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Redirect:
    """How a port sends everybody on: to the same address under HTTPS, on another port."""

    status: int
    port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A port of a load balancer. Those that end TLS speak HTTPS themselves, others pass TCP through, or redirect.

    `zones` is None where every address leads to every target. `shows` are the names in the certificate that a client
    is shown, empty for whichever it asks for. `turns_away` is the status of a port that has nothing for this name.
    `unserved` is the status of a request for which no target is healthy.
    `largest_body` is how many bytes a request may have, `largest_file` if it uploads a file; 0 without a limit.
    """

    balancer: str
    port: int
    targets: tuple[Target, ...]
    ends_tls: bool = False
    redirect: Redirect | None = None
    zones: Zones | None = None
    shows: tuple[str, ...] = ()
    turns_away: int = 0
    unserved: int = 504
    largest_body: int = 0
    largest_file: int = 0
