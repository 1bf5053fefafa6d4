"""Property paths as Pulumi writes them (`tags["a.b"]`, `rules[0].cidr`), and differences between two values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cellctl.state.values import SIGNATURE, Value

Path = tuple[str | int, ...]
_TOKEN = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|\.?([^.\[\]]+)')


def parse(path: str) -> Path:
    """Return the parts of a path; list positions are numbers."""
    parts: list[str | int] = []
    for quoted, index, name in _TOKEN.findall(path):
        if index:
            parts.append(int(index) if index.isdigit() else index)
        else:
            parts.append(name or quoted.replace('\\"', '"'))
    return tuple(parts)


def render(path: Sequence[str | int]) -> str:
    """Return a path as text."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[\w-]+", part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


def lookup(value: Value, path: Sequence[str | int]) -> tuple[bool, Value]:
    """Return whether there is something at `path`, and what; a secret wrapper on the way is what there is."""
    for part in path:
        if isinstance(value, dict) and SIGNATURE in value:
            return True, value
        if isinstance(value, dict) and isinstance(part, str) and part in value:
            value = value[part]
            continue
        if not (isinstance(value, list) and isinstance(part, int) and part < len(value)):
            return False, None
        value = value[part]
    return True, value


def differences(before: Value, after: Value, path: Path = ()) -> Iterator[tuple[Path, Value, Value]]:
    """Yield each leaf that differs; None stands for absent. Secret wrappers and lists of other length are leaves."""
    if before == after:
        return
    if _plain(before) and _plain(after):
        assert isinstance(before, dict)
        assert isinstance(after, dict)
        for key in [*before, *(key for key in after if key not in before)]:
            yield from differences(before.get(key), after.get(key), (*path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, (*path, index))
    else:
        yield path, before, after


def _plain(value: Value) -> bool:
    return isinstance(value, dict) and SIGNATURE not in value
