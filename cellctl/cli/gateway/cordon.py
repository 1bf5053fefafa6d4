"""`cellctl gateway cordon`: no new cells on a gateway."""

from __future__ import annotations

from typing import Annotated

import typer

from cellctl.cli.gateway.place import GatewayArgument
from cellctl.cli.options import HomeOption


def cordon(
    gateway: GatewayArgument,
    off: Annotated[bool, typer.Option("--off", help="Take new cells again.")] = False,
    home: HomeOption = None,
) -> None:
    """Let a gateway take no new cells.

    What is on it stays and goes on working. `cellctl gateway into-service` tries its gates before it takes cells again.
    """
    from cellctl.cli import streams
    from cellctl.cli.gateway.place import locate_gateway

    state = locate_gateway(gateway, home=home).cordon(on=not off)
    words = {"cordoned": "takes no new cells", "in_service": "takes new cells"}
    streams.say(f"{gateway} {words.get(state, 'is ' + state.replace('_', ' '))}.")
