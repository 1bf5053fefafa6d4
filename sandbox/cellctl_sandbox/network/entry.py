"""What stands behind a port of a load balancer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One target of a port. `why` says what keeps the balancer, its probe or its clients from reaching it, `` nothing.

    It is healthy if it listens on `health_port` and, where there is a `health_path`, answers it with 200.
    """

    address: str
    port: int
    health_port: int
    health_path: str = ""
    health_tls: bool = False
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Redirect:
    """How a port sends everybody on: to the same address under HTTPS, on another port."""

    status: int
    port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A port of a load balancer. Those that end TLS speak HTTPS themselves, others pass TCP through, or redirect."""

    balancer: str
    port: int
    targets: tuple[Target, ...]
    ends_tls: bool = False
    redirect: Redirect | None = None
