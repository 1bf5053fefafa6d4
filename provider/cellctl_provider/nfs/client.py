"""Mount a share and write, read and remove files directly in it. Procedures and status codes: RFC 1813, 1995-06."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from cellctl.dialer import Dialer
from cellctl_provider.nfs.calls import Answer, Identity, Line, opaque

NFS_PORT, MOUNT_PORT = 2049, 20048
"""The mount service's port is that of AWS's gateways (Storage Gateway user guide, network requirements)."""

_MOUNT, _NFS = (100005, 3), (100003, 3)
_LOOK_UP, _READ, _WRITE, _CREATE, _REMOVE = 3, 6, 7, 8, 12
_FILE_SYNC = 2
_AT_ONCE = 64 * 1024
_ATTRIBUTES = 84
_WORDS = {
    1: "not the owner", 2: "no such file or share", 5: "an input or output error", 13: "access denied",
    17: "it exists already", 20: "not a folder", 28: "no space left", 30: "the share is read-only",
    69: "over quota", 70: "a stale handle", 10004: "not supported", 10006: "the server failed",
}  # fmt: skip


class NfsError(OSError):
    """The server refuses. `status` is its code: 13 access denied, 2 no such file or share."""

    def __init__(self, what: str, status: int) -> None:
        super().__init__(f"{what}: {_WORDS.get(status, f'NFS error {status}')}")
        self.status = status


@contextmanager
def mounted(dialer: Dialer, host: str, share: str, identity: Identity) -> Iterator[Share]:
    """Mount `share` of a gateway for the block.

    Raises:
        NfsError: The gateway does not let us (`status` 13), or has no such share (2).
        OSError: It cannot be reached.
    """
    root = _root(dialer, host, share, identity)
    line = _line(dialer, host, NFS_PORT, _NFS, identity)
    try:
        yield Share(line, root)
    finally:
        line.close()


class Share:
    """A mounted share."""

    def __init__(self, line: Line, root: bytes) -> None:
        self._line, self._root = line, root

    def write(self, name: str, data: bytes) -> None:
        """Make a file, or replace the beginning of one.

        Raises:
            NfsError: The server refuses.
        """
        mode = struct.pack(">3I", 0, 1, 0o660) + struct.pack(">5I", 0, 0, 0, 0, 0)
        answer = self._call(_CREATE, self._entry(name) + mode, f"making {name}")
        handle = answer.opaque() if answer.number() else self._found(name)
        for at in range(0, len(data), _AT_ONCE):
            part = data[at : at + _AT_ONCE]
            where = struct.pack(">QII", at, len(part), _FILE_SYNC)
            self._call(_WRITE, opaque(handle) + where + opaque(part), f"writing {name}")

    def read(self, name: str, limit: int) -> bytes:
        """Return the beginning of a file, `limit` bytes at most.

        Raises:
            NfsError: There is none, or the server refuses.
        """
        wanted = opaque(self._found(name)) + struct.pack(">QI", 0, limit)
        answer = self._call(_READ, wanted, f"reading {name}")
        _skip_attributes(answer)
        answer.taken(8)
        return answer.opaque()

    def remove(self, name: str) -> None:
        """Remove a file.

        Raises:
            NfsError: There is none, or the server refuses.
        """
        self._call(_REMOVE, self._entry(name), f"removing {name}")

    def _found(self, name: str) -> bytes:
        return self._call(_LOOK_UP, self._entry(name), f"finding {name}").opaque()

    def _entry(self, name: str) -> bytes:
        return opaque(self._root) + opaque(name.encode())

    def _call(self, procedure: int, arguments: bytes, what: str) -> Answer:
        answer = self._line.call(procedure, arguments)
        if status := answer.number():
            raise NfsError(what, status)
        return answer


def _root(dialer: Dialer, host: str, share: str, identity: Identity) -> bytes:
    line = _line(dialer, host, MOUNT_PORT, _MOUNT, identity)
    try:
        answer = line.call(1, opaque(f"/{share}".encode()))
    finally:
        line.close()
    if status := answer.number():
        raise NfsError(f"mounting {share}", status)
    return answer.opaque()


def _line(dialer: Dialer, host: str, port: int, program: tuple[int, int], identity: Identity) -> Line:
    route = dialer.route(host, port)
    return Line((route.host, route.port), program, identity)


def _skip_attributes(answer: Answer) -> None:
    if answer.number():
        answer.taken(_ATTRIBUTES)
