"""`cellctl gateway probe`: does a gateway work? Every gate, tried now."""

from __future__ import annotations

import dataclasses

import typer

from cellctl.cli.gateway.place import GatewayArgument
from cellctl.cli.options import ClockOption, EngineName, EngineOption, Format, FormatOption, HomeOption


def probe(
    gateway: GatewayArgument,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
    clock: ClockOption = "",
    engine: EngineOption = EngineName.AUTO,
) -> None:
    """Try every gate of a gateway and record what was found.

    Connected, shares available, name, a file written through a free share and found in its bucket, cache clean. A
    quarantined share whose bucket holds nothing is free then. Nothing of a cell is touched. Exit 1 when a gate is shut.
    """
    from cellctl.cli import streams
    from cellctl.cli.gateway.place import locate_gateway, options_of
    from cellctl.views.gateway_text import judged_text

    options = options_of("probe", gateway, home=home, clock=clock, engine=engine)
    judged = locate_gateway(gateway, home=home).probe(options=options)
    if format_ is Format.JSON:
        streams.show_json({**dataclasses.asdict(judged), "passed": judged.passed})
    else:
        streams.show(judged_text(judged))
    raise typer.Exit(0 if judged.passed else 1)
