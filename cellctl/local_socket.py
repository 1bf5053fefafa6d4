"""A socket in the file system that serves this user's processes on this machine, and nobody else.

door = LocalSocket(answer, name="cellctl secrets")     # `answer(visitor)` runs on a thread for each connection
door.path                                              # what the processes are told
door.close()
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: socket(7), SO_PEERCRED


class LocalSocket:
    """Answers until it is closed. `answer` gets a connection that is closed after it; what breaks off is its end."""

    def __init__(self, answer: Callable[[socket.socket], None], *, name: str) -> None:
        self._answer, self._name = answer, name
        self._folder = Path(tempfile.mkdtemp(prefix="cellctl-"))  # 0700; a home's path may be too long for a socket
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(self.path))
        self._server.listen()
        self._closed = False
        self._visitors: set[socket.socket] = set()
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    @property
    def path(self) -> Path:
        """Where the socket is."""
        return self._folder / "s"

    def close(self) -> None:
        """Answer no more: whoever is connected hears the end."""
        self._closed = True
        for one in (self._server, *self._visitors):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes who waits at it
        self._server.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        while not self._closed:
            try:
                visitor, _ = self._server.accept()
            except OSError:
                return
            self._visitors.add(visitor)
            threading.Thread(target=self._meet, args=(visitor,), name=self._name, daemon=True).start()

    def _meet(self, visitor: socket.socket) -> None:
        try:
            with visitor, suppress(OSError, ValueError):
                told = visitor.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
                if _CREDENTIALS.unpack(told)[1] == os.getuid():
                    self._answer(visitor)
        finally:
            self._visitors.discard(visitor)
