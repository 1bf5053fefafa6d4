"""The sandbox's Dialer: a cloud's name and port lead to a stand-in on loopback, started when first asked for.

Before anything else the simulated network is asked: what it does not let through raises what connecting would. A name
that nothing serves leads to a loopback port that refuses connections, which is what a client would meet.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cellctl.dialer import Route

_NOBODY = 1  # a port below 1024 that nothing listens on


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedName:
    """One name that a stand-in answers for, and where: what `cellctl sandbox serve` prints.

    `what` says in a few words what it is; `try_it` is a command that works while it is served.
    """

    name: str
    port: int
    what: str
    route: Route
    try_it: str = ""


class Standin(Protocol):
    """Serves a part of the data plane on loopback, lazily; methods are called from many threads."""

    def route(self, name: str, port: int) -> Route | None:
        """Return where `name`:`port` is served, starting a listener on first use; None if it is not this one's.

        None also where the simulated object does not exist (yet): asked again at each dial.
        """

    def names(self) -> Sequence[tuple[str, int, str]]:
        """Return (name, port, what) of all that exists now and could be dialled."""

    def close(self) -> None:
        """Stop all listeners."""


class Way(Protocol):
    """The network between cellctl and the stand-ins."""

    def dialled(self, name: str, port: int) -> None:
        """Let a dial through, or raise the OSError that its client meets."""


class SandboxDialer:
    """Asks the way, then each stand-in in turn; names nobody serves refuse connections."""

    def __init__(self, standins: Sequence[Standin], *, way: Way | None = None) -> None:
        self._standins = tuple(standins)
        self._way = way
        self._lock = threading.Lock()
        self._refusing: socket.socket | None = None
        self._closed = False

    def route(self, name: str, port: int) -> Route:
        """Return the route to the stand-in of `name`:`port`.

        Raises:
            OSError: The network lets nothing through; the text names the hop.
        """
        if self._closed:
            return Route(host="127.0.0.1", port=_NOBODY)
        if self._way is not None:
            self._way.dialled(name, port)
        return self.inside(name, port)

    def inside(self, name: str, port: int) -> Route:
        """Return the route for somebody whose own way was judged already."""
        for standin in self._standins:
            route = standin.route(name, port)
            if route is not None:
                return route
        return Route(host="127.0.0.1", port=self._refusing_port())

    def served(self) -> list[ServedName]:
        """Start everything that exists now and return where each name is served."""
        found = []
        for standin in self._standins:
            for name, port, what in standin.names():
                route = standin.route(name, port)
                if route is not None:
                    found.append(ServedName(name=name, port=port, what=what, route=route, try_it=_try(what, route)))
        return found

    def close(self) -> None:
        """Stop all stand-ins; from now on every name refuses connections."""
        self._closed = True
        for standin in self._standins:
            standin.close()
        with self._lock, contextlib.suppress(OSError):
            if self._refusing is not None:
                self._refusing.close()
                self._refusing = None

    def _refusing_port(self) -> int:
        """Return a port that is bound and does not listen: connecting to it is refused, and nobody can take it."""
        with self._lock:
            if self._refusing is None:
                self._refusing = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                self._refusing.bind(("127.0.0.1", 0))
            port: int = self._refusing.getsockname()[1]
            return port


_TRY = (
    ("AWS API storagegateway", "aws --endpoint-url {url} storagegateway list-gateways"),
    ("AWS API", "aws --endpoint-url {url} …"),
    ("activation port", "curl '{url}/?activationRegion=eu-west-1&no_redirect'"),
    ("Octopus Server", "curl -k {url}/api/octopusservernodes/ping"),
    ("Key Vault", "curl -k -H 'Host: NAME.vault.azure.net' '{url}/secrets/NAME?api-version=7.4'"),
    ("file shares", "nfs-ls 'nfs://127.0.0.1/SHARE?version=3&nfsport={port}&mountport={port}'"),
    ("SQL Server", "sqlcmd -S 127.0.0.1,{port} -C -U LOGIN"),
    ("Azure SQL", "sqlcmd -S 127.0.0.1,{port} -C -G"),
)


def _try(what: str, route: Route) -> str:
    """Return a command to try on what is served, `` if there is none."""
    pattern = next((command for start, command in _TRY if what.startswith(start)), "")
    return pattern.format(url=route.url, port=route.port)
