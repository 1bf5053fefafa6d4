"""Conversion between protobuf structs and wire values."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from decimal import Decimal

from google.protobuf import struct_pb2

from cellctl.state.values import (
    RESOURCE_REFERENCE,
    SIGNATURE,
    UNKNOWN,
    Struct,
    Value,
    contains_unknown,
    is_secret,
)
from cellctl_sandbox.engine.urns import name_of, type_of

_EXACT, _LARGEST = 2.0**53, 1e21  # from where on floats have gaps between integers; and are written with an exponent


_key = operator.itemgetter(0)
"""Protobuf's maps are in an order that differs from process to process."""


def from_proto(message: struct_pb2.Value) -> Value:
    """Return a protobuf value; whole floats become integers, as the state's JSON has them: by their shortest digits."""
    kind = message.WhichOneof("kind")
    if kind == "string_value":
        return message.string_value
    if kind == "number_value":
        number = message.number_value
        if not number.is_integer() or abs(number) >= _LARGEST:
            return number
        return int(number) if abs(number) < _EXACT else int(Decimal(repr(number)))
    if kind == "bool_value":
        return message.bool_value
    if kind == "struct_value":
        return {key: from_proto(item) for key, item in sorted(message.struct_value.fields.items(), key=_key)}
    if kind == "list_value":
        return [from_proto(item) for item in message.list_value.values]
    return None


def from_struct(message: struct_pb2.Struct) -> Struct:
    """Return a protobuf struct without its null members: the SDK sends null for what was not given."""
    return {
        key: from_proto(item)
        for key, item in sorted(message.fields.items(), key=_key)
        if item.WhichOneof("kind") not in (None, "null_value")
    }


def to_proto(value: Value, message: struct_pb2.Value) -> None:
    """Write `value` into `message`."""
    if value is None:
        message.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int | float):
        message.number_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, dict):
        message.struct_value.SetInParent()
        for key, item in value.items():
            to_proto(item, message.struct_value.fields[key])
    else:
        message.list_value.SetInParent()
        for item in value:
            to_proto(item, message.list_value.values.add())


def to_struct(struct: Mapping[str, Value]) -> struct_pb2.Struct:
    """Return `struct` as a protobuf struct."""
    message = struct_pb2.Struct()
    for key, item in struct.items():
        to_proto(item, message.fields[key])
    return message


def from_provider(message: struct_pb2.Struct) -> Struct:
    """Return what a provider answers, with references to resources as states have them."""
    return {key: as_stated(item) for key, item in from_struct(message).items()}


def to_provider(struct: Mapping[str, Value]) -> struct_pb2.Struct:
    """Return what a provider is sent, with references to resources as the CLI sends them."""
    return to_struct({key: _as_sent(item) for key, item in struct.items()})


def as_stated(value: Value) -> Value:
    """Return a value with references as states have them: URN, version of the package, id of a custom resource."""
    if isinstance(value, list):
        return [as_stated(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(SIGNATURE) != RESOURCE_REFERENCE:
        return {key: as_stated(item) for key, item in value.items()}
    known: Struct = {"id": "" if value["id"] == UNKNOWN else value["id"]} if "id" in value else {}
    version = value.get("packageVersion") or ""
    return {SIGNATURE: RESOURCE_REFERENCE, **known, "packageVersion": version, "urn": value.get("urn")}


def _as_sent(value: Value) -> Value:
    """Return a value with references as providers get them: also with type and name."""
    if isinstance(value, list):
        return [_as_sent(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(SIGNATURE) != RESOURCE_REFERENCE:
        return {key: _as_sent(item) for key, item in value.items()}
    urn = str(value.get("urn"))
    kept = {key: item for key, item in value.items() if key != "packageVersion" or item}
    return {**kept, "name": name_of(urn), "type": type_of(urn)}


def only_known(value: Value) -> Value:
    """Return `value` without members and items that are not known: what a provider is told in an update."""
    if is_secret(value):
        inner = only_known(value.get("value"))
        return {**value, "value": inner} if inner != UNKNOWN else UNKNOWN
    if isinstance(value, dict):
        members = {key: only_known(item) for key, item in value.items()}
        return {key: item for key, item in members.items() if item != UNKNOWN}
    if isinstance(value, list):
        return [item for item in map(only_known, value) if item != UNKNOWN]
    return value


def known_struct(struct: Struct) -> Struct:
    """Return `struct` without what is not known."""
    if not contains_unknown(struct):
        return struct
    members = {key: only_known(item) for key, item in struct.items()}
    return {key: item for key, item in members.items() if item != UNKNOWN}
