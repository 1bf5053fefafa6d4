"""The commands of `cellctl schema`."""

from __future__ import annotations

import typer

from cellctl.cli.schema import convert, printed

app = typer.Typer(help="The formats of the files: their JSON schemas, and older versions.", rich_markup_mode=None)
app.callback(invoke_without_command=True)(printed.alone)
app.command()(printed.cell)
app.command()(printed.home)
app.command()(printed.reef)
app.command()(printed.plan)
app.command()(convert.convert)
