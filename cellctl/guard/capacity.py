"""Whether the zones of a cell offer the sizes that a plan asks for, asked before anything is made.

A cloud that has no machines of a size in a zone says so only half way through an `up`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from cellctl.errors import Objection
from cellctl.facts.conditions import at
from cellctl.facts.offers import Offers, Sized, offers
from cellctl.guard.case import Case, Size
from cellctl.plan import Change, Declared, Plan
from cellctl.state.values import UNKNOWN, Value

CODE = "size_not_offered"


def sizes(plan: Plan, declared: Sequence[Declared]) -> tuple[Size, ...]:
    """Return the sizes of what a plan makes, replaces or resizes, each with the zones that it may stand in."""
    if plan.operation != "up":
        return ()
    known, changes = offers(plan.cloud), {change.urn: change for change in plan.changes}
    around = _zones(known, declared)
    groups: dict[tuple[Size, str], int] = {}
    for item in declared:
        for sized in known.sizes:
            if sized.type == item.type and _asks(changes.get(item.urn), sized):
                size, zones_each = _size(sized, item, around)
                if size.name:
                    # What has one parent is spread over the zones; another component may begin anew.
                    groups[size, item.parent] = groups.get((size, item.parent), 0) + zones_each
    least: dict[Size, int] = {}
    for (size, _), count in groups.items():
        least[size] = max(least.get(size, 1), min(count, len(size.zones)))
    return tuple(replace(size, least=count) for size, count in least.items())


def _asks(change: Change | None, sized: Sized) -> bool:
    if change is None or change.action not in ("create", "replace", "update"):
        return False
    return change.action != "update" or any(item.path == sized.at for item in change.diff)


def _size(sized: Sized, item: Declared, around: tuple[str, ...]) -> tuple[Size, int]:
    """Return the size of one thing, its name `` where it is not known yet, and in how many zones the thing stands."""
    own = _words(at(item.inputs, sized.zones)) if sized.zones else ()
    size = Size(
        kind=sized.kind,
        name="".join(_words(at(item.inputs, sized.at))),
        engine="".join(_words(at(item.inputs, sized.engine))) if sized.engine else "",
        zones=own if sized.zones else around,
    )
    return size, 2 if sized.both and at(item.inputs, sized.both) is True else 1


def _zones(known: Offers, declared: Iterable[Declared]) -> tuple[str, ...]:
    """Return the zones that a cell's own subnets are in; none where it uses somebody else's."""
    found = (_words(at(item.inputs, known.zone_at)) for item in declared if item.type == known.zone_type)
    return tuple(sorted({zone for zones in found for zone in zones}))


def _words(value: Value) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(item for item in values if isinstance(item, str) and item != UNKNOWN)


def offered(plan: Plan, case: Case) -> Iterator[Objection]:
    """Refuse to begin what would stop half way because a size is not to be had; what nobody could ask is let pass."""
    for size, offer in case.offers.items():
        if offer.doubt or _enough(size, offer.zones):
            continue
        there = f"is offered it in {', '.join(sorted(offer.zones))}"
        if not offer.zones:
            there = "is not offered it there" if size.zones else "is offered it in no zone of this region"
        where = f" in {size.least} of the zones {', '.join(size.zones)}" if len(size.zones) > 1 else ""
        where = f" in zone {size.zones[0]}" if len(size.zones) == 1 else where
        engine = f" for {size.engine}" if size.engine else ""
        yield Objection(
            code=CODE,
            reason=f"{size.name}{engine} is needed{where}, and account {plan.account} {there}",
            remedy=_remedy(plan, size),
            flag=f"--override {CODE}",
        )


def _enough(size: Size, zones: frozenset[str]) -> bool:
    return len(zones & {*size.zones}) >= size.least if size.zones else bool(zones)


def lacking(usage: Mapping[Size, frozenset[str]]) -> Iterator[str]:
    """Yield which of a cell's zones do not offer a size, where enough others do."""
    for size, zones in usage.items():
        without = [zone for zone in size.zones if zone not in zones]
        if without and _enough(size, zones):
            yield f"{size.name} is not offered in {', '.join(without)}: what is to stand there cannot be made"


def _remedy(plan: Plan, size: Size) -> str:
    if plan.account == "sandbox":
        return f"cellctl sandbox withhold --clear {size.name}"
    asked = "AWS support" if plan.cloud == "aws" else "Azure support for the region and zones of the size"
    return f"use another size, zone or region, or ask {asked}"
