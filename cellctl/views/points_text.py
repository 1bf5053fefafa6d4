"""Restore points as text for people. Times are the cloud's, in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

if TYPE_CHECKING:
    from cellctl.registry.points import RestorePoint

_KINDS = {
    "point_in_time": "any second until then",
    "before_upgrade": "as an upgrade of Octopus began",
    "final_snapshot": "final snapshot",
    "kept_backups": "backups that outlive the database",
}


def points_text(found: Sequence[RestorePoint], cell: str = "") -> RenderableType:
    """Return the restore points by cell, each with its key below; `cell` is whose were asked for, `` for all."""
    if not found:
        of = f" of a cell '{cell}'" if cell else ""
        return Text(f"The registry knows no restore point{of}: the second run of a cell records the first.")
    lines: list[Text] = []
    for index, point in enumerate(found):
        if not index or (point.account, point.cell) != (found[index - 1].account, found[index - 1].cell):
            lines.append(Text.assemble((point.cell, "bold"), (f"  {point.account}", "dim")))
        lines.append(Text(f"  {point_words(point)}"))
        lines.append(Text(f"    master key {point.master_key}, version {point.master_key_version}", style="dim"))
    return Group(*lines)


def point_words(point: RestorePoint) -> str:
    """Return a restore point in one line."""
    files = "" if point.files_time is None else ", files too"
    until = f", kept until {_day(point.expires)}" if point.expires is not None else ", kept until it is deleted"
    doubt = " (expected of a run that has not ended)" if point.state == "expected" else ""
    return f"{_minute(point.db_time)}: {_KINDS[point.kind]}{files}, {point.location}{until}{doubt}"


def _minute(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"
