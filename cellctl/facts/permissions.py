"""What cellctl must be allowed to do, as data: the API actions behind each resource type that a program declares.

The data are `permissions/<cloud>.toml` beside this module; every entry names a source with a date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cellctl.facts.document import FactsError, Table

_FOLDER = Path(__file__).parent / "permissions"


@dataclass(frozen=True, kw_only=True, slots=True)
class Actions:
    """Actions that look (`read`) and that change (`write`)."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()


def permissions(cloud: str) -> Mapping[str, Actions]:
    """Return the actions behind each resource type of a cloud.

    Raises:
        FactsError: The file breaks the format.
    """
    return _read(cloud)[1]


def looks(cloud: str) -> Actions:
    """Return the actions of what cellctl asks of an account beside resources: zones, images, quotas.

    Raises:
        FactsError: The file breaks the format.
    """
    return _read(cloud)[0]


def needed(cloud: str, type_: str, operation: str) -> tuple[str, ...]:
    """Return the actions that a call on a resource type takes: to look for `read` and `invoke`, else to change.

    Raises:
        FactsError: Nobody has said what is behind this type.
    """
    found = permissions(cloud).get(type_)
    if found is None:
        raise FactsError(f"permissions/{cloud}.toml does not say what calls on {type_} take")
    return found.read if operation in ("read", "invoke") else found.write


@lru_cache(maxsize=4)
def _read(cloud: str) -> tuple[Actions, Mapping[str, Actions]]:
    table = Table.load(_FOLDER / f"{cloud}.toml")
    sources = set(table.struct("sources"))
    found: dict[str, Actions] = {}
    for token, entry in table.named("types"):
        found[token] = _actions(entry, sources)
    beside = _actions(table.table("looks"), sources)
    table.end()
    return beside, found


def _actions(entry: Table, sources: set[str]) -> Actions:
    entry.source(sources)
    actions = Actions(read=entry.texts("read"), write=entry.texts("write"))
    entry.end()
    return actions


def merged(found: Iterable[Actions]) -> Actions:
    """Return all actions of several types, each once, sorted."""
    listed = list(found)
    return Actions(
        read=tuple(sorted({action for one in listed for action in one.read})),
        write=tuple(sorted({action for one in listed for action in one.write})),
    )
