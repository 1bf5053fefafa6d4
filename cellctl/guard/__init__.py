"""Guards judge a Plan before anything is changed. Each returns Objections; one is enough to refuse.

Outsiders add guards through the entry-point group `cellctl.guards`: a callable `(plan, case) -> Iterable[Objection]`.
"""

from __future__ import annotations

import functools
from importlib.metadata import entry_points

from cellctl.errors import Objection
from cellctl.guard.capacity import lacking, offered, sizes
from cellctl.guard.case import Case, Guard, Licence, Need, Offer, Size, Usage
from cellctl.guard.cell_file import (
    FROZEN,
    frozen_fields,
    immutable_inputs,
    licensed,
    running_nodes,
    shared_balancers,
)
from cellctl.guard.exceptions import Freeze, PolicyException
from cellctl.guard.freezes import frozen_time
from cellctl.guard.imports import taken_over
from cellctl.guard.loss import accepted_losses, losses, stateful_loss
from cellctl.guard.policy import policy_pack
from cellctl.guard.proof import caches
from cellctl.guard.quota import needs, within_quotas
from cellctl.plan import Plan

__all__ = [
    "FROZEN",
    "MOMENTARY",
    "Case",
    "Freeze",
    "Guard",
    "Licence",
    "Need",
    "Offer",
    "PolicyException",
    "Size",
    "Usage",
    "accepted_losses",
    "caches",
    "frozen_fields",
    "judge",
    "lacking",
    "losses",
    "needs",
    "running_nodes",
    "shared_balancers",
    "sizes",
    "split",
]

MOMENTARY = frozenset({"frozen", "outside_window", "cache_dirty"})
"""Codes of objections that only say "not now"."""
BUILT_IN: tuple[Guard, ...] = (
    frozen_fields, licensed, immutable_inputs, taken_over, stateful_loss, within_quotas, offered, frozen_time,
    policy_pack,
)  # fmt: skip


def judge(plan: Plan, case: Case) -> tuple[Objection, ...]:
    """Return the objections of every guard: the built-in ones, then those of other packages by name.

    Those whose flag is `--override CODE` are left out where the caller overrides that code.
    """
    return split(plan, case)[0]


def split(plan: Plan, case: Case) -> tuple[tuple[Objection, ...], tuple[Objection, ...]]:
    """Return the objections that stand, and those that the caller takes upon himself."""
    found = [objection for guard in (*BUILT_IN, *_outsiders()) for objection in guard(plan, case)]
    taken = tuple(item for item in found if item.code in case.override and item.flag.startswith("--override "))
    return tuple(item for item in found if item not in taken), taken


@functools.cache
def _outsiders() -> tuple[Guard, ...]:
    """Return the guards of other packages; looked for once, because fleets are judged plan by plan."""
    entries = sorted(entry_points(group="cellctl.guards"), key=lambda item: item.name)
    return tuple(entry.load() for entry in entries)
