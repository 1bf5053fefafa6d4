"""Where the processes of a run ask for a secret that the program around cellctl has: a socket for this user alone.

A value goes from the program's memory into that of the process that needs it, when it needs it: never into arguments,
variables, files, states or logs. Only the socket's path stands in the environment (`VARIABLE`).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

VARIABLE = "CELLCTL_SECRETS"
_LONGEST = 4096
_WAIT_S = 30.0
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: socket(7), SO_PEERCRED


class SecretsDoor:
    """Answers for the length of a run. `resolve` returns the value of a reference, None where it has none."""

    def __init__(self, resolve: Callable[[str], str | None]) -> None:
        self._resolve = resolve
        self._folder = Path(tempfile.mkdtemp(prefix="cellctl-"))  # 0700; a home's path may be too long for a socket
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(self.path))
        self._server.listen()
        self._closed = False
        threading.Thread(target=self._serve, name="cellctl secrets", daemon=True).start()

    @property
    def path(self) -> Path:
        """Where the socket is."""
        return self._folder / "s"

    def close(self) -> None:
        """Answer no more."""
        self._closed = True
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes who accepts
        self._server.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        while not self._closed:
            try:
                asking, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(asking,), name="cellctl secret", daemon=True).start()

    def _answer(self, asking: socket.socket) -> None:
        with asking, suppress(OSError, ValueError):
            asking.settimeout(_WAIT_S)
            _, uid, _ = _CREDENTIALS.unpack(asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
            if uid != os.getuid():
                return
            with asking.makefile("rb") as lines:
                reference = str(json.loads(lines.readline(_LONGEST))["reference"])
            asking.sendall(json.dumps(self._answered(reference)).encode())

    def _answered(self, reference: str) -> dict[str, str | None]:
        try:
            return {"value": self._resolve(reference)}
        except Exception as error:  # of the caller's own; what it says may hold anything, so its kind alone is told
            return {"failed": type(error).__name__}
