"""What tells how a network that is there leads out, and whom the policy of a key names: shared by all who look."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from cellctl.facts.conditions import at
from cellctl.facts.document import Table
from cellctl.state.values import Value

_SEALING = ("kms:decrypt", "kms:generatedatakey")


@lru_cache(maxsize=4)
def ways_out(cloud: str) -> Mapping[str, str]:
    """Return how a route leads out, by the first letters of its target's id."""
    table = Table.load(Path(__file__).parent / cloud / "layout" / "site.toml")
    ways = table.struct("routes").get("ways")
    return {str(begin): str(way) for begin, way in ways.items()} if isinstance(ways, dict) else {}


def way(targets: Iterator[str] | list[str], *, cloud: str) -> str:
    """Return how a route to one of these targets leads out, `` for targets that are not known."""
    known = ways_out(cloud)
    return next((how for one in targets for begin, how in known.items() if one.startswith(begin)), "")


def services_named(policy: str) -> tuple[str, ...]:
    """Return the services that a key's policy, JSON text, lets both open and seal; conditions are not judged."""
    try:
        document: Value = json.loads(policy) if policy else None
    except ValueError:
        return ()
    rows = at(document, "Statement")
    allowed: dict[str, set[str]] = {}
    for row in rows if isinstance(rows, list) else [rows]:
        if at(row, "Effect") == "Allow":
            for service in _texts(at(row, "Principal.Service")):
                allowed.setdefault(service, set()).update(one.lower() for one in _texts(at(row, "Action")))
    return tuple(sorted(
        service
        for service, actions in allowed.items()
        if all(any(fnmatchcase(wanted, one) for one in actions) for wanted in _SEALING)
    ))  # fmt: skip


def _texts(value: Value) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [value] if isinstance(value, str) else []
