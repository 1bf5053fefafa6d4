"""What becomes of data when a cell goes: what its clouds keep by their own rules, and what nothing brings back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cellctl import facts
from cellctl.facts.conditions import at

if TYPE_CHECKING:
    from cellctl.state.resources import ResourceState

_FIELD = re.compile(r"\{([A-Za-z.]+)\}")


def kept(rows: Iterable[ResourceState]) -> tuple[str, ...]:
    """Return a sentence for each deleted resource of which a cloud keeps something."""
    return tuple(_sentences(rows, lost=False))


def lost(rows: Iterable[ResourceState]) -> tuple[str, ...]:
    """Return a sentence for each resource whose deletion also ends what could bring its data back."""
    return tuple(_sentences(rows, lost=True))


def _sentences(rows: Iterable[ResourceState], *, lost: bool) -> Iterator[str]:
    names: dict[str, list[str]] = {}
    for row in rows:
        known = facts.of(row.type)
        for rule in known.after_deletion if known else ():
            if rule.lost is lost and rule.when.holds(row.inputs):
                names.setdefault(_filled(rule.text, row), []).append(row.name)
    for text, members in names.items():
        more = f" and {len(members) - 1} more" if len(members) > 1 else ""
        yield f"{members[0]}{more}: {text}"


def _filled(text: str, row: ResourceState) -> str:
    return _FIELD.sub(lambda match: str(at(row.inputs, match[1])), text)
