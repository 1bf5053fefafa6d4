"""Guards judge a Plan before anything is changed. Each returns Objections; one is enough to refuse.

Outsiders add guards through the entry-point group `cellctl.guards`: a callable `(plan, case) -> Iterable[Objection]`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Protocol

from cellctl import facts
from cellctl.errors import Objection
from cellctl.facts import immutable
from cellctl.plan import UNKNOWN_TEXT, Change, Plan, PropertyChange
from cellctl.state.values import Value

FROZEN = ("cloud", "account", "region", "placement")
_LOSES = ("replace", "delete")
_VERSION, _COUNT, _LICENCE = "octopus.version", "nodes.count", "octopus.licence.secret"
_OVER_LIMIT = "over its limit Octopus neither creates nor deploys releases: get another licence first"


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What a guard may know besides the Plan.

    `allow`: URNs that the caller named. `keep_data`, `delete_data`: what `down` was told. `recorded`: cloud, account,
    region and placement that the stack was made with; `wanted`: those of the file; both empty where they do not apply.
    `recorded_spec`, `wanted_spec`: what stands below `spec` in the stack's record and in the file, where nodes run;
    `node_limit`: how many nodes the installed licence allows, 0 where none is known. `licence` is the one to be
    installed, None where none is or where nobody here can tell.
    """

    allow: frozenset[str] = frozenset()
    keep_data: bool = False
    delete_data: bool = False
    recorded: Mapping[str, str] = field(default_factory=dict)
    wanted: Mapping[str, str] = field(default_factory=dict)
    recorded_spec: Mapping[str, Value] = field(default_factory=dict)
    wanted_spec: Mapping[str, Value] = field(default_factory=dict)
    node_limit: int = 0
    licence: Licence | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Licence:
    """The licence that a plan would install: its secret, how many nodes it allows and how many there would be.

    `missing` says why there is none, `` where there is; `remedy` what puts it there.
    """

    reference: str
    nodes: int
    limit: int = 0
    missing: str = ""
    remedy: str = ""


class Guard(Protocol):
    """Judges a plan."""

    def __call__(self, plan: Plan, case: Case) -> Iterable[Objection]:
        """Return why the plan must not be applied; nothing if it may."""


def frozen_fields(plan: Plan | None, case: Case) -> Iterator[Objection]:
    """Refuse another cloud, account, region or placement for what exists."""
    del plan
    for key in FROZEN:
        before, after = case.recorded.get(key, ""), case.wanted.get(key, "")
        if before and after and before != after:
            yield Objection(
                code="frozen_field",
                reason=f"{key} is {before} and cannot become {after}: a cell never moves",
                remedy=f"set {key} back to {before}, or create another cell",
            )


def running_nodes(case: Case) -> Iterator[Objection]:
    """Refuse what nodes that run cannot become: an older version, a version beside another, more than are licensed."""
    before, after = str(_at(case.recorded_spec, _VERSION) or ""), str(_at(case.wanted_spec, _VERSION) or "")
    had, wants = _at(case.recorded_spec, _COUNT), _at(case.wanted_spec, _COUNT)
    grows = isinstance(had, int | float) and isinstance(wants, int | float) and wants > had
    if before and after and version_key(after) < version_key(before):
        yield Objection(
            code="version_older",
            reason=f"{_VERSION} is {before} and cannot become {after}: the database's schema does not go back",
            remedy=f"set it back to {before} or to a newer one; an older version needs the database of its time",
        )
    elif before and after and after != before and grows:
        yield Objection(
            code="upgrade_with_growth",
            reason=f"{_VERSION} and {_COUNT} would change at once, and a node must never join in another version",
            remedy="change one of them, run `cellctl up`, then the other",
        )
    other = _at(case.recorded_spec, _LICENCE) != _at(case.wanted_spec, _LICENCE)  # then `licensed` judges its limit
    if case.node_limit and not other and grows and isinstance(wants, int | float) and wants > case.node_limit:
        yield Objection(
            code="licence_limit",
            reason=f"{_COUNT} would be {int(wants)}, and the installed licence allows {case.node_limit}",
            remedy=_OVER_LIMIT,
        )


def licensed(plan: Plan, case: Case) -> Iterator[Objection]:
    """Refuse before anything is made what the step that installs the licence would refuse half way through."""
    del plan
    found = case.licence
    if found is None:
        return
    if found.missing:
        yield Objection(
            code="licence_missing",
            reason=f"octopus.licence cannot be read: {found.missing}",
            remedy=found.remedy,
        )
    elif found.nodes > found.limit:
        yield Objection(
            code="licence_limit",
            reason=f"{_COUNT} is {found.nodes}, and the licence in {found.reference} allows {found.limit}",
            remedy=_OVER_LIMIT,
        )


def version_key(version: str) -> tuple[int, ...]:
    """Return a version as numbers that compare; what is no number counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))


def _at(spec: Mapping[str, Value], path: str) -> Value:
    value: Value = dict(spec)
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def immutable_inputs(plan: Plan, case: Case) -> Iterator[Objection]:
    """Refuse an update of what its cloud never changes: it looks harmless, and would be refused half way through.

    The provider does not know these (reference: azure-native sends the update, Azure answers 409); the facts do.
    """
    del case
    for change in plan.changes:
        known = facts.of(change.type) if change.action == "update" and plan.operation == "up" else None
        for path in sorted(known.immutable) if known else ():
            if _breaks(change.diff, path):
                yield Objection(
                    code="immutable",
                    reason=f"{path} of {change.name} ({change.type}) would change, and its cloud never changes it",
                    remedy="set back in the cell file what it comes from, or create another cell",
                    urn=change.urn,
                )


def _breaks(changes: Sequence[PropertyChange], path: str) -> bool:
    """Tell whether changes break an immutable path; what is not known yet breaks none."""
    known = [item for item in changes if item.after != UNKNOWN_TEXT]
    before = [one for item in known for one in immutable.held(path, item.path, item.before)]
    after = [one for item in known for one in immutable.held(path, item.path, item.after)]
    return not immutable.stays(path, before, after)


def stateful_loss(plan: Plan, case: Case) -> Iterator[Objection]:
    """Refuse to replace or delete anything stateful or protected that is not named."""
    if plan.operation == "refresh":
        return
    for change in plan.changes:
        losing = change.action in _LOSES and (change.stateful or change.blocked_by)
        if losing and change.urn not in case.allow:
            yield from _down(change, case) if plan.operation == "down" else (_unnamed(change),)


def _unnamed(change: Change) -> Objection:
    verb = "replaces" if change.action == "replace" else "deletes"
    keys = f" ({', '.join(change.replace_keys)})" if change.replace_keys else ""
    held = "which is protected" if change.blocked_by == "protect" and not change.stateful else "which holds data"
    return Objection(
        code=f"stateful_{change.action}",
        reason=f"this {verb} {change.name} ({change.type}), {held}{keys}",
        remedy="change the cell file so that it stays, or name it if losing it is what you want",
        flag=f"--allow-replace '{change.urn}'",
        urn=change.urn,
    )


def _down(change: Change, case: Case) -> Iterator[Objection]:
    if case.keep_data or case.delete_data:
        return
    yield Objection(
        code="stateful_delete",
        reason=f"{change.name} ({change.type}) holds data",
        remedy="say whether data stays (--keep-data) or goes (--delete-data)",
        flag="--keep-data",
        urn=change.urn,
    )


BUILT_IN: tuple[Guard, ...] = (frozen_fields, licensed, immutable_inputs, stateful_loss)


def judge(plan: Plan, case: Case) -> tuple[Objection, ...]:
    """Return the objections of every guard: the built-in ones, then those of other packages by name."""
    found = [objection for guard in BUILT_IN for objection in guard(plan, case)]
    for guard in _outsiders():
        found.extend(guard(plan, case))
    return tuple(found)


@functools.cache
def _outsiders() -> tuple[Guard, ...]:
    """Return the guards of other packages; looked for once, because fleets are judged plan by plan."""
    entries = sorted(entry_points(group="cellctl.guards"), key=lambda item: item.name)
    return tuple(entry.load() for entry in entries)
