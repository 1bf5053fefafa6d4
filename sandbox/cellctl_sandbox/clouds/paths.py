"""Changing one value inside an object's properties."""

from __future__ import annotations

from cellctl.state.values import SECRET, SIGNATURE, Struct, Value, is_secret


def with_value(properties: Struct, path: str, value: Value) -> Struct:
    """Return `properties` with what stands at a dotted path replaced, None removing it; secrets stay secret."""
    changed = _with(properties, path.split("."), value)
    assert isinstance(changed, dict)
    return changed


def _with(value: Value, path: list[str], new: Value) -> Value:
    if is_secret(value):
        return {SIGNATURE: SECRET, "value": _with(value.get("value"), path, new)}
    if not path:
        return new
    head, rest = path[0], path[1:]
    if isinstance(value, list) and head.isdigit() and int(head) < len(value):
        return [_with(item, rest, new) if index == int(head) else item for index, item in enumerate(value)]
    made: Struct = dict(value) if isinstance(value, dict) else {}
    below = _with(made.get(head), rest, new)
    if below is None:
        made.pop(head, None)
    else:
        made[head] = below
    return made
