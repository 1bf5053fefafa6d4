"""The socket under python-tds: TLS inside PRELOGIN packets, with the standard library's certificate checks.

python-tds 1.17 checks host names through calls that pyOpenSSL 24 removed, so it fails closed on every certificate
whose common name is not the host; here `ssl` checks the chain and the name before a login packet is sent. python-tds
is told that there is no encryption and talks in clear to this object, which encrypts everything.

Source: [MS-TDS] 2.2.3, 2.2.6.5.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import sys

from cellctl.dialer import Route
from cellctl.facts.roots import root_of

_PRELOGIN, _REPLY = 0x12, 0x04
_HEADER = struct.Struct(">BBHHBB")
_VERSION, _ENCRYPTION, _INSTANCE, _THREAD, _MARS, _FEDAUTH = 0, 1, 2, 3, 4, 6
_END = 0xFF
_ON, _NOT_SUPPORTED, _REQUIRED = 1, 2, 3
_CHUNK = 65536


class ChannelError(OSError):
    """The server does not speak TDS, does not encrypt, or its certificate is not trusted."""


class AttemptFailed(Exception):
    """Ends python-tds' own retry loop, which would reuse a socket that is gone; the cause is the real failure."""


class Rerouted(AttemptFailed):
    """The server sends its client on to a worker of its own (Azure SQL, connection policy Redirect)."""

    def __init__(self, server: str, port: int) -> None:
        super().__init__()
        self.server, self.port = server, port


class Channel:
    """A socket-like object for `pytds.connect(sock=…)`, encrypted from the first login byte on."""

    def __init__(self, route: Route, server_name: str, *, timeout_s: float, fedauth: bool = False) -> None:
        self._context = ssl.create_default_context(cadata=route.trust_anchor or root_of(server_name) or None)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context.maximum_version = ssl.TLSVersion.TLSv1_2  # TDS 7.4 has no TLS 1.3
        self._socket = socket.create_connection((route.host, route.port), timeout_s)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = self._context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._pretended = b""
        self._login_reply = bytearray()
        self.established = False
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            echo = self._say_hello(fedauth=fedauth)
            self._shake_hands()
        except BaseException:
            self._socket.close()
            raise
        self._pretended = _packet(_REPLY, _options({_ENCRYPTION: bytes([_NOT_SUPPORTED]), **echo}))

    def _say_hello(self, *, fedauth: bool) -> dict[int, bytes]:
        """Exchange PRELOGIN and return what python-tds must know of the answer."""
        fields = {
            _VERSION: b"\1\0\0\0\0\0",
            _ENCRYPTION: bytes([_ON]),
            _INSTANCE: b"\0",
            _THREAD: bytes(4),
            _MARS: b"\0",
        }
        if fedauth:
            fields[_FEDAUTH] = b"\1"
        self._socket.sendall(_packet(_PRELOGIN, _options(fields)))
        answer = _parse_options(self._read_packet(_REPLY))
        if answer.get(_ENCRYPTION, b"\2")[0] not in {_ON, _REQUIRED}:
            raise ChannelError("the server does not encrypt")
        return {token: answer[token] for token in (_VERSION, _FEDAUTH) if token in answer}

    def _shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._socket.sendall(_packet(_PRELOGIN, self._outgoing.read()))
                self._incoming.write(self._read_packet(_PRELOGIN, _REPLY))
            except ssl.SSLCertVerificationError as problem:
                raise ChannelError(f"the server's certificate is not trusted: {problem.verify_message}") from None
            except ssl.SSLError as problem:
                raise ChannelError(f"TLS failed: {problem.reason}") from None
            else:
                pending = self._outgoing.read()
                if pending:
                    self._socket.sendall(_packet(_PRELOGIN, pending))
                return

    def _read_packet(self, *types: int) -> bytes:
        kind, _status, length, _spid, _number, _window = _HEADER.unpack(self._exactly(_HEADER.size))
        if kind not in types or length < _HEADER.size:
            raise ChannelError("the server does not speak TDS")
        return self._exactly(length - _HEADER.size)

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            chunk = self._socket.recv(size - len(data))
            if not chunk:
                raise ConnectionResetError("the server closed the connection")
            data += chunk
        return bytes(data)

    def sendall(self, data: bytes | bytearray, flags: int = 0) -> None:  # noqa: ARG002
        """Encrypt and send; python-tds' own PRELOGIN is not sent, it was said already."""
        if data[0] == _PRELOGIN and self._pretended:
            return
        for start in range(0, len(data), _CHUNK):
            self._tls.write(bytes(data[start : start + _CHUNK]))
        self._socket.sendall(self._outgoing.read())

    def recv(self, size: int, flags: int = 0) -> bytes:  # noqa: ARG002
        """Return up to `size` bytes in clear; nothing at the end."""
        if self._pretended:
            data, self._pretended = self._pretended[:size], self._pretended[size:]
            return data
        while True:
            try:
                data = self._tls.read(size)
                if not self.established:
                    self._login_reply += data
                return data
            except ssl.SSLWantReadError:
                data = self._socket.recv(_CHUNK)
                if not data:
                    return b""
                self._incoming.write(data)
            except ssl.SSLError:
                return b""

    def recv_into(self, buffer: bytearray | memoryview, size: int = 0, flags: int = 0) -> int:  # noqa: ARG002
        """Receive into a buffer; returns the number of bytes."""
        data = self.recv(size or len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def settimeout(self, timeout: float | None) -> None:
        """Set the timeout of the socket, seconds."""
        self._socket.settimeout(timeout)

    def gettimeout(self) -> float | None:
        """Return the timeout of the socket."""
        return self._socket.gettimeout()

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Set an option of the socket."""
        self._socket.setsockopt(level, option, value)

    def shutdown(self, how: int = socket.SHUT_RDWR) -> None:
        """Shut the socket down."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(how)

    def close(self) -> None:
        """Close the socket; while a login is failing or sent elsewhere, raise `AttemptFailed` or `Rerouted`."""
        self._socket.close()
        failure = sys.exc_info()[1]
        if self.established or isinstance(failure, AttemptFailed):
            return
        if failure is not None:
            raise AttemptFailed from failure
        target = _routing(bytes(self._login_reply))
        if target is not None:
            raise Rerouted(*target)


def _packet(kind: int, payload: bytes) -> bytes:
    return _HEADER.pack(kind, 1, len(payload) + _HEADER.size, 0, 1, 0) + payload


def _options(fields: dict[int, bytes]) -> bytes:
    head, body = bytearray(), bytearray()
    start = 5 * len(fields) + 1
    for token in sorted(fields):
        head += struct.pack(">BHH", token, start + len(body), len(fields[token]))
        body += fields[token]
    return bytes(head) + bytes([_END]) + bytes(body)


def _parse_options(payload: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    position = 0
    while position + 5 <= len(payload) and payload[position] != _END:
        token, offset, length = struct.unpack_from(">BHH", payload, position)
        found[token] = payload[offset : offset + length]
        position += 5
    return found


_ENVCHANGE, _ROUTING, _FEATURES, _LAST_TOKEN = 0xE3, 20, 0xAE, 0xFD


def _routing(reply: bytes) -> tuple[str, int] | None:
    """Return server and port of the routing ENVCHANGE in a login reply, None without one."""
    position = _HEADER.size
    while position + 3 <= len(reply) and reply[position] != _LAST_TOKEN:
        token = reply[position]
        if token == _FEATURES:
            position = _after_features(reply, position + 1)
            continue
        (length,) = struct.unpack_from("<H", reply, position + 1)
        body = reply[position + 3 : position + 3 + length]
        if token == _ENVCHANGE and body[:1] == bytes([_ROUTING]):
            _size, _protocol, port, characters = struct.unpack_from("<HBHH", body, 1)
            return body[8 : 8 + 2 * characters].decode("utf-16-le"), port
        position += 3 + length
    return None


def _after_features(reply: bytes, position: int) -> int:
    while position + 5 <= len(reply) and reply[position] != _END:
        (length,) = struct.unpack_from("<I", reply, position + 1)
        position += 5 + length
    return position + 1
