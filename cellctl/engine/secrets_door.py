"""Where the processes of a run ask for a secret that the program around cellctl has: a socket for this user alone.

A value goes from the program's memory into that of the process that needs it, when it needs it: never into arguments,
variables, files, states or logs. Only the socket's path stands in the environment (`VARIABLE`).
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

from cellctl.local_socket import LocalSocket

VARIABLE = "CELLCTL_SECRETS"
_LONGEST = 4096
_WAIT_S = 30.0


class SecretsDoor:
    """Answers for the length of a run. `resolve` returns the value of a reference, None where it has none."""

    def __init__(self, resolve: Callable[[str], str | None]) -> None:
        self._resolve = resolve
        self._socket = LocalSocket(self._answer, name="cellctl secrets")

    @property
    def path(self) -> Path:
        """Where the socket is."""
        return self._socket.path

    def close(self) -> None:
        """Answer no more."""
        self._socket.close()

    def _answer(self, asking: socket.socket) -> None:
        asking.settimeout(_WAIT_S)
        with asking.makefile("rb") as lines:
            reference = str(json.loads(lines.readline(_LONGEST))["reference"])
        asking.sendall(json.dumps(self._answered(reference)).encode())

    def _answered(self, reference: str) -> dict[str, str | None]:
        try:
            return {"value": self._resolve(reference)}
        except Exception as error:  # of the caller's own; what it says may hold anything, so its kind alone is told
            return {"failed": type(error).__name__}
