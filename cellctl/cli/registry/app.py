"""The commands of `cellctl registry`."""

from __future__ import annotations

import typer

from cellctl.cli.options import help_if_alone
from cellctl.cli.registry import check, rebuild, restore_points

app = typer.Typer(
    help="Look whether the registry (who has what, who did what) is right, and fill it anew.", rich_markup_mode=None
)
app.callback(invoke_without_command=True)(help_if_alone)
app.command()(check.check)
app.command()(rebuild.rebuild)
app.command("restore-points")(restore_points.restore_points)
