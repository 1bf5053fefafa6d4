"""Status, lists of cells and outputs as text for people."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cellctl.state.values import Value
from cellctl.views.points_text import point_words
from cellctl.views.text import SANDBOX_NOTE, count, duration

if TYPE_CHECKING:
    from cellctl.run.status import CellStatus

_STATES = {
    "absent": ("not created", "dim"),
    "up": ("up", "green"),
    "partial": ("incomplete", "yellow"),
    "changing": ("changing", "cyan"),
    "data_only": ("data only", "yellow"),
}


def status_text(status: CellStatus) -> RenderableType:
    """Return what is known of one cell."""
    word, style = _STATES[status.state]
    title = Text.assemble((status.name, "bold"), f" · {status.cloud} · {status.region} · account {status.account} · ")
    title.append(word, style=style)
    if status.account == "sandbox":
        title.append(f" · {SANDBOX_NOTE}", style="cyan")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in _rows(status):
        table.add_row(f"  {label}", value)
    warnings = [Text(f"warning: {warning}", style="yellow") for warning in status.warnings]
    return Group(title, table, *warnings)


def _rows(status: CellStatus) -> list[tuple[str, str]]:
    rows = [("Resources", str(status.resources))]
    if status.url:
        rows.append(("Web", status.url))
    if status.version:
        rows.append(("Octopus", status.version))
    rows.extend(_node_rows(status))
    if status.changed_at:
        rows.append(("Changed", f"{_ago(status.changed_at)} ago"))
    if status.last_run:
        cut = status.last_result == "running" and not status.holder
        result = "ended early, its process is gone" if cut else status.last_result
        rows.append(("Last run", f"{status.last_run}: {result}"))
    rows.extend(_point_rows(status))
    if status.holder:
        rows.append(("Being changed by", status.holder))
    if status.pending:
        left = count(len(status.pending), "operation")
        rows.append(("Left half done", f"{left}; `cellctl up {status.name}` looks them up and goes on"))
    if status.unprotected:
        rows.append(("Unprotected", ", ".join(urn.rpartition("::")[2] for urn in status.unprotected)))
    if not status.file:
        rows.append(("File", "gone; the cell keeps running, `cellctl down` removes it"))
    elif status.file_differs:
        rows.append(("File", f"says something else than what runs; see `cellctl preview {status.name}`"))
    return rows


def _node_rows(status: CellStatus) -> list[tuple[str, str]]:
    rows = []
    for index, node in enumerate(status.nodes):
        work = f", up to {node.task_cap} tasks" if node.task_cap else ""
        rows.append(("" if index else "Nodes", f"{node.name}: {node.version}, {node.state}{work}"))
    return rows


def _point_rows(status: CellStatus) -> list[tuple[str, str]]:
    labels = ("Restorable to", *[""] * len(status.restore_points))
    return list(zip(labels, map(point_words, status.restore_points), strict=False))


def cells_text(cells: Sequence[CellStatus]) -> RenderableType:
    """Return a table of cells."""
    if not cells:
        return Text("No cells yet. Start with: cellctl up --cloud aws acme")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in ("CELL", "CLOUD", "REGION", "ACCOUNT", "STATE", "RESOURCES", "CHANGED"):
        table.add_column(header, no_wrap=True, justify="right" if header == "RESOURCES" else "left")
    for cell in cells:
        word, style = _STATES[cell.state]
        changed = f"{_ago(cell.changed_at)} ago" if cell.changed_at else "-"
        table.add_row(
            cell.name, cell.cloud, cell.region, cell.account, Text(word, style=style), str(cell.resources), changed
        )
    return table


def outputs_text(outputs: Mapping[str, Value]) -> RenderableType:
    """Return outputs, one a line; structured ones as JSON."""
    if not outputs:
        return Text("No outputs yet.")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key in sorted(outputs):
        value = outputs[key]
        table.add_row(key, Text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    return table


def _ago(then: float) -> str:
    seconds = max(0.0, time.time() - then)
    days = int(seconds // 86400)
    return count(days, "day") if days else duration(seconds)
