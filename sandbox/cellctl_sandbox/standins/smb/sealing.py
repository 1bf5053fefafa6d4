"""Sealed messages of SMB 3: keys derived from a session's (MS-SMB2 3.1.4.2, 2.2.41, 2024-04).

3.0.2 seals with AES-128-CCM, 3.1.1 here with AES-128-GCM and keys that also tell whether the negotiation was changed.
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

MAGIC = b"\xfdSMB"
_HEADER = struct.Struct("<4s16s16sIHHQ")
_NONCES: dict[type[AESCCM | AESGCM], int] = {AESCCM: 11, AESGCM: 12}


@dataclass(frozen=True, slots=True)
class Seal:
    """The two keys of a session, and what seals with them."""

    incoming: bytes
    outgoing: bytes
    cipher: type[AESCCM | AESGCM] = AESCCM

    @classmethod
    def of(cls, session_key: bytes) -> Seal:
        """Derive them for 3.0.2."""
        label = b"SMB2AESCCM\0"
        return cls(_derived(session_key, label, b"ServerIn \0"), _derived(session_key, label, b"ServerOut\0"))

    @classmethod
    def of_newest(cls, session_key: bytes, said: bytes) -> Seal:
        """Derive them for 3.1.1; `said` is the hash over all that was said before the session."""
        incoming = _derived(session_key, b"SMBC2SCipherKey\0", said)
        return cls(incoming, _derived(session_key, b"SMBS2CCipherKey\0", said), AESGCM)

    def opened(self, message: bytes) -> bytes:
        """Return what a sealed message holds; raises InvalidTag where it was made with another key."""
        tag, nonce = message[4:20], message[20 : 20 + _NONCES[self.cipher]]
        return self.cipher(self.incoming).decrypt(nonce, message[_HEADER.size :] + tag, message[20 : _HEADER.size])

    def sealed(self, plain: bytes, session: int) -> bytes:
        """Return a message that only the client opens."""
        nonce = secrets.token_bytes(_NONCES[self.cipher])
        rest = _HEADER.pack(MAGIC, b"", nonce, len(plain), 0, 1, session)[20:]
        whole = self.cipher(self.outgoing).encrypt(nonce, plain, rest)
        return MAGIC + whole[-16:] + rest + whole[:-16]


def session_of(message: bytes) -> int:
    """Return the session of a sealed message."""
    return int(_HEADER.unpack_from(message)[6])


def _derived(session_key: bytes, label: bytes, context: bytes) -> bytes:
    kdf = KBKDFHMAC(
        algorithm=SHA256(), mode=Mode.CounterMode, length=16, rlen=4, llen=4, location=CounterLocation.BeforeFixed,
        label=label, context=context, fixed=None,
    )  # fmt: skip
    return kdf.derive(session_key[:16].ljust(16, b"\0"))
