"""The commands of `cellctl sandbox`."""

from __future__ import annotations

import typer

from cellctl.cli.options import help_if_alone
from cellctl.cli.sandbox import (
    calls,
    clock,
    drift,
    edit,
    export,
    fault,
    held,
    network,
    quota,
    reset,
    secret,
    serve,
    show,
    withhold,
)

app = typer.Typer(
    help="Look at the simulated clouds, make them fail, drift and run out, set their time. Nothing real is created.",
    rich_markup_mode=None,
)
app.callback(invoke_without_command=True)(help_if_alone)
app.command()(show.show)
app.command()(calls.calls)
app.command()(fault.fault)
app.command()(quota.quota)
app.command()(withhold.withhold)
app.command()(held.held)
app.command()(drift.drift)
app.command()(edit.edit)
app.command()(export.export)
app.command("import")(export.import_)
app.command()(clock.clock)
app.command()(reset.reset)
app.command()(secret.secret)
app.command()(network.network)
app.command()(serve.serve)
