"""`cellctl pr`: what a pull request does to every cell."""

from __future__ import annotations

import typer

from cellctl.cli.options import help_if_alone
from cellctl.cli.pr import comment, preview

app = typer.Typer(help="Show what a pull request does to every cell, as one comment.", rich_markup_mode=None)
app.callback(invoke_without_command=True)(help_if_alone)
app.command()(preview.preview)
app.command()(comment.comment)
