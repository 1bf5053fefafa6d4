"""Property paths (`tags.x`, `list[0]`, `a["b.c"]`, `*`): parsing, resetting to old values, matching, comparing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from cellctl.state.values import SIGNATURE, Struct, Value, is_secret
from cellctl_provider.protocol import PropertyDiff

Path: TypeAlias = tuple[str | int, ...]
_PART = re.compile(r'\[\s*(\d+|\*|"(?:[^"\\]|\\.)*")\s*\]|\.?([^.\[\]]+)')
_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_$\-:/]*")


class BadPath(ValueError):
    """A property path cannot be parsed, or leads nowhere."""


def parse(text: str) -> Path:
    """Return the parts of a path; raises `BadPath`."""
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if not match:
            raise BadPath(f"cannot parse the property path '{text}'")
        index, key = match.groups()
        if key is not None:
            parts.append(key)
        elif index.isdigit():
            parts.append(int(index))
        else:
            parts.append(re.sub(r"\\(.)", r"\1", index.strip('"')))
        position = match.end()
    return tuple(parts)


def render(path: Path) -> str:
    """Return the text of a path."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += '["' + part.replace("\\", "\\\\").replace('"', '\\"') + '"]'
    return text


def contains(pattern: Path, path: Path) -> bool:
    """Tell whether `path` is at or below `pattern`, whose `*` stand for any part."""
    return len(pattern) <= len(path) and all(wanted in ("*", part) for wanted, part in zip(pattern, path, strict=False))


# ---- ignoreChanges ----
def reset(news: Struct, olds: Struct, patterns: Iterable[str]) -> Struct:
    """Return `news` with every property that `patterns` names as it is in `olds`; absent there means absent.

    Raises:
        BadPath: A path goes through something that is not there any more, so its old value has no place.
    """
    result: Value = news
    for pattern in patterns:
        result = _reset(result, olds, parse(pattern), pattern)
    return result if isinstance(result, dict) else news


def _reset(new: Value, old: Value, path: Path, text: str) -> Value:
    if is_secret(new):
        inner = _reset(new.get("value"), old.get("value") if is_secret(old) else old, path, text)
        return {**new, "value": inner}
    if is_secret(old):
        return _reset(new, old.get("value"), path, text)
    head, rest = path[0], path[1:]
    if isinstance(new, dict) and isinstance(old, dict):
        keys = list(dict.fromkeys([*new, *old])) if head == "*" else [str(head)]
        for key in keys:
            new = _reset_key(new, old, key, rest, text)
        return new
    if isinstance(new, list) and isinstance(old, list):
        return _reset_items(new, old, head, rest, text)
    if old is None or type(old) is not type(new):
        return new if old is None else _lost(text)
    return new


def _reset_key(new: Struct, old: Struct, key: str, rest: Path, text: str) -> Struct:
    if not rest:
        if key in old:
            return {**new, key: old[key]}
        return {name: value for name, value in new.items() if name != key}
    if key not in old:
        return {**new, key: _reset(new[key], None, rest, text)} if key in new else new
    if key not in new:
        return _lost(text)
    return {**new, key: _reset(new[key], old[key], rest, text)}


def _reset_items(new: list[Value], old: list[Value], head: str | int, rest: Path, text: str) -> Value:
    indexes = range(max(len(new), len(old))) if head == "*" else [head] if isinstance(head, int) else []
    items = list(new)
    for index in indexes:
        if index >= len(items) or index >= len(old):
            if index < len(items) or index < len(old):
                return _lost(text)
            continue
        items[index] = _reset(items[index], old[index], rest, text) if rest else old[index]
    return items


def _lost(text: str) -> Struct:
    raise BadPath(
        "cannot ignore changes to the following properties because one or more elements of the path are missing: "
        f'"{text}"'
    )


# ---- comparing ----
def differences(old: Value, new: Value) -> dict[Path, PropertyDiff]:
    """Return how two values differ, by the deepest path that both have in common."""
    found: dict[Path, PropertyDiff] = {}
    _compare(old, new, (), found)
    return found


def _compare(old: Value, new: Value, path: Path, found: dict[Path, PropertyDiff]) -> None:
    if is_secret(old) and is_secret(new):
        if old.get("value") != new.get("value"):
            found[path] = PropertyDiff(kind="update")
    elif isinstance(old, dict) and isinstance(new, dict) and SIGNATURE not in old and SIGNATURE not in new:
        for key in sorted(old.keys() | new.keys()):
            if key in old and key in new:
                _compare(old[key], new[key], (*path, key), found)
            else:
                found[(*path, key)] = PropertyDiff(kind="add" if key in new else "delete")
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            if index < len(old) and index < len(new):
                _compare(old[index], new[index], (*path, index), found)
            else:
                found[(*path, index)] = PropertyDiff(kind="add" if index < len(new) else "delete")
    elif old != new or type(old) is not type(new):
        found[path] = PropertyDiff(kind="update")


def top_keys(paths: Iterable[Path]) -> tuple[str, ...]:
    """Return the top-level keys of paths, sorted, each once."""
    return tuple(sorted({str(path[0]) for path in paths if path}))


def rendered(found: Mapping[Path, PropertyDiff]) -> dict[str, PropertyDiff]:
    """Return a comparison by the text of its paths."""
    return {render(path): diff for path, diff in found.items()}


def matching(patterns: Sequence[str], path: str) -> bool:
    """Tell whether any pattern names `path` or something above it."""
    parsed = parse(path)
    return any(contains(parse(pattern), parsed) for pattern in patterns)
