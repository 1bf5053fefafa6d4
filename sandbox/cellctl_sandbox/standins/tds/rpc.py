"""RPC messages: calls of procedures by name or number, with typed arguments.

Source: [MS-TDS] 2.2.6.6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cellctl_sandbox.standins.tds.lexer import tokens
from cellctl_sandbox.standins.tds.model import key
from cellctl_sandbox.standins.tds.values import Reader, SqlValue, read_parameter_value

_BY_NUMBER = 0xFFFF
_SEPARATORS = {0x80, 0xFF, 0xFE}
_NUMBERED = {10: "sp_executesql", 11: "sp_prepare", 12: "sp_execute", 13: "sp_prepexec", 15: "sp_unprepare"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the well-known procedures without schema and in lower case, others as written."""

    procedure: str
    arguments: list[tuple[str, SqlValue]]


def read_calls(payload: bytes) -> list[Call]:
    """Return the calls of an RPC message, headers skipped."""
    (headers,) = struct.unpack_from("<I", payload)
    reader = Reader(payload[headers:])
    calls = []
    while reader.left:
        calls.append(_call(reader))
        if reader.left:
            reader.number("B")  # the separator
    return calls


def _call(reader: Reader) -> Call:
    length = reader.number("H")
    if length == _BY_NUMBER:
        number = reader.number("H")
        name = _NUMBERED.get(number, f"procedure_{number}")
    else:
        name = reader.take(2 * length).decode("utf-16-le")
        bare = key(name.rpartition(".")[2])
        name = bare if bare in _NUMBERED.values() else name
    reader.number("H")
    arguments: list[tuple[str, SqlValue]] = []
    while reader.left and reader.peek() not in _SEPARATORS:
        parameter = reader.text("B")
        reader.number("B")
        arguments.append((parameter, read_parameter_value(reader)))
    return Call(name, arguments)


def parameter_names(definition: str) -> list[str]:
    """Return the names in a parameter definition such as `@P1 nvarchar(4), @P2 int`, as keys."""
    return [key(token.value) for token in tokens(definition) if token.kind == "variable"]
