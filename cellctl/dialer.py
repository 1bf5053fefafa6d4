"""How provider `cellctl` and `verify` reach an endpoint: by its cloud name, through a Dialer.

In production a name is dialled as it is. In the sandbox the same name leads to a stand-in on a loopback port, so no
loopback address ever stands in an output, a state file or a plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """Where to connect for one name and port.

    `host` and `port` make the socket address. `url` is the endpoint to give an HTTP client or an SDK, empty for the
    SDK's own choice. `trust_anchor` is PEM text of the only CA to trust, empty for the system's.
    """

    host: str
    port: int
    url: str = ""
    trust_anchor: str = ""


@lru_cache(maxsize=8)
def trust(anchor: str) -> ssl.SSLContext:
    """Return the context of clients that trust one CA, or the system's for ``. It is shared: nobody may change it.

    Loading the system's certificates costs 20 ms, and the same endpoints are asked over and over.
    """
    import ssl

    return ssl.create_default_context(cadata=anchor or None)


class Dialer(Protocol):
    """Resolves names to routes."""

    def route(self, name: str, port: int) -> Route:
        """Return where `name`:`port` is reached.

        `name` is a DNS name, an address, or `service:<aws service>:<region>`. Where a dialer knows already that
        connecting fails, it raises the OSError that connecting would: callers treat both alike.
        """


class DirectDialer:
    """Names are dialled as they are: production with `reach: direct`."""

    def route(self, name: str, port: int) -> Route:
        """Return the name itself."""
        if name.startswith("service:"):
            return Route(host="", port=port)
        return Route(host=name, port=port)
