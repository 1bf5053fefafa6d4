"""What is known of one resource of a cell, a reef or an account: from its state and the clouds' documentation.

Asks no cloud.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cellctl import facts
from cellctl.errors import UsageError
from cellctl.facts import costs
from cellctl.run import remains
from cellctl.run.status import load

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.run.options import RunOptions
    from cellctl.state.resources import ResourceState

_PREFIX = "urn:pulumi:"


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """One resource of `cell`, which is `acme`, `reef/r1` or `account/prod`.

    `within`: names of the components it stands in, the outermost first.
    `needs` and `needed_by` are URNs of the next ones only. `replaces`: inputs of which another value makes a new
    object; `immutable`: those that its cloud never changes. `usual_s`: p50 in cloud seconds by action. `monthly_usd`
    at list prices. `after_deletion`: what the cloud keeps then, and `lost` what nothing brings back. `sources` of all
    this; empty where cellctl has no facts of the type.
    """

    cell: str
    urn: str
    type: str
    name: str
    id: str
    within: tuple[str, ...]
    stateful: bool
    protected: bool
    needs: tuple[str, ...]
    needed_by: tuple[str, ...]
    replaces: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    usual_s: Mapping[str, float] = field(default_factory=dict)
    monthly_usd: float = 0.0
    after_deletion: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def explain(home: Home, resource: str, *, options: RunOptions, cells: Iterable[str] = ()) -> Explained:
    """Return what is known of a resource.

    Args:
        home: Its home.
        resource: URN, or a name that one resource of the home has.
        options: Where a state that is no folder is asked from.
        cells: Where to look for a name; all stacks of the home if empty, reefs and accounts too.

    Raises:
        UsageError: There is none (code `no_resource`), or several have that name (code `which_resource`).
    """
    if resource.startswith("urn:"):
        level, _, rest = resource.removeprefix(_PREFIX).partition("::")[0].partition("-")
        named = rest if level == "cell" else f"{level}/{rest}"
        cells = [named] if named in home.all_stacks() else []
    else:
        cells = [*cells] or home.all_stacks()
    states = {cell: rows(home, cell, options) for cell in cells}
    found = [
        (cell, row) for cell, found_there in states.items() for row in found_there if resource in (row.urn, row.name)
    ]
    if not found:
        raise UsageError(
            f"no stack of this home has a resource '{resource}'",
            hint="`cellctl preview CELL --details` and `cellctl sandbox show` name them",
            code="no_resource",
        )
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} resources are called '{resource}'",
            hint="name one: " + ", ".join(f"'{row.urn}'" for _, row in found[:10]),
            code="which_resource",
        )
    ((cell, row),) = found
    return _explained(cell, row, states[cell])


def rows(home: Home, cell: str, options: RunOptions) -> list[ResourceState]:
    """Return what a cell's state has, without what is about to be deleted; empty where there is none."""
    loaded = load(home, cell, options)
    return [row for row in loaded.checkpoint.resources if not row.delete] if loaded else []


def _explained(cell: str, row: ResourceState, rows: list[ResourceState]) -> Explained:
    known = facts.of(row.type)
    return Explained(
        cell=cell,
        urn=row.urn,
        type=row.type,
        name=row.name,
        id=row.id,
        within=_within(row, rows),
        stateful=known is not None and known.stateful,
        protected=row.protect,
        needs=_cloudy(rows, row.needs()),
        needed_by=_cloudy(rows, {other.urn for other in rows if row.urn in other.needs()}),
        replaces=tuple(sorted(known.replaces)) if known else (),
        immutable=tuple(sorted(known.immutable)) if known else (),
        usual_s={action: duration.p50 for action, duration in known.durations.base.items()} if known else {},
        monthly_usd=round(costs.monthly_usd(row.type, row.inputs), 2),
        after_deletion=remains.kept([row]),
        lost=remains.lost([row]),
        sources=_sources(known),
    )


def _within(row: ResourceState, rows: list[ResourceState]) -> tuple[str, ...]:
    by_urn = {item.urn: item for item in rows}
    names: list[str] = []
    above = by_urn.get(row.parent)
    while above is not None and above.type != "pulumi:pulumi:Stack":
        names.insert(0, above.name)
        above = by_urn.get(above.parent)
    return tuple(names)


def _cloudy(rows: list[ResourceState], urns: Iterable[str]) -> tuple[str, ...]:
    """Return those URNs that are of objects in a cloud, in the order of the state."""
    wanted = set(urns)
    return tuple(row.urn for row in rows if row.urn in wanted and row.custom and not row.is_provider)


def _sources(known: facts.TypeFacts | None) -> tuple[str, ...]:
    if known is None:
        return ()
    told = facts.service(*facts.place_of(known.type)).sources
    texts = (told.get(name) for name in sorted({*known.sources.values()}))
    return tuple(f"{source.what} ({source.date})" for source in texts if source)
