"""The bytes under the packets: a socket, PRELOGIN, and TLS whose handshake travels inside PRELOGIN packets.

Source: [MS-TDS] 2.2.6.5 and 3.3.5.1. The server insists on encryption of everything, as Azure SQL does and RDS with
`rds.force_ssl=1`.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from dataclasses import dataclass

from cellctl_sandbox.standins.tds.packets import (
    Disconnected,
    PacketType,
    read_message,
    write_message,
)

_VERSION, _ENCRYPTION, _INSTANCE, _THREAD, _MARS, _TRACE, _FEDAUTH = range(7)
_END = 0xFF
_ENCRYPT_NOT_SUPPORTED, _ENCRYPT_REQUIRED, _ENCRYPT_ON = 2, 3, 1
SERVER_VERSION = bytes((16, 0)) + struct.pack(">H", 4150) + b"\0\0"


class SocketStream:
    """A plain socket as a byte stream."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection

    def receive(self, size: int) -> bytes:
        """Return up to `size` bytes; nothing if the peer is gone."""
        try:
            return self.socket.recv(size)
        except OSError as problem:
            raise Disconnected(str(problem)) from None

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self.socket.sendall(data)
        except OSError as problem:
            raise Disconnected(str(problem)) from None


class TlsStream:
    """TLS over a socket; the handshake is wrapped in PRELOGIN packets, what follows is not."""

    def __init__(self, plain: SocketStream, context: ssl.SSLContext) -> None:
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._shake_hands()

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush_wrapped()
                self._incoming.write(read_message(self._plain).payload)
            except ssl.SSLError as problem:
                self._flush_wrapped()
                raise Disconnected(f"TLS handshake failed: {problem.reason}") from None
            else:
                self._flush_wrapped()
                return

    def _flush_wrapped(self) -> None:
        data = self._outgoing.read()
        if data:
            with contextlib.suppress(Disconnected):
                write_message(self._plain, PacketType.PRELOGIN, data)

    def receive(self, size: int) -> bytes:
        """Return up to `size` bytes in clear; nothing if the peer is gone."""
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                data = self._plain.receive(65536)
                if not data:
                    return b""
                self._incoming.write(data)
            except ssl.SSLError:
                return b""

    def send(self, data: bytes) -> None:
        """Encrypt and send all of `data`."""
        self._tls.write(data)
        self._plain.send(self._outgoing.read())


@dataclass(frozen=True, slots=True)
class PreloginOptions:
    """What the client said in PRELOGIN."""

    encryption: int
    fedauth: bool


def parse_prelogin(payload: bytes) -> PreloginOptions:
    """Return the options of a client's PRELOGIN payload."""
    options: dict[int, bytes] = {}
    position = 0
    while position < len(payload) and payload[position] != _END:
        if position + 5 > len(payload):
            raise Disconnected("a cut PRELOGIN")
        token, offset, length = struct.unpack_from(">BHH", payload, position)
        options[token] = payload[offset : offset + length]
        position += 5
    encryption = options.get(_ENCRYPTION, b"\2")
    return PreloginOptions(
        encryption=encryption[0] if encryption else _ENCRYPT_NOT_SUPPORTED,
        fedauth=options.get(_FEDAUTH, b"\0") == b"\1",
    )


def prelogin_reply(*, fedauth: bool) -> bytes:
    """Return the server's PRELOGIN payload: encryption required, no MARS."""
    fields = {_VERSION: SERVER_VERSION, _ENCRYPTION: bytes([_ENCRYPT_REQUIRED]), _INSTANCE: b"\0", _MARS: b"\0"}
    if fedauth:
        fields[_FEDAUTH] = b"\1"
    head, body = bytearray(), bytearray()
    start = 5 * len(fields) + 1
    for token, value in fields.items():
        head += struct.pack(">BHH", token, start + len(body), len(value))
        body += value
    return bytes(head) + bytes([_END]) + bytes(body)


def accept(connection: socket.socket, context: ssl.SSLContext) -> tuple[TlsStream, PreloginOptions]:
    """Do PRELOGIN and the TLS handshake; raises `Disconnected` for a client that will not encrypt."""
    plain = SocketStream(connection)
    hello = read_message(plain)
    if hello.type != PacketType.PRELOGIN:
        raise Disconnected("the first message is not PRELOGIN")
    options = parse_prelogin(hello.payload)
    write_message(plain, PacketType.REPLY, prelogin_reply(fedauth=options.fedauth))
    if options.encryption == _ENCRYPT_NOT_SUPPORTED:
        raise Disconnected("the client does not encrypt, and encryption is required")
    return TlsStream(plain, context), options
