"""What a change means for the people who use the cell, said with the plan: an outage, or nodes that leave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cellctl.plan import Diagnostic
from cellctl.run.target import running_case

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cellctl.run.target import Target
    from cellctl.state.backend import Loaded
    from cellctl.state.values import Struct, Value


def announced(target: Target, before: Struct, loaded: Loaded | None) -> tuple[Diagnostic, ...]:
    """Return warnings about what an `up` of this target interrupts; nothing where no node runs.

    `before` is the record of its stack, `loaded` its state.
    """
    case = running_case(target, before, loaded.checkpoint if loaded else None)
    said = (*_upgrade(case.recorded_spec, case.wanted_spec), *_departure(case.recorded_spec, case.wanted_spec))
    return tuple(Diagnostic(severity="warning", message=message) for message in said)


def _upgrade(before: Mapping[str, Value], after: Mapping[str, Value]) -> Iterator[str]:
    old, new = _in(before, "octopus", "version"), _in(after, "octopus", "version")
    if old and new and old != new:
        yield (
            f"Octopus {old} becomes {new}: an outage of about 5 to 10 minutes. Running tasks end first (at most 10 "
            "minutes, else nothing is changed); then all nodes stop, the first upgrades the database, the others follow"
        )


def _departure(before: Mapping[str, Value], after: Mapping[str, Value]) -> Iterator[str]:
    old, new = _in(before, "nodes", "count"), _in(after, "nodes", "count")
    if isinstance(old, int | float) and isinstance(new, int | float) and new < old:
        yield (
            f"{int(old - new)} of {int(old)} nodes leave, the cell stays up: each takes no new task and has 10 minutes "
            "for those it runs, which are then cancelled"
        )


def _in(spec: Mapping[str, Value], section: str, key: str) -> Value:
    found = spec.get(section)
    return found.get(key) if isinstance(found, dict) else None
