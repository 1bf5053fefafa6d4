"""The token streams of a reply: LOGINACK, ENVCHANGE, ERROR, INFO, COLMETADATA, ROW, DONE and their kin.

Source: [MS-TDS] 2.2.7.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from cellctl_sandbox.standins.tds.channel import SERVER_VERSION
from cellctl_sandbox.standins.tds.values import COLLATION, INT, ColumnType, SqlValue

_MORE, _ERROR, _IN_TRANSACTION, _COUNT, _ATTENTION = 0x01, 0x02, 0x04, 0x10, 0x20
DONE, DONE_PROC, DONE_IN_PROC = 0xFD, 0xFE, 0xFF
_FEDAUTH_FEATURE = 0x02


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result set."""

    name: str
    type: ColumnType


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultSet:
    """Columns and rows of a SELECT."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[SqlValue]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """An INFO message: number, state, severity (at most 10) and text."""

    number: int
    text: str
    state: int = 1
    severity: int = 0


@dataclass(kw_only=True, slots=True)
class Reply:
    """A reply under construction."""

    server: str = ""
    data: bytearray = field(default_factory=bytearray)

    def message(self, token: int, number: int, state: int, severity: int, text: str) -> None:
        """Append ERROR (0xAA) or INFO (0xAB)."""
        name = self.server[:128]
        body = struct.pack("<IBB", number, state, severity) + _us(text) + _b(name) + _b("") + struct.pack("<I", 1)
        self.data += struct.pack("<BH", token, len(body)) + body

    def error(self, number: int, state: int, severity: int, text: str) -> None:
        """Append ERROR."""
        self.message(0xAA, number, state, severity, text[:2000])

    def info(self, notice: Notice) -> None:
        """Append INFO."""
        self.message(0xAB, notice.number, notice.state, notice.severity, notice.text)

    def environment(self, kind: int, new: bytes, old: bytes) -> None:
        """Append ENVCHANGE with raw values."""
        body = bytes([kind]) + new + old
        self.data += struct.pack("<BH", 0xE3, len(body)) + body

    def database(self, new: str, old: str) -> None:
        """Append the change of the current database."""
        self.environment(1, _b(new), _b(old))

    def began(self, descriptor: int) -> None:
        """Append the begin of a transaction."""
        self.environment(8, b"\x08" + struct.pack("<Q", descriptor), b"\0")

    def ended(self, descriptor: int, *, committed: bool) -> None:
        """Append the end of a transaction."""
        self.environment(9 if committed else 10, b"\0", b"\x08" + struct.pack("<Q", descriptor))

    def collation(self) -> None:
        """Append the server's collation."""
        self.environment(7, bytes([len(COLLATION)]) + COLLATION, b"\0")

    def packet_size(self, size: int) -> None:
        """Append the packet size in force."""
        self.environment(4, _b(str(size)), _b("4096"))

    def language(self) -> None:
        """Append the language in force."""
        self.environment(2, _b("us_english"), _b(""))

    def routing(self, server: str, port: int) -> None:
        """Append the order to connect elsewhere."""
        value = struct.pack("<BH", 0, port) + _us(server)
        self.environment(20, struct.pack("<H", len(value)) + value, b"\0\0")

    def login_acknowledged(self, version: int, product: str) -> None:
        """Append LOGINACK for TDS `version`."""
        body = b"\x01" + struct.pack(">I", version) + _b(product) + SERVER_VERSION[:4]
        self.data += struct.pack("<BH", 0xAD, len(body)) + body

    def features_acknowledged(self) -> None:
        """Append FEATUREEXTACK for federated authentication by a security token."""
        self.data += bytes([0xAE, _FEDAUTH_FEATURE]) + struct.pack("<I", 0) + b"\xff"

    def result(self, result: ResultSet) -> None:
        """Append COLMETADATA and the rows."""
        self.data += struct.pack("<BH", 0x81, len(result.columns))
        for column in result.columns:
            self.data += struct.pack("<IH", 0, 0x09) + column.type.type_info() + _b(column.name)
        for row in result.rows:
            self.data += b"\xd1"
            for column, value in zip(result.columns, row, strict=True):
                self.data += column.type.encode(value)

    def return_status(self, status: int) -> None:
        """Append RETURNSTATUS."""
        self.data += struct.pack("<Bi", 0x79, status)

    def return_value(self, ordinal: int, name: str, value: int) -> None:
        """Append RETURNVALUE: an output parameter of type int."""
        self.data += struct.pack("<BH", 0xAC, ordinal) + _b(name) + struct.pack("<BIH", 1, 0, 0)
        self.data += INT.type_info() + INT.encode(value)

    def done(
        self,
        token: int = DONE,
        *,
        more: bool = False,
        failed: bool = False,
        count: int | None = None,
        open: bool = False,
    ) -> None:
        """Append DONE, DONEPROC or DONEINPROC; `count` is the number of rows, `open` an open transaction."""
        status = (_MORE if more else 0) | (_ERROR if failed else 0) | (_IN_TRANSACTION if open else 0)
        status |= 0 if count is None else _COUNT
        self.data += struct.pack("<BHHQ", token, status, 0xC1 if count is not None else 0, count or 0)

    def attention_acknowledged(self) -> None:
        """Append the answer to a cancel."""
        self.data += struct.pack("<BHHQ", DONE, _ATTENTION, 0, 0)


def _b(text: str) -> bytes:
    text = text[:255]
    return bytes([len(text)]) + text.encode("utf-16-le")


def _us(text: str) -> bytes:
    return struct.pack("<H", len(text)) + text.encode("utf-16-le")
