"""Which home and which gateway a command is about, and how it runs there."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellctl.cli.options import EngineName, RefreshScope
from cellctl.cli.place import open_home, refuse_if_real_is_required, run_options

if TYPE_CHECKING:
    from cellctl.gateway import Gateway
    from cellctl.run.options import RunOptions

GatewayArgument = Annotated[
    str, typer.Argument(metavar="GATEWAY", help="A gateway's name, as `cellctl gateway status` lists it.")
]


def locate_gateway(name: str, *, home: Path | None) -> Gateway:
    """Return the gateway that is meant.

    Raises:
        UsageError: There is none of that name.
        GuardError: CELLCTL_REQUIRE_REAL is set and it is in the sandbox.
    """
    from cellctl.gateway import Gateway

    gateway = Gateway(name, home=open_home(home))
    refuse_if_real_is_required(gateway.status().account)
    return gateway


def options_of(verb: str, *names: str, home: Path | None, clock: str, engine: EngineName) -> RunOptions:
    """Return the options of a command on a gateway."""
    where = ["--home", str(home)] if home else []
    command = shlex.join(["cellctl", "gateway", verb, *names, *where])
    return run_options(refresh=RefreshScope.NONE, clock=clock, engine=engine, command=command)
