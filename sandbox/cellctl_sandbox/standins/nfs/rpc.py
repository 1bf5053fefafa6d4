"""Remote procedure calls over TCP (RFC 5531) and their encoding (RFC 4506), as a server needs them."""

from __future__ import annotations

import contextlib
import socketserver
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from cellctl_sandbox.standins.web import NoAnswer, Serving

_LAST = 0x80000000
_LARGEST = 4 * 1024 * 1024
_AUTH_SYS = 1


class Reader:
    """Takes values off a message, in order; a message that is too short raises ValueError."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self) -> int:
        """Take a 32-bit number."""
        return int.from_bytes(self._take(4))

    def long(self) -> int:
        """Take a 64-bit number."""
        return int.from_bytes(self._take(8))

    def opaque(self) -> bytes:
        """Take bytes of variable length."""
        length = self.number()
        found = self._take(length)
        self._take(-length % 4)
        return found

    def _take(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            raise ValueError("the message ends early")
        self._at += count
        return found


def number(value: int) -> bytes:
    """Encode a 32-bit number."""
    return struct.pack(">I", value)


def opaque(value: bytes) -> bytes:
    """Encode bytes of variable length."""
    return number(len(value)) + value + b"\0" * (-len(value) % 4)


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """As whom a call was made (AUTH_SYS)."""

    uid: int = 65534
    gid: int = 65534


Procedure: TypeAlias = Callable[[Reader, Caller], bytes]
Program: TypeAlias = dict[int, Procedure]


class RpcListener(Serving):
    """Serves programs, by number and version, on an ephemeral loopback port."""

    def __init__(self, programs: dict[tuple[int, int], Program]) -> None:
        server = _Server(("127.0.0.1", 0), _Connection)
        server.programs = programs
        super().__init__(server)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    programs: dict[tuple[int, int], Program]


class _Connection(socketserver.StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer calls until the client goes away, says what is no call, or is to hear nothing."""
        self.connection.settimeout(30)
        with contextlib.suppress(OSError, ValueError, NoAnswer):
            while message := self._message():
                answer = answered(self.server.programs, message)
                self.wfile.write(number(_LAST | len(answer)) + answer)
                self.wfile.flush()

    def _message(self) -> bytes:
        """Return one message of as many fragments as it came in, empty at the end."""
        whole = b""
        while len(whole) <= _LARGEST:
            head = self.rfile.read(4)
            if len(head) < 4:
                return b""
            mark = int.from_bytes(head)
            whole += self.rfile.read(min(mark & ~_LAST, _LARGEST))
            if mark & _LAST:
                return whole
        return b""


def answered(programs: dict[tuple[int, int], Program], message: bytes) -> bytes:
    """Return the reply to a call."""
    call = Reader(message)
    head = number(call.number()) + number(1)
    if call.number() != 0 or call.number() != 2:
        return head + number(1) + number(0) + number(2) + number(2)  # denied: version 2 is what is spoken
    key, procedure = (call.number(), call.number()), call.number()
    caller = _caller(call)
    accepted = head + number(0) + number(0) + number(0)
    if key not in programs:
        return accepted + number(1)
    if procedure not in programs[key]:
        return accepted + number(3)
    try:
        return accepted + number(0) + programs[key][procedure](call, caller)
    except ValueError:
        return accepted + number(4)


def _caller(call: Reader) -> Caller:
    flavour, body = call.number(), Reader(call.opaque())
    call.number()
    call.opaque()
    if flavour != _AUTH_SYS:
        return Caller()
    body.number()
    body.opaque()
    return Caller(uid=body.number(), gid=body.number())
