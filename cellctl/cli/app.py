"""The Typer application: which commands there are. Loads no command's needs."""

from __future__ import annotations

from typing import Annotated

import typer

from cellctl.cli import (
    alarms,
    approve,
    cells,
    doctor,
    down,
    drift,
    explain,
    import_,
    outputs,
    portal,
    preview,
    refresh,
    rehearse,
    replay,
    status,
    up,
)
from cellctl.cli.groups import Root
from cellctl.cli.options import help_if_alone

app = typer.Typer(
    name="cellctl",
    cls=Root,
    help="A highly available Octopus Server cell for every customer, on AWS or Azure, from one file.",
    epilog="Start here: cellctl up --cloud aws acme   (in the sandbox: nothing real is created)",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from cellctl import __version__

        typer.echo(f"cellctl {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A highly available Octopus Server cell for every customer, on AWS or Azure, from one file."""
    del version
    help_if_alone(context)


app.command()(up.up)
app.command()(preview.preview)
app.command()(approve.approve)
app.command()(down.down)
app.command()(refresh.refresh)
app.command(name="import")(import_.import_)
app.command()(drift.drift)
app.command()(rehearse.rehearse)
app.command()(status.status)
app.command()(alarms.alarms)
app.command()(outputs.outputs)
app.command()(explain.explain)
app.command(name="cells")(cells.list_cells)
app.command()(replay.replay)
app.command()(doctor.doctor)
app.command()(portal.portal)
