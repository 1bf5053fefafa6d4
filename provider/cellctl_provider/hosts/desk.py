"""Serves providers of this process to the real CLI: each plugin that it starts is a visitor, and gets a port here.

A plugin of our own is an interpreter that imports for as long as a small preview takes. Where a run only looks, its
operation process, which has imported everything, serves the providers instead, one instance for each plugin process as
the protocol wants it; a visitor that ends takes its instance with it. Source: reference/pulumi.md 2.4.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cellctl_provider.hosts.plugin import PluginServer

if TYPE_CHECKING:
    from cellctl_provider.protocol import ProviderFactory

_LONGEST = 256
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: socket(7), SO_PEERCRED


class Desk:
    """Serves `factories`, by package, until it is closed. Only this user's processes are served."""

    def __init__(self, factories: Mapping[str, ProviderFactory]) -> None:
        self._factories = factories
        self._folder = Path(tempfile.mkdtemp(prefix="cellctl-"))  # 0700; a home's path may be too long for a socket
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(self.path))
        self._socket.listen()
        self._closed = False
        self._visits: set[socket.socket] = set()
        threading.Thread(target=self._receive, name="cellctl desk", daemon=True).start()

    @property
    def path(self) -> Path:
        """Where the socket is."""
        return self._folder / "s"

    def close(self) -> None:
        """Serve nobody any more."""
        self._closed = True
        for open_ in (self._socket, *self._visits):
            with suppress(OSError):
                open_.shutdown(socket.SHUT_RDWR)  # wakes who waits at it
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _receive(self) -> None:
        while not self._closed:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            self._visits.add(visitor)
            threading.Thread(target=self._serve, args=(visitor,), name="cellctl plugin", daemon=True).start()

    def _serve(self, visitor: socket.socket) -> None:
        """Serve one instance for as long as its visitor stays."""
        try:
            with visitor, suppress(OSError), visitor.makefile("rb") as words:
                _, uid, _ = _CREDENTIALS.unpack(
                    visitor.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
                )
                factory = self._factories.get(words.readline(_LONGEST).decode().strip())
                if uid == os.getuid() and factory is not None:
                    with closing(PluginServer(factory)) as server:
                        visitor.sendall(f"{server.port}\n".encode())
                        words.read()
        finally:
            self._visits.discard(visitor)
