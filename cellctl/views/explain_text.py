"""What is known of one resource, as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cellctl.run.explaining import Explained
from cellctl.views.text import duration, type_name

_MOST = 8


def explain_text(found: Explained) -> RenderableType:
    """Return everything that is known of a resource."""
    level, _, short = found.cell.rpartition("/")
    title = Text.assemble((found.name, "bold"), f" · {type_name(found.type)} · {level or 'cell'} {short}")
    if found.stateful:
        title.append(" · holds data", style="bold red")
    if found.protected:
        title.append(" · protected", style="cyan")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    before = ""
    for label, value in _rows(found):
        grid.add_row("" if label == before else f"  {label}", value)
        before = label
    return Group(title, grid)


def _rows(found: Explained) -> Iterator[tuple[str, str]]:
    yield "URN", found.urn
    if found.id:
        yield "Id", found.id
    if found.within:
        yield "Stands in", " > ".join(found.within)
    yield "Needs", _names(found.needs) or "nothing else"
    yield "Needed by", _names(found.needed_by) or "nothing else"
    if found.replaces:
        yield "Replaced by a change of", ", ".join(found.replaces)
    if found.immutable:
        yield "Never changes", ", ".join(found.immutable)
    if found.usual_s:
        yield "Usually takes", ", ".join(f"{action} {duration(seconds)}" for action, seconds in found.usual_s.items())
    if found.monthly_usd:
        yield "Costs", f"about {found.monthly_usd:,.2f} USD a month at list prices"
    for text in (*found.lost, *found.after_deletion):
        yield "When deleted", text.partition(": ")[2]
    for source in found.sources:
        yield "Sources", source
    if not found.sources:
        yield "Sources", "the state; cellctl has no facts of this type"


def _names(urns: Sequence[str]) -> str:
    shown = [f"{urn.rpartition('::')[2]} ({type_name(_type(urn))})" for urn in urns[:_MOST]]
    more = [f"{len(urns) - _MOST} more"] if len(urns) > _MOST else []
    return ", ".join([*shown, *more])


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]
