"""TDS packets: an 8-byte header and a payload; a message is one or more packets of one type.

Source: [MS-TDS] 2.2.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

_HEADER = struct.Struct(">BBHHBB")
_LAST = 0x01
_LARGEST = 1 << 22  # a message larger than this is not a probe


class PacketType(IntEnum):
    """Kinds of message a client sends, and the one reply."""

    BATCH = 1
    RPC = 3
    REPLY = 4
    ATTENTION = 6
    BULK = 7
    FEDAUTH_TOKEN = 8
    TRANSACTION = 14
    LOGIN7 = 16
    SSPI = 17
    PRELOGIN = 18


class Disconnected(Exception):
    """The client is gone, or sent what no TDS client sends."""


class ByteStream(Protocol):
    """What packets are read from and written to: a socket, or TLS on one."""

    def receive(self, size: int) -> bytes:
        """Return 1 to `size` bytes, or nothing at the end."""

    def send(self, data: bytes) -> None:
        """Send all of `data`."""


@dataclass(frozen=True, slots=True)
class Message:
    """One whole message; `status` is that of its first packet (0x08 and 0x10 ask to reset the connection)."""

    type: int
    payload: bytes
    status: int = 0


def read_exactly(stream: ByteStream, size: int) -> bytes:
    """Return exactly `size` bytes or raise `Disconnected`."""
    chunks = bytearray()
    while len(chunks) < size:
        chunk = stream.receive(size - len(chunks))
        if not chunk:
            raise Disconnected("end of stream")
        chunks += chunk
    return bytes(chunks)


def read_packet(stream: ByteStream) -> tuple[int, int, bytes]:
    """Return type, status and payload of the next packet."""
    kind, status, length, _spid, _number, _window = _HEADER.unpack(read_exactly(stream, _HEADER.size))
    if length < _HEADER.size:
        raise Disconnected("a packet shorter than its header")
    return kind, status, read_exactly(stream, length - _HEADER.size)


def read_message(stream: ByteStream) -> Message:
    """Return the next message, put together from its packets."""
    kind, first_status, payload = read_packet(stream)
    whole, status = bytearray(payload), first_status
    while not status & _LAST:
        following, status, payload = read_packet(stream)
        if following != kind or len(whole) > _LARGEST:
            raise Disconnected("packets of two messages are mixed, or the message is too large")
        whole += payload
    return Message(kind, bytes(whole), first_status)


def write_message(stream: ByteStream, kind: int, payload: bytes, *, packet_size: int = 4096, spid: int = 0) -> None:
    """Send `payload` as one message in packets of at most `packet_size` bytes."""
    room = packet_size - _HEADER.size
    chunks = [payload[start : start + room] for start in range(0, len(payload), room)] or [b""]
    out = bytearray()
    for number, chunk in enumerate(chunks, start=1):
        status = _LAST if number == len(chunks) else 0
        out += _HEADER.pack(kind, status, len(chunk) + _HEADER.size, spid & 0xFFFF, number & 0xFF, 0) + chunk
    stream.send(bytes(out))
