"""The commands of `cellctl sandbox`."""

from __future__ import annotations

import typer

from cellctl.cli.options import help_if_alone
from cellctl.cli.sandbox import clock, edit, fault, reset, secret, serve, show

app = typer.Typer(
    help="Look at the simulated clouds, make them fail, set their time. Nothing real is created.",
    rich_markup_mode=None,
)
app.callback(invoke_without_command=True)(help_if_alone)
app.command()(show.show)
app.command()(fault.fault)
app.command()(edit.edit)
app.command()(clock.clock)
app.command()(reset.reset)
app.command()(secret.secret)
app.command()(serve.serve)
