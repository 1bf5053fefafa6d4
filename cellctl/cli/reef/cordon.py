"""`cellctl reef cordon`: no new cells here."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from cellctl.cli.options import HomeOption
from cellctl.cli.reef.place import ReefArgument


def cordon(
    reef: ReefArgument,
    part: Annotated[
        Optional[str],  # noqa: UP045  typer reads the annotation
        typer.Option(
            "--part",
            help="A host, gateway or load balancer of it by name; without, all of the reef.",
            show_default=False,
        ),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Take new cells again.")] = False,
    home: HomeOption = None,
) -> None:
    """Let a reef, or one of its hosts or gateways, take no new cells.

    What is on it stays and goes on working.
    """
    from cellctl.cli import streams
    from cellctl.cli.reef.place import locate_reef

    place = locate_reef("cordon", reef, home=home)
    state = place.reef.cordon(part or "", on=not off)
    words = {"cordoned": "takes no new cells", "in_service": "takes new cells"}.get(state, f"is {state}")
    streams.say(f"{part or place.name} {words}.")
