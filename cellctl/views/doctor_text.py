"""What `doctor` found, as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

if TYPE_CHECKING:
    from cellctl.doctor import Finding

_MARKS = {"ok": ("✔", "green"), "note": ("·", "dim"), "warning": ("!", "yellow"), "missing": ("✘", "bold red")}


def doctor_text(findings: Sequence[Finding]) -> RenderableType:
    """Return one line for each finding, with the remedy below what is wrong."""
    lines: list[RenderableType] = []
    for finding in findings:
        mark, style = _MARKS[finding.level]
        lines.append(Text.assemble((f"{mark} ", style), (f"{finding.subject:<12} ", "bold"), finding.message))
        if finding.remedy:
            lines.append(Text(f"{'':15}{finding.remedy}", style="yellow"))
    return Group(*lines)
