"""The commands of `cellctl gateway`."""

from __future__ import annotations

import typer

from cellctl.cli.gateway import cordon, into_service, probe, scrub, status
from cellctl.cli.options import help_if_alone

app = typer.Typer(
    help="The gateways of reefs: what they are, whether they work, their way into service.", rich_markup_mode=None
)
app.callback(invoke_without_command=True)(help_if_alone)
app.command()(status.status)
app.command()(probe.probe)
app.command(name="into-service")(into_service.into_service)
app.command()(cordon.cordon)
app.command()(scrub.scrub)
