"""LOGIN7: who wants in, where to, and with what.

Source: [MS-TDS] 2.2.6.4. The password arrives mangled (nibbles swapped, XOR 0xA5), inside TLS.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cellctl_sandbox.standins.tds.packets import Disconnected

_FEDAUTH_FEATURE = 0x02
_EXTENSION_FLAG = 0x10
_LIBRARY_SECURITY_TOKEN = 0x01


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """A parsed LOGIN7. `token` is an access token, else empty. Holds secrets: its repr shows none."""

    tds_version: int
    packet_size: int
    user: str
    password: str
    application: str
    host: str
    server: str
    database: str
    token: str = ""
    fedauth_echo: bool = False
    integrated: bool = False

    def __repr__(self) -> str:
        return f"Login(user={self.user!r}, server={self.server!r}, database={self.database!r})"


def parse_login(payload: bytes) -> Login:
    """Return the login in a LOGIN7 payload."""
    try:
        return _parse(payload)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise Disconnected("a malformed LOGIN7") from None


def _parse(payload: bytes) -> Login:
    version, packet_size = struct.unpack_from("<II", payload, 4)
    flags2, flags3 = payload[25], payload[27]
    spans = [struct.unpack_from("<HH", payload, 36 + 4 * index) for index in range(9)]

    def text(index: int) -> str:
        offset, length = spans[index]
        return payload[offset : offset + 2 * length].decode("utf-16-le")

    password_offset, password_length = spans[2]
    mangled = payload[password_offset : password_offset + 2 * password_length]
    token, echo = _fedauth(payload, spans[5]) if flags3 & _EXTENSION_FLAG else ("", False)
    return Login(
        tds_version=version,
        packet_size=packet_size if 512 <= packet_size <= 32767 else 4096,
        host=text(0),
        user=text(1),
        password=unmangle(mangled),
        application=text(3),
        server=text(4),
        database=text(8),
        token=token,
        fedauth_echo=echo,
        integrated=bool(flags2 & 0x80),
    )


def unmangle(data: bytes) -> str:
    """Return the password from its LOGIN7 form."""
    return bytes((((byte ^ 0xA5) << 4) & 0xF0) | ((byte ^ 0xA5) >> 4) for byte in data).decode("utf-16-le")


def _fedauth(payload: bytes, span: tuple[int, ...]) -> tuple[str, bool]:
    """Return the access token of the FEDAUTH feature extension, and whether the client echoes the server's flag."""
    (position,) = struct.unpack_from("<I", payload, span[0])
    while payload[position] != 0xFF:
        feature, length = struct.unpack_from("<BI", payload, position)
        data = payload[position + 5 : position + 5 + length]
        position += 5 + length
        if feature != _FEDAUTH_FEATURE:
            continue
        if data[0] >> 1 != _LIBRARY_SECURITY_TOKEN:
            raise Disconnected("only access tokens are accepted for federated authentication")
        (size,) = struct.unpack_from("<I", data, 1)
        return data[5 : 5 + size].decode("utf-16-le"), bool(data[0] & 1)
    return "", False
