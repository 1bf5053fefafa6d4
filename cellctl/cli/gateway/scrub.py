"""`cellctl gateway scrub`: give a share back that a cell has left, without anything of that cell."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cellctl.cli.gateway.place import GatewayArgument
from cellctl.cli.options import ClockOption, EngineName, EngineOption, HomeOption, YesOption

if TYPE_CHECKING:
    from cellctl.run.scrubbing import Scrub


def scrub(
    *,
    gateway: GatewayArgument,
    share: Annotated[str, typer.Argument(metavar="SHARE", help="The share, as `cellctl gateway status` names it.")],
    home: HomeOption = None,
    yes: YesOption = False,
    clock: ClockOption = "",
    engine: EngineOption = EngineName.AUTO,
) -> None:
    """Delete what a share holds whose cell is gone, and let a cell have the share again.

    Counts first what its bucket holds (every version, delete marker and unfinished upload), names it and asks: nothing
    brings it back. The share is free only once the bucket was counted again and is empty. Example: cellctl gateway
    scrub reef-r1-g1 g1-01
    """
    from cellctl.cli import streams
    from cellctl.cli.gateway.place import locate_gateway, options_of

    options = options_of("scrub", gateway, share, home=home, clock=clock, engine=engine)
    place = locate_gateway(gateway, home=home)
    result = place.scrub(share, ask=lambda wanted: yes or _asked(wanted), options=options)
    streams.say(f"{share} is empty and free again." if result == "succeeded" else "Nothing was changed.")


def _asked(wanted: Scrub) -> bool:
    """Name what would be deleted, and take nothing but the share's name for a yes.

    Raises:
        UsageError: There is no terminal to ask at.
    """
    from cellctl.cli import streams
    from cellctl.errors import UsageError

    streams.say(f"This deletes {wanted.objects} versions, markers and uploads of bucket {wanted.bucket} for good.")
    if not sys.stdin.isatty():
        hint = f"cellctl gateway scrub {wanted.gateway} {wanted.share} --yes"
        raise UsageError("there is no terminal to ask at; nothing was changed", hint=hint, code="not_asked")
    sys.stderr.write(f"Type {wanted.share} to go on: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == wanted.share
