"""One cell on two clouds, for people and for the docs."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cellctl.run.comparing import Comparison, Row

_ON_A_REEF = (
    "it stands on reef {reef}, and is compared as one that stands alone: there its database is on a server that it "
    "shares, which stays when the cell goes, and zones of server and gateway are the reef's"
)
_BORROWED = (
    "it is compared as one that has its own of what {fields} names: "
    "what a key, zone or network of yours promises, you know"
)
_NAMES = {"aws": "AWS", "azure": "Azure"}


def clouds_text(found: Comparison) -> RenderableType:
    """Return the comparison: what differs first, with what that means; then what is the same."""
    differing = [row for row in found.rows if not row.same]
    alike = [row for row in found.rows if row.same]
    title = Text.assemble((found.cell, "bold"), f" · {len(differing)} promises differ, {len(alike)} are the same")
    parts: list[RenderableType] = [title]
    if found.reef:
        parts.append(Text(f"! {_ON_A_REEF.format(reef=found.reef)}", style="yellow"))
    if found.borrowed:
        parts.append(Text(f"! {_BORROWED.format(fields=', '.join(found.borrowed))}", style="yellow"))
    for cloud, problems in found.missing.items():
        parts.extend(
            Text(f"! {_name(cloud)} does not have it yet: {one.field}: {one.message}", style="yellow")
            for one in problems
        )
    parts.extend(Text(f"✘ its stack does not keep what is promised: {one}", style="red") for one in found.broken)
    for row in differing:
        parts.append(Text(f"\n{row.title}", style="bold"))
        parts.append(_said(row))
        parts.append(Text(f"  {row.difference}", style="yellow"))
    parts.append(Text("\nThe same on both", style="bold"))
    grid = Table.grid(padding=(0, 2))
    for row in alike:
        grid.add_row(f"  {row.title}", next(iter(row.promises.values())).says)
    parts.append(grid)
    return Group(*parts)


def _said(row: Row) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for cloud, promise in row.promises.items():
        grid.add_row(f"  {_name(cloud)}", promise.says)
    return grid


def clouds_markdown(found: Comparison) -> str:
    """Return the comparison as a table in Markdown, with sources below."""
    clouds = list(found.regions)
    lines = [
        f"| | {' | '.join(f'{_name(cloud)} ({found.regions[cloud]})' for cloud in clouds)} | the difference |",
        f"|---|{'---|' * len(clouds)}---|",
    ]
    for row in found.rows:
        told = " | ".join(row.promises[cloud].says for cloud in clouds)
        lines.append(f"| **{row.title}** | {told} | {row.difference or 'none'} |")
    return "\n".join([*lines, "", "Sources:", "", *(f"- {source}" for source in _sources(found))])


def _sources(found: Comparison) -> Iterator[str]:
    seen: dict[str, None] = {}
    for row in found.rows:
        seen.update(dict.fromkeys(promise.source for promise in row.promises.values()))
    yield from seen


def _name(cloud: str) -> str:
    return _NAMES.get(cloud, cloud)
