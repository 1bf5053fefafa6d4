"""`cellctl gateway status`: what gateways there are, and what is known of them."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Optional

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption


def status(
    gateway: Annotated[
        Optional[str],  # noqa: UP045  typer reads the annotation
        typer.Argument(metavar="GATEWAY", help="A gateway's name; without, every gateway of this home."),
    ] = None,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Show gateways: state, shares, how their gates were found last.

    Asks nobody but the registry: `cellctl gateway probe` looks anew. Says until when a gateway's software is supported.
    """
    from cellctl.cli import streams
    from cellctl.cli.place import open_home
    from cellctl.gateway import Gateway, gateways
    from cellctl.views.gateway_text import gateways_text

    found_home = open_home(home)
    found = [Gateway(gateway, home=found_home).status()] if gateway else list(gateways(found_home))
    if format_ is Format.JSON:
        rows = [{"account": one.account, **dataclasses.asdict(one.view), "free": one.view.free} for one in found]
        streams.show_json({"gateways": rows})
    else:
        streams.show(gateways_text(found, whole=bool(gateway)))
