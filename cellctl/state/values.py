"""Wire values: what the Pulumi protocols carry, as plain JSON-like Python with signature keys, never unwrapped.

Source: pulumi/sdk proto and `pulumi.runtime.rpc` 3.272.0; seen on the wire, reference/engine.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, TypeGuard

Value: TypeAlias = bool | int | float | str | list["Value"] | dict[str, "Value"] | None
Struct: TypeAlias = dict[str, Value]

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  a signature key, not a password
RESOURCE_REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT_VALUE = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def secret(value: Value) -> Struct:
    """Return `value` in the wrapper that marks it secret on the wire."""
    return {SIGNATURE: SECRET, "value": value}


def is_secret(value: Value) -> TypeGuard[Struct]:
    """Tell whether `value` is a secret wrapper, in clear (`value`) or sealed (`ciphertext`, `plaintext`)."""
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def bare(value: Value) -> Value:
    """Return `value` without secret wrappers, at every depth."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            return bare(value.get("value"))
        return {key: bare(item) if isinstance(item, dict | list) else item for key, item in value.items()}
    if isinstance(value, list):
        return [bare(item) for item in value]
    return value


def bare_struct(struct: Mapping[str, Value]) -> Struct:
    """Return `struct` without secret wrappers, at every depth."""
    return {key: bare(item) for key, item in struct.items()}


def contains_unknown(value: Value) -> bool:
    """Tell whether `value` holds the sentinel of a value that is not known yet, at any depth."""
    if isinstance(value, dict):
        return any(contains_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(contains_unknown(item) for item in value)
    return value == UNKNOWN


def contains_secret(value: Value) -> bool:
    """Tell whether `value` holds a secret wrapper, at any depth."""
    if is_secret(value):
        return True
    if isinstance(value, dict):
        return any(contains_secret(item) for item in value.values())
    if isinstance(value, list):
        return any(contains_secret(item) for item in value)
    return False
