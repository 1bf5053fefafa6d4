"""Property paths (`tags.x`, `list[0]`, `a["b.c"]`, `*`): parsing, resetting to old values, matching, comparing."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from cellctl.state.values import SIGNATURE, Struct, Value, is_secret, secret
from cellctl_provider.protocol import PropertyDiff

Path: TypeAlias = tuple[str | int, ...]
Within: TypeAlias = tuple[bool, bool]
_PART = re.compile(r'\.?\[(-?\d+|\*|"(?:[^"\\]|\\.)*")\]|\.?([^.\[]+)')
_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_$\-:/]*")


class BadPath(ValueError):
    """A property path cannot be parsed."""


def parse(text: str) -> Path:
    """Return the parts of a path; raises `BadPath`."""
    parts: list[str | int] = []
    position = 0
    if text.startswith("."):
        raise BadPath(f"the property path '{text}' starts with no name")
    while position < len(text):
        match = _PART.match(text, position)
        if not match:
            raise BadPath(f"cannot parse the property path '{text}'")
        index, key = match.groups()
        if key is not None:
            parts.append(key)
        elif index.removeprefix("-").isdigit():
            parts.append(int(index))
        else:
            parts.append(re.sub(r'\\(")', r"\1", index.removeprefix('"').removesuffix('"')))
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
def reset(news: Struct, olds: Struct, patterns: Iterable[str]) -> tuple[Struct, list[str]]:
    """Return `news` with every property that `patterns` names as it is in `olds`; absent there means absent.

    Also the patterns that could not be followed to their end, because part of the path was added or removed. What
    cannot be parsed names nothing.
    """
    result, lost = copy.deepcopy(news), []
    for pattern in patterns:
        try:
            path = parse(pattern)
        except BadPath:
            continue
        if not _reset(result, olds, path, (False, False)):
            lost.append(pattern)
    return result, lost


def _reset(new: Value, old: Value, path: Path, within: Within) -> bool:
    """Reset what `path` names in `new`, in place; `within`: whether old and new value lie in a secret."""
    if not path:
        return False
    within = (within[0] or is_secret(old), within[1] or is_secret(new))
    new, old = _inside(new), _inside(old)
    head, rest = path[0], path[1:]
    if head == "*":
        return _reset_all(new, old, rest, within)
    if isinstance(head, int):
        return _reset_index(new, old, head, rest, within)
    if not isinstance(new, dict) or not isinstance(old, dict):
        if rest:
            return not isinstance(new, dict) and not isinstance(old, dict)
        if isinstance(new, dict):
            new.pop(head, None)
        return not (isinstance(old, dict) and head in old)
    if not rest:
        _take(new, old, head, within)
        return True
    if head not in old and head not in new:
        return True
    return head in new and _reset(new[head], old.get(head), rest, within)


def _reset_index(new: Value, old: Value, index: int, rest: Path, within: Within) -> bool:
    if not isinstance(new, list) or not isinstance(old, list):
        return not isinstance(new, list) and not isinstance(old, list)
    inside = [index < len(new), index < len(old)]
    if index < 0 or not all(inside):
        return index >= 0 and not rest and not any(inside)
    if rest:
        return _reset(new[index], old[index], rest, within)
    new[index] = _as_hidden(old[index], within)
    return True


def _reset_all(new: Value, old: Value, rest: Path, within: Within) -> bool:
    if isinstance(new, dict) and isinstance(old, dict):
        if not rest:
            for key in [*new, *old]:
                _take(new, old, key, within)
            return True
        return all(key in new and _reset(new[key], item, rest, within) for key, item in old.items())
    if isinstance(new, list) and isinstance(old, list):
        followed = [_reset_index(new, old, index, rest, within) for index in range(min(len(new), len(old)))]
        return all(followed) and len(new) == len(old)
    return not rest and isinstance(new, dict | list)


def _take(new: Struct, old: Struct, key: str, within: Within) -> None:
    if key in old:
        new[key] = _as_hidden(old[key], within)
    else:
        new.pop(key, None)


def _as_hidden(value: Value, within: Within) -> Value:
    return secret(value) if within == (True, False) and not is_secret(value) else value


def _inside(value: Value) -> Value:
    while is_secret(value):
        value = value.get("value")
    return value


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
