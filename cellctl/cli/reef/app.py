"""The commands of `cellctl reef`."""

from __future__ import annotations

import typer

from cellctl.cli.options import help_if_alone
from cellctl.cli.reef import alarms, cordon, down, expand, status, up

app = typer.Typer(help="Shared capacity for many cells: a network, database hosts, gateways.", rich_markup_mode=None)
app.callback(invoke_without_command=True)(help_if_alone)
app.command()(up.up)
app.command()(status.status)
app.command()(alarms.alarms)
app.command()(expand.expand)
app.command()(cordon.cordon)
app.command()(down.down)
