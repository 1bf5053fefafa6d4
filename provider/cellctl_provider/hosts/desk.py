"""Serves providers of this process to the real CLI: each plugin that it starts is a visitor, and gets a port here.

A plugin of our own is an interpreter that imports for as long as a small preview takes. Where a run only looks, its
operation process, which has imported everything, serves the providers instead, one instance for each plugin process as
the protocol wants it; a visitor that ends takes its instance with it. Source: reference/pulumi.md 2.4.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl.local_socket import LocalSocket
from cellctl_provider.hosts.plugin import PluginServer

if TYPE_CHECKING:
    from cellctl_provider.protocol import ProviderFactory

_LONGEST = 256


class Desk:
    """Serves `factories`, by package, until it is closed. Only this user's processes are served."""

    def __init__(self, factories: Mapping[str, ProviderFactory]) -> None:
        self._factories = factories
        self._socket = LocalSocket(self._serve, name="cellctl desk")

    @property
    def path(self) -> Path:
        """Where the socket is."""
        return self._socket.path

    def close(self) -> None:
        """Serve nobody any more."""
        self._socket.close()

    def _serve(self, visitor: socket.socket) -> None:
        """Serve one instance for as long as its visitor stays."""
        with visitor.makefile("rb") as words:
            factory = self._factories.get(words.readline(_LONGEST).decode().strip())
            if factory is not None:
                with closing(PluginServer(factory)) as server:
                    visitor.sendall(f"{server.port}\n".encode())
                    words.read()
