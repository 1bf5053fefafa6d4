"""Sealed messages of SMB 3.0.2: AES-128-CCM with keys derived from a session's (MS-SMB2 3.1.4.2, 2.2.41, 2024-04)."""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

MAGIC = b"\xfdSMB"
_HEADER = struct.Struct("<4s16s16sIHHQ")
_NONCE = 11


@dataclass(frozen=True, slots=True)
class Seal:
    """The two keys of a session."""

    incoming: bytes
    outgoing: bytes

    @classmethod
    def of(cls, session_key: bytes) -> Seal:
        """Derive them."""
        key = session_key[:16].ljust(16, b"\0")
        return cls(_derived(key, b"ServerIn \0"), _derived(key, b"ServerOut\0"))

    def opened(self, message: bytes) -> bytes:
        """Return what a sealed message holds; raises InvalidTag where it was made with another key."""
        tag, nonce = message[4:20], message[20 : 20 + _NONCE]
        return AESCCM(self.incoming).decrypt(nonce, message[_HEADER.size :] + tag, message[20 : _HEADER.size])

    def sealed(self, plain: bytes, session: int) -> bytes:
        """Return a message that only the client opens."""
        nonce = secrets.token_bytes(_NONCE)
        rest = _HEADER.pack(MAGIC, b"", nonce, len(plain), 0, 1, session)[20:]
        whole = AESCCM(self.outgoing).encrypt(nonce, plain, rest)
        return MAGIC + whole[-16:] + rest + whole[:-16]


def session_of(message: bytes) -> int:
    """Return the session of a sealed message."""
    return int(_HEADER.unpack_from(message)[6])


def _derived(key: bytes, context: bytes) -> bytes:
    kdf = KBKDFHMAC(
        algorithm=SHA256(), mode=Mode.CounterMode, length=16, rlen=4, llen=4, location=CounterLocation.BeforeFixed,
        label=b"SMB2AESCCM\0", context=context, fixed=None,
    )  # fmt: skip
    return kdf.derive(key)
