"""Remote procedure calls over one TCP connection (RFC 5531): a call goes out, its answer comes back."""

from __future__ import annotations

import itertools
import socket
import struct
from dataclasses import dataclass

_LAST = 0x80000000
_LARGEST = 4 * 1024 * 1024
_TIMEOUT_S = 10.0
_MACHINE = b"cellctl"


class CallFailed(OSError):
    """The other side speaks, and does not carry out the call."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """As whom calls are made (AUTH_SYS)."""

    uid: int
    gid: int


class Answer:
    """Takes values off an answer, in order; one that ends early raises CallFailed."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self) -> int:
        """Take a 32-bit number."""
        return int.from_bytes(self.taken(4))

    def opaque(self) -> bytes:
        """Take bytes of variable length."""
        length = self.number()
        found = self.taken(length)
        self.taken(-length % 4)
        return found

    def taken(self, count: int) -> bytes:
        """Take a number of bytes."""
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            raise CallFailed("the answer ends early")
        self._at += count
        return found


def opaque(value: bytes) -> bytes:
    """Encode bytes of variable length."""
    return struct.pack(">I", len(value)) + value + b"\0" * (-len(value) % 4)


class Line:
    """A connection to one program. Raises OSError whenever the other side cannot be spoken with."""

    def __init__(self, address: tuple[str, int], program: tuple[int, int], identity: Identity) -> None:
        self._socket = socket.create_connection(address, timeout=_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._program, self._identity = program, identity
        self._numbers = itertools.count(1)

    def call(self, procedure: int, arguments: bytes) -> Answer:
        """Call a procedure and return what it answers."""
        number = next(self._numbers)
        who = struct.pack(">I", 0) + opaque(_MACHINE) + struct.pack(">3I", self._identity.uid, self._identity.gid, 0)
        head = struct.pack(">6I", number, 0, 2, *self._program, procedure)
        message = head + struct.pack(">I", 1) + opaque(who) + struct.pack(">2I", 0, 0) + arguments
        self._socket.sendall(struct.pack(">I", _LAST | len(message)) + message)
        answer = Answer(self._message())
        if answer.number() != number or answer.number() != 1 or answer.number() != 0:
            raise CallFailed("the call was denied")
        answer.number()
        answer.opaque()
        if status := answer.number():
            raise CallFailed(f"the call was not accepted ({status})")
        return answer

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _message(self) -> bytes:
        whole = b""
        while len(whole) <= _LARGEST:
            mark = int.from_bytes(self._exactly(4))
            whole += self._exactly(min(mark & ~_LAST, _LARGEST))
            if mark & _LAST:
                return whole
        raise CallFailed("the answer is too long")

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            part = self._socket.recv(count - len(found))
            if not part:
                raise CallFailed("the connection was closed")
            found += part
        return found
