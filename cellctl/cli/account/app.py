"""The commands of `cellctl account`."""

from __future__ import annotations

import typer

from cellctl.cli.account import down, quotas, up
from cellctl.cli.options import help_if_alone

app = typer.Typer(help="What an account needs before any other stack, and what it carries.", rich_markup_mode=None)
app.callback(invoke_without_command=True)(help_if_alone)
app.command()(up.up)
app.command()(down.down)
app.command()(quotas.quotas)
