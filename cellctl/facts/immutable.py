"""What a cloud never changes in place: a type's `immutable` paths, for who foresees a refusal and who makes it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cellctl.facts.conditions import every
from cellctl.state.values import Value

_POSITION = re.compile(r"\[\d+\]")


def held(path: str, where: str, value: Value) -> list[Value]:
    """Return what a value that stands at `where` (`` the whole object, `subnets[0]`) holds of an immutable path.

    A value inside of what must stay is part of it, also one that is absent (None).

    >>> held("subnets.*.addressPrefix", "subnets[1]", {"name": "b", "addressPrefix": "10.0.1.0/24"})
    ['10.0.1.0/24']
    >>> held("zones", "zones[0]", "1")
    ['1']
    >>> held("zones", "tags.zones", "1")
    []
    """
    here = _POSITION.sub(lambda found: ".*" if "*" in path else f".{found[0][1:-1]}", where)
    if not here:
        return list(every(value, path))
    if here == path:
        return [] if value is None else [value]
    if here.startswith(f"{path}."):
        return [value]
    return list(every(value, path.removeprefix(f"{here}."))) if path.startswith(f"{here}.") else []


def stays(path: str, before: Sequence[Value], after: Sequence[Value]) -> bool:
    """Tell whether what an immutable path holds stays.

    What was not there may come. Of a path with `*`, elements may come or go, not change.

    >>> stays("zones", ["1"], ["2"]), stays("zones", [], ["2"]), stays("zones", ["1"], [])
    (False, True, False)
    >>> stays("ranges.*", ["a", "b"], ["b"]), stays("ranges.*", ["a"], ["a", "b"]), stays("ranges.*", ["a"], ["b"])
    (True, True, False)
    """
    if "*" in path:
        return all(item in after for item in before) or all(item in before for item in after)
    return not before or list(before) == list(after)
