"""What a check of the registry found, or a rebuild mended, as text for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cellctl.views.text import count

if TYPE_CHECKING:
    from cellctl.run.registry import Report


def checked_text(report: Report) -> RenderableType:
    """Return one line for each thing that is wrong, with its remedy below."""
    lines = [*_head(report), *_wrong(report, remedies=True), *_skipped(report)]
    if not report.violations:
        lines.append(Text("Nothing is wrong.", style="green"))
    return Group(*lines)


def rebuilt_text(report: Report) -> RenderableType:
    """Return one line for each thing that was mended."""
    lines = [*_head(report), *_wrong(report, remedies=False), *_skipped(report)]
    mended = f"{count(len(report.violations), 'thing')} mended." if report.violations else "Nothing had to be mended."
    return Group(*lines, Text(mended, style="green"), *_unproven(report))


def _unproven(report: Report) -> Iterator[Text]:
    for gateway, number in report.unproven.items():
        held = f"{count(number, 'share')} of {gateway} may hold files of cells that left: no cell gets one."
        yield Text(f"{held} cellctl gateway probe {gateway} frees those that hold nothing", style="yellow")


def _head(report: Report) -> Iterator[Text]:
    yield Text.assemble(("Registry ", "bold"), report.registry)
    yield Text(f"{count(report.cells, 'cell')} compared with what their states say", style="dim")


def _wrong(report: Report, *, remedies: bool) -> Iterator[Text]:
    for item in report.violations:
        yield Text.assemble(("✘ ", "bold red"), (f"{item.invariant:<6}", "bold"), f"{item.subject}: {item.message}")
        if remedies:
            yield Text(f"{'':8}{item.remedy}", style="yellow")


def _skipped(report: Report) -> Iterator[Text]:
    for cell, why in report.skipped.items():
        yield Text(f"· not compared: {cell}, {why}", style="dim")
