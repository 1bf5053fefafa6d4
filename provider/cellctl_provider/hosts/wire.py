"""Between the protocol's values and the messages of Pulumi's ResourceProvider service (SDK 3.272.0)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2

from cellctl.state.values import Struct, Value, bare_struct
from cellctl_provider.protocol import CheckFailure, Diffed

_CHANGES = {
    "none": provider_pb2.DiffResponse.DIFF_NONE,
    "some": provider_pb2.DiffResponse.DIFF_SOME,
    "unknown": provider_pb2.DiffResponse.DIFF_UNKNOWN,
}
_KINDS = {
    "add": provider_pb2.PropertyDiff.ADD,
    "add-replace": provider_pb2.PropertyDiff.ADD_REPLACE,
    "delete": provider_pb2.PropertyDiff.DELETE,
    "delete-replace": provider_pb2.PropertyDiff.DELETE_REPLACE,
    "update": provider_pb2.PropertyDiff.UPDATE,
    "update-replace": provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


def from_struct(message: struct_pb2.Struct) -> Struct:
    """Return a message's fields; whole numbers become int, absent values are dropped at the top level."""
    found = {key: _from_value(item) for key, item in message.fields.items()}
    return {key: item for key, item in found.items() if item is not None}


def _from_value(item: struct_pb2.Value) -> Value:
    kind = item.WhichOneof("kind")
    if kind == "struct_value":
        return {key: _from_value(part) for key, part in item.struct_value.fields.items()}
    if kind == "list_value":
        return [_from_value(part) for part in item.list_value.values]
    if kind == "number_value":
        number = item.number_value
        return int(number) if math.isfinite(number) and number == int(number) else number
    if kind == "string_value":
        return item.string_value
    return item.bool_value if kind == "bool_value" else None


def to_struct(values: Mapping[str, Value], *, secrets: bool = True) -> struct_pb2.Struct:
    """Return values as a message; without `secrets` their wrappers are taken off."""
    message = struct_pb2.Struct()
    for key, item in (values if secrets else bare_struct(values)).items():
        message.fields[key].CopyFrom(_to_value(item))
    return message


def _to_value(item: Value) -> struct_pb2.Value:
    if item is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(item, bool):
        return struct_pb2.Value(bool_value=item)
    if isinstance(item, int | float):
        return struct_pb2.Value(number_value=item)
    if isinstance(item, str):
        return struct_pb2.Value(string_value=item)
    if isinstance(item, list):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_to_value(part) for part in item]))
    return struct_pb2.Value(struct_value=to_struct(item))


def check_failures(failures: tuple[CheckFailure, ...]) -> list[provider_pb2.CheckFailure]:
    """Return refused properties as messages."""
    return [provider_pb2.CheckFailure(property=item.property, reason=item.reason) for item in failures]


def diff_response(diffed: Diffed) -> provider_pb2.DiffResponse:
    """Return a diff as a message."""
    detailed = {
        path: provider_pb2.PropertyDiff(kind=_KINDS[item.kind], inputDiff=item.input_diff)
        for path, item in (diffed.detailed or {}).items()
    }
    return provider_pb2.DiffResponse(
        replaces=diffed.replaces,
        stables=diffed.stables,
        deleteBeforeReplace=diffed.delete_before_replace,
        changes=_CHANGES[diffed.changes],
        diffs=diffed.diffs,
        detailedDiff=detailed,
        hasDetailedDiff=diffed.detailed is not None,
    )
