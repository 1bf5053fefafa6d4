"""Gateways, their gates and their shares, as text for people."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cellctl.gates import GATES, TITLES, ends_soon
from cellctl.views.text import SANDBOX_NOTE, count

if TYPE_CHECKING:
    from cellctl.gates import Judged
    from cellctl.run.serving import Found

STYLES = {"in_service": "green", "cordoned": "yellow", "probing": "cyan"}


def gateways_text(found: Sequence[Found], *, whole: bool) -> RenderableType:
    """Return a table of gateways, or with `whole` everything about each."""
    if not found:
        return Text("There are no gateways here. A reef has some: cellctl reef up --cloud aws r1")
    if whole:
        return Group(*(line for one in found for line in _whole(one)))
    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False)
    for column in ("gateway", "of", "state", "free", "gates", "supported until"):
        table.add_column(column, no_wrap=True)
    for one in found:
        view = one.view
        table.add_row(
            view.name, f"cell {view.reef}" if view.dedicated else f"reef {view.reef}", state_text(view.state),
            "–" if view.dedicated else f"{view.free} of {len(view.slots)}", _gates(one), _until(view.deprecated),
        )  # fmt: skip
    hints = [line for one in found for line in _waits(one)]
    return Group(table, *hints)


def judged_text(judged: Judged) -> RenderableType:
    """Return each gate as it was found."""
    head = "every gate holds" if judged.passed else f"{len(judged.shut)} of {len(GATES)} gates are shut"
    proven = f"  {count(len(judged.clean), 'share')} of unknown content hold nothing and are free"
    said = [Text(proven, style="green")] if judged.clean and judged.passed else []
    said += [Text(f"  not looked at: {judged.doubt}", style="yellow")] if judged.doubt else []
    return Group(Text(f"{judged.gateway}: {head}", style="bold"), *_lines(judged), *said)


def state_text(state: str) -> Text:
    """Return a state in its colour."""
    return Text(state.replace("_", " "), style=STYLES.get(state, "dim"))


def _whole(one: Found) -> Iterator[RenderableType]:
    view = one.view
    owner = f"cell {view.reef}" if view.dedicated else f"reef {view.reef}"
    title = Text.assemble((view.name, "bold"), f" · {owner} · {view.region} · zone {view.zone or '–'} · ")
    title.append_text(state_text(view.state))
    if one.account == "sandbox":
        title.append(f" · {SANDBOX_NOTE}", style="cyan")
    yield title
    yield Text(f"  {view.host} · {view.protocol} · health {view.health}")
    if view.judged is not None:
        facts = view.judged.facts
        window = f" · restarts {facts.window}" if facts.window else ""
        yield Text(f"  software {facts.software or '–'}, supported until {facts.deprecated or '–'}{window}")
        soon = ends_soon(view.deprecated, _today())
        yield from (
            [Text(f"  its software's support {soon}: let new cells go to another gateway", style="yellow")]
            if soon
            else []
        )
        yield from _lines(view.judged)
    elif not view.dedicated:
        yield Text("  its gates were never tried", style="dim")
    for slot in view.slots:
        yield Text(f"    {slot.share}  {slot.state}{f'  {slot.cell}' if slot.cell else ''}  {slot.bucket}", style="dim")
    yield from _waits(one)


def _lines(judged: Judged) -> Iterator[Text]:
    for gate in judged.gates:
        mark, style = ("✔", "green") if gate.passed else ("✘", "red")
        yield Text.assemble(
            (f"  {mark} ", style), gate.message if gate.passed else f"not so: {TITLES[gate.gate]}. {gate.message}"
        )
        if gate.hint:
            yield Text(f"      {gate.hint}", style="dim")


def _gates(one: Found) -> Text:
    judged = one.view.judged
    if judged is None:
        return Text("–" if one.view.dedicated else "never tried", style="dim")
    if judged.passed:
        return Text("all hold", style="green")
    return Text(f"shut: {', '.join(gate.gate for gate in judged.shut)}", style="red")


def _until(date: str) -> Text:
    return Text(date or "–", style="yellow" if ends_soon(date, _today()) else "dim")


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def _waits(one: Found) -> Iterator[Text]:
    view = one.view
    if view.state == "probing":
        yield Text(f"{view.name} waits: cellctl gateway into-service {view.name}", style="cyan")
    elif view.unfinished:
        yield Text(f"{view.name} is not complete: cellctl reef up {view.reef}", style="yellow")
