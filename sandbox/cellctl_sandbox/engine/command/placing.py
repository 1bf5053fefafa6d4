"""Configuration values by path: what a text is below the top, how a member is set and removed."""

from __future__ import annotations

import json
import re

from cellctl.state.values import Value
from cellctl_sandbox.engine import paths
from cellctl_sandbox.engine.command.replies import Refusal

_INTEGER = re.compile(r"[+-]?[0-9]+")
_ESCAPES = str.maketrans({letter: f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"})


def is_sealed(item: Value) -> bool:
    """Tell whether a configuration value is `{secure: ciphertext}`."""
    return isinstance(item, dict) and list(item) == ["secure"] and isinstance(item["secure"], str)


def text_of(value: Value) -> str:
    """Return a value as a program reads it: objects as the JSON text that Go writes, keys sorted."""
    if isinstance(value, str):
        return value
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    return text.translate(_ESCAPES)


def scalar(text: str) -> Value:
    """Return a value set by path with its type: below the top, `1` and `true` are not strings."""
    if text in ("true", "false"):
        return text == "true"
    if not _INTEGER.fullmatch(text) or (len(text) > 1 and text[0] == "0"):
        return text
    return int(text) if -(1 << 63) <= int(text) < 1 << 64 else text


def typed(text: str, kind: str) -> Value:
    """Return a text as the type that `--type` names; raises `Refusal`."""
    try:
        if kind == "string":
            return text
        if kind == "bool":
            return text in ("1", "t", "T", "TRUE", "true", "True")  # what Go cannot read is false
        if kind in ("int", "float"):
            return int(text) if kind == "int" else float(text)
    except ValueError:
        raise Refusal(f"could not parse '{text}' as {kind}") from None
    raise Refusal(f'invalid type "{kind}"; must be one of string, int, bool, or float')


def member(value: Value, path: paths.Path) -> Value:
    """Return what a path names, None if there is nothing."""
    for part in path:
        if isinstance(value, dict) and not is_sealed(value) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
            value = value[part]
        else:
            return None
    return value


def placed(old: Value, path: paths.Path, value: Value, above: paths.Path) -> Value:
    """Return `old`, which is at the path `above`, with `value` at `path` below it; raises `Refusal`.

    Only at the top is a value that is neither a list nor a map overwritten by one.
    """
    if not path:
        return value
    head, rest = path[0], path[1:]
    here = paths.render(above)
    if is_sealed(old) or not isinstance(old, list | dict):
        if old is not None and len(above) > 1:
            raise Refusal(f"could not set config: {here}: expected {'an array' if isinstance(head, int) else 'a map'}")
        empty: list[Value] = [None] * (head + 1) if isinstance(head, int) else []
        old = empty if isinstance(head, int) else {}
    if isinstance(old, list):
        if not isinstance(head, int):
            raise Refusal(f"could not set config: {here}: key for an array must be an int")
        if not 0 <= head <= len(old):
            raise Refusal(f"could not set config: {paths.render((*above, head))}: array index out of range")
        inner = old[head] if head < len(old) else None
        return [*old[:head], placed(inner, rest, value, (*above, head)), *old[head + 1 :]]
    if not isinstance(head, str):
        raise Refusal(f"could not set config: {here}: key for a map must be a string")
    if head == "secure" and not rest and not old and isinstance(value, str):
        raise Refusal('could not set config: maps with the single key "secure" are reserved')
    return {**old, head: placed(old.get(head), rest, value, (*above, head))}


def without(old: Value, path: paths.Path) -> Value:
    """Return `old` without what a path names; what is not there is no error. Raises `Refusal`."""
    head, rest = path[0], path[1:]
    if isinstance(old, dict) and not is_sealed(old) and isinstance(head, str) and head in old:
        if rest:
            return {**old, head: without(old[head], rest)}
        left = {key: item for key, item in old.items() if key != head}
        if is_sealed(left):
            raise Refusal('maps with the single key "secure" are reserved')
        return left
    if isinstance(old, list) and isinstance(head, int) and 0 <= head < len(old):
        return [*old[:head], *([without(old[head], rest)] if rest else []), *old[head + 1 :]]
    return old
