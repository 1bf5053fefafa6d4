"""Values on the wire: the types of result columns written, and the types of RPC parameters read.

Source: [MS-TDS] 2.2.5.4 and 2.2.5.5.
"""

from __future__ import annotations

import datetime
import struct
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from cellctl_sandbox.standins.tds.packets import Disconnected

SqlValue: TypeAlias = bool | int | float | str | bytes | None
COLLATION = b"\x09\x04\xd0\x00\x34"
"""SQL_Latin1_General_CP1_CI_AS: LCID 0x0409, flags, sort id 52."""

_NULL_LENGTH = 0xFFFF
_PLP_NULL = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class ColumnType:
    """One of the six types that results have here: `int`, `bigint`, `bit`, `float`, `nvarchar`, `varbinary`."""

    name: str

    def type_info(self) -> bytes:
        """Return TYPE_INFO."""
        return _TYPE_INFO[self.name]

    def encode(self, value: SqlValue) -> bytes:
        """Return one value of a ROW token."""
        if self.name == "nvarchar":
            return _plp(None if value is None else text_of(value).encode("utf-16-le"))
        if self.name == "varbinary":
            return _plp(value if isinstance(value, bytes) else None)
        if value is None:
            return b"\0"
        number = _number(value)
        return _FIXED[self.name](number)


def _number(value: SqlValue) -> float | int:
    if isinstance(value, int | float):
        return value
    return float(value) if isinstance(value, str) else 0


def text_of(value: SqlValue) -> str:
    """Return a value as `nvarchar` shows it."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, bytes):
        return value.decode("utf-16-le", errors="replace")
    return "" if value is None else str(value)


def _plp(data: bytes | None) -> bytes:
    """Return data of a `(max)` type: total length, one chunk, end."""
    if data is None:
        return struct.pack("<Q", _PLP_NULL)
    chunk = struct.pack("<I", len(data)) + data if data else b""
    return struct.pack("<Q", len(data)) + chunk + struct.pack("<I", 0)


_TYPE_INFO: Mapping[str, bytes] = {
    "int": b"\x26\x04",
    "bigint": b"\x26\x08",
    "bit": b"\x68\x01",
    "float": b"\x6d\x08",
    "nvarchar": b"\xe7\xff\xff" + COLLATION,
    "varbinary": b"\xa5\xff\xff",
}
_FIXED: Mapping[str, Callable[[float | int], bytes]] = {
    "int": lambda number: b"\x04" + struct.pack("<i", int(number)),
    "bigint": lambda number: b"\x08" + struct.pack("<q", int(number)),
    "bit": lambda number: b"\x01" + (b"\x01" if number else b"\x00"),
    "float": lambda number: b"\x08" + struct.pack("<d", float(number)),
}

INT, BIGINT, BIT = ColumnType("int"), ColumnType("bigint"), ColumnType("bit")
FLOAT, NVARCHAR, VARBINARY = ColumnType("float"), ColumnType("nvarchar"), ColumnType("varbinary")


def type_of(value: SqlValue) -> ColumnType:
    """Return the column type that holds `value`."""
    if isinstance(value, bool):
        return BIT
    if isinstance(value, int):
        return INT if -(2**31) <= value < 2**31 else BIGINT
    if isinstance(value, float):
        return FLOAT
    return VARBINARY if isinstance(value, bytes) else NVARCHAR


class Reader:
    """A cursor over the payload of one message."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    @property
    def left(self) -> int:
        """How many bytes are unread."""
        return len(self._data) - self._position

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        if size > self.left:
            raise Disconnected("a cut message")
        self._position += size
        return self._data[self._position - size : self._position]

    def number(self, code: str) -> int:
        """Return the next little-endian integer of struct code `code`."""
        (value,) = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))
        return int(value)

    def text(self, length_code: str) -> str:
        """Return UTF-16 text that follows its length in characters."""
        return self.take(2 * self.number(length_code)).decode("utf-16-le")

    def peek(self) -> int:
        """Return the next byte and leave it."""
        return self._data[self._position]


def read_parameter_value(reader: Reader) -> SqlValue:
    """Read TYPE_INFO and one value of that type."""
    kind = reader.number("B")
    if kind in _FIXED_LENGTH:
        return _fixed(kind, reader.take(_FIXED_LENGTH[kind]))
    if kind in {0xE7, 0xEF, 0xA7, 0xAF, 0xA5, 0xAD}:
        return _read_character(reader, kind)
    if kind in {0x26, 0x68, 0x6D, 0x6F, 0x24}:
        reader.number("B")
        return _fixed(kind, reader.take(reader.number("B")))
    if kind in {0x6A, 0x6C}:
        return _read_decimal(reader)
    if kind in {0x28, 0x29, 0x2A, 0x2B}:
        return _read_date(reader, kind)
    raise Disconnected(f"a parameter of type 0x{kind:02X} is not supported by the sandbox")


_FIXED_LENGTH = {0x30: 1, 0x32: 1, 0x34: 2, 0x38: 4, 0x3E: 8, 0x7F: 8, 0x3D: 8, 0x1F: 0}


def _fixed(kind: int, data: bytes) -> SqlValue:
    if not data:
        return None
    if kind in {0x32, 0x68}:
        return data != b"\0"
    if kind in {0x3E, 0x6D}:
        (number,) = struct.unpack("<d" if len(data) == 8 else "<f", data)
        return float(number)
    if kind == 0x24:
        return str(uuid.UUID(bytes_le=data)).upper()
    if kind in {0x3D, 0x6F}:
        days, ticks = struct.unpack("<iI" if len(data) == 8 else "<HH", data)
        seconds = ticks / 300 if len(data) == 8 else ticks * 60
        moment = datetime.datetime(1900, 1, 1) + datetime.timedelta(days=days, seconds=seconds)
        return moment.isoformat(sep=" ")
    return int.from_bytes(data, "little", signed=len(data) > 1)


def _read_character(reader: Reader, kind: int) -> SqlValue:
    size = reader.number("H")
    if kind not in {0xA5, 0xAD}:
        reader.take(len(COLLATION))
    data = _read_plp(reader) if size == _NULL_LENGTH else _read_short(reader)
    if data is None or kind in {0xA5, 0xAD}:
        return data
    return data.decode("utf-16-le" if kind in {0xE7, 0xEF} else "cp1252")


def _read_short(reader: Reader) -> bytes | None:
    length = reader.number("H")
    return None if length == _NULL_LENGTH else reader.take(length)


def _read_plp(reader: Reader) -> bytes | None:
    if reader.number("Q") == _PLP_NULL:
        return None
    data = bytearray()
    while chunk := reader.number("I"):
        data += reader.take(chunk)
    return bytes(data)


def _read_decimal(reader: Reader) -> SqlValue:
    _size, _precision, scale = reader.take(3)
    data = reader.take(reader.number("B"))
    if not data:
        return None
    magnitude = Decimal(int.from_bytes(data[1:], "little")).scaleb(-scale)
    return float(magnitude if data[0] else -magnitude)


def _read_date(reader: Reader, kind: int) -> SqlValue:
    scale = 0 if kind == 0x28 else reader.number("B")
    data = reader.take(reader.number("B"))
    if not data:
        return None
    time_size = {0x28: 0, 0x29: len(data), 0x2A: len(data) - 3, 0x2B: len(data) - 5}[kind]
    ticks = int.from_bytes(data[:time_size], "little")
    time = datetime.timedelta(seconds=ticks / 10**scale)
    days = int.from_bytes(data[time_size : time_size + 3], "little") if kind != 0x29 else 0
    moment = datetime.datetime(1, 1, 1) + datetime.timedelta(days=days) + time
    return (moment.date() if kind == 0x28 else moment.time() if kind == 0x29 else moment).isoformat()
