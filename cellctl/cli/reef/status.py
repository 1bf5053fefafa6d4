"""`cellctl reef status`: what reefs have, and how much of it is free."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Optional

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption


def status(
    reef: Annotated[
        Optional[str],  # noqa: UP045  typer reads the annotation
        typer.Argument(metavar="REEF", help="A reef's name; without, every reef of this home."),
    ] = None,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Show the capacity of reefs: hosts, gateways, free slots, quotas.

    Says how many more cells fit, and what runs out first.
    """
    from cellctl.cli import streams
    from cellctl.cli.place import open_home
    from cellctl.reef import Reef, reefs
    from cellctl.views.reef_text import reefs_text

    found_home = open_home(home)
    found = [Reef.open(reef, home=found_home).status()] if reef else list(reefs(found_home))
    if format_ is Format.JSON:
        streams.show_json({"reefs": [{**dataclasses.asdict(item), "low": list(item.low)} for item in found]})
    else:
        streams.show(reefs_text(found))
