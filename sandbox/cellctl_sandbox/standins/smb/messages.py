"""Messages of SMB 2 and 3 that a client of files needs, as bytes (MS-SMB2 2.2, 2024-04)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAGIC = b"\xfeSMB"
HEADER = struct.Struct("<4sHHIHHIIQIIQ16s")
NEGOTIATE, SETUP, LOGOFF, CONNECT, DISCONNECT, CREATE, CLOSE, READ, WRITE, IOCTL = 0, 1, 2, 3, 4, 5, 6, 8, 9, 11

OK, MORE = 0, 0xC0000016
NO_LOGON, NO_ACCESS, NO_SHARE, NO_FILE, NO_SUCH_THING = 0xC000006D, 0xC0000022, 0xC00000CC, 0xC0000034, 0xC00000BB
NO_PATH, NO_FOLDER, IS_FOLDER = 0xC000003A, 0xC0000103, 0xC00000BA

DIALECT, NEWEST = 0x0302, 0x0311
_GCM = 0x0002  # AES-128-GCM
_PREAUTH, _CIPHERS, _SHA512 = 1, 2, 1
CAPABILITIES = 0x00000040  # encryption
SIGNED = 0x0003  # enabled and required
VALIDATE = 0x00140204
_ENCRYPT = 0x0004
_DISK, _ALL = 1, 0x001F01FF
_MOST = 1 << 20
_DELETE_ON_CLOSE, _FOLDER = 0x1000, 0x1
_WRITING = 0x00000116  # write data, append, write attributes of either kind
_REMOVING = 0x00010000


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request. `body` begins after the header; `whole` is the message from its header on."""

    command: int
    message: int
    tree: int
    session: int
    whole: bytes

    @classmethod
    def of(cls, whole: bytes) -> Asked:
        """Read a message."""
        fields = HEADER.unpack_from(whole)
        return cls(command=fields[4], message=fields[8], tree=fields[10], session=fields[11], whole=whole)

    @property
    def body(self) -> bytes:
        """What follows the header."""
        return self.whole[HEADER.size :]

    def bytes_at(self, offset: int, length: int) -> bytes:
        """Return a part that the message points to."""
        return self.whole[offset : offset + length]

    def token(self) -> bytes:
        """Return the sign-in token of a SESSION_SETUP."""
        offset, length = struct.unpack_from("<HH", self.body, 12)
        return self.bytes_at(offset, length)

    def path(self) -> str:
        """Return the path of a TREE_CONNECT: `\\\\HOST\\SHARE`."""
        offset, length = struct.unpack_from("<HH", self.body, 4)
        return self.bytes_at(offset, length).decode("utf-16-le")


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """A CREATE: which file or folder, what for. `disposition` 1 opens one that is there, 5 makes or replaces it."""

    name: str
    writes: bool
    makes: bool
    removes: bool
    folder: bool

    @classmethod
    def of(cls, asked: Asked) -> Opening:
        """Read a CREATE."""
        access, _, _, disposition, options, offset, length = struct.unpack_from("<IIIIIHH", asked.body, 24)
        return cls(
            name=asked.bytes_at(offset, length).decode("utf-16-le").replace("\\", "/"),
            writes=bool(access & (_WRITING | _REMOVING)),
            makes=disposition in (0, 2, 3, 4, 5),
            removes=bool(options & _DELETE_ON_CLOSE),
            folder=bool(options & _FOLDER),
        )


def answer(asked: Asked, body: bytes, *, status: int = OK, session: int = 0, tree: int = 0) -> bytes:
    """Return the answer to a request."""
    header = HEADER.pack(
        MAGIC, 64, 1, status, asked.command, 64, 1, 0, asked.message, 0, tree or asked.tree,
        session or asked.session, b"",
    )  # fmt: skip
    return header + body


def refusal(asked: Asked, status: int) -> bytes:
    """Return an answer that refuses."""
    return answer(asked, struct.pack("<HBBIB", 9, 0, 0, 0, 0), status=status)


def negotiated(guid: bytes) -> bytes:
    """Return the body of NEGOTIATE: this one dialect, signed and sealed."""
    fixed = (65, SIGNED, DIALECT, 0, guid, CAPABILITIES, _MOST, _MOST, _MOST, 0, 0, 128, 0, 0)
    return struct.pack("<HHHH16sIIIIQQHHI", *fixed)


def offers_newest(asked: Asked) -> bool:
    """Tell whether a NEGOTIATE offers 3.1.1 with AES-128-GCM."""
    body = asked.body
    (dialects,) = struct.unpack_from("<H", body, 2)
    if NEWEST not in struct.unpack_from(f"<{dialects}H", body, 36):
        return False
    offset, count = struct.unpack_from("<IH", body, 28)
    for _ in range(count):
        kind, length = struct.unpack_from("<HH", asked.whole, offset)
        if kind == _CIPHERS:
            (ciphers,) = struct.unpack_from("<H", asked.whole, offset + 8)
            return _GCM in struct.unpack_from(f"<{ciphers}H", asked.whole, offset + 10)
        offset += 8 + length + -length % 8
    return False


def negotiated_newest(guid: bytes, salt: bytes) -> bytes:
    """Return the body of NEGOTIATE: 3.1.1, sealed with AES-128-GCM, its beginning hashed with SHA-512."""
    hashing = struct.pack("<HHH", 1, len(salt), _SHA512) + salt
    sealing = struct.pack("<HH", 1, _GCM)
    contexts = _context(_PREAUTH, hashing).ljust(-(-(8 + len(hashing)) // 8) * 8, b"\0") + _context(_CIPHERS, sealing)
    # After 64 bytes of header and 64 of this; contexts begin where a multiple of eight is.
    fixed = (65, SIGNED, NEWEST, 2, guid, CAPABILITIES, _MOST, _MOST, _MOST, 0, 0, 128, 0, 128)
    return struct.pack("<HHHH16sIIIIQQHHI", *fixed) + contexts


def _context(kind: int, data: bytes) -> bytes:
    return struct.pack("<HHI", kind, len(data), 0) + data


def set_up(token: bytes, *, done: bool) -> bytes:
    """Return the body of SESSION_SETUP."""
    return struct.pack("<HHHH", 9, _ENCRYPT if done else 0, 72, len(token)) + token


def connected() -> bytes:
    """Return the body of TREE_CONNECT: files."""
    return struct.pack("<HBBIII", 16, _DISK, 0, 0, 0, _ALL)


def opened(file: bytes, size: int) -> bytes:
    """Return the body of CREATE."""
    return struct.pack("<HBBIQQQQQQII16sII", 89, 0, 0, 1, 0, 0, 0, 0, size, size, 0x80, 0, file, 0, 0)


def closed() -> bytes:
    """Return the body of CLOSE."""
    return struct.pack("<HHIQQQQQQI", 60, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def given(data: bytes) -> bytes:
    """Return the body of READ."""
    return struct.pack("<HBBIII", 17, 80, 0, len(data), 0, 0) + data


def taken(count: int) -> bytes:
    """Return the body of WRITE."""
    return struct.pack("<HHIIHH", 17, 0, count, 0, 0, 0)


def validated(guid: bytes) -> bytes:
    """Return the body of the IOCTL by which a client makes sure that nobody changed what was negotiated."""
    said = struct.pack("<I16sHH", CAPABILITIES, guid, SIGNED, DIALECT)
    return struct.pack("<HHI16sIIIIII", 49, 0, VALIDATE, b"\xff" * 16, 112, 0, 112, len(said), 0, 0) + said


def plain() -> bytes:
    """Return the body of what says nothing: LOGOFF, TREE_DISCONNECT."""
    return struct.pack("<HH", 4, 0)
