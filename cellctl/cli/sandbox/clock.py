"""`cellctl sandbox clock`: how simulated time passes."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption
from cellctl.cli.sandbox.completion import choices

Setting = Annotated[
    Optional[str],  # noqa: UP045  typer reads the annotation
    typer.Argument(
        metavar="stepped|SCALE",
        help="`stepped` never waits; a number is simulated seconds per second.",
        autocompletion=choices("stepped", "60", "1000"),
    ),
]


PassOption = Annotated[
    Optional[str],  # noqa: UP045  typer reads the annotation
    typer.Option("--pass", metavar="TIME", help="Let simulated time pass now: 90s, 30m, 2h or 7d.", show_default=False),
]


def clock(
    setting: Setting = None, pass_: PassOption = None, home: HomeOption = None, format_: FormatOption = Format.TEXT
) -> None:
    """Show the simulated clock and the seed, set how time passes, or let some pass.

    `cellctl sandbox clock 1000`

    `cellctl sandbox clock stepped`

    `cellctl sandbox clock --pass 10m`
    """
    from cellctl.cli import streams
    from cellctl.cli.place import seconds
    from cellctl.cli.sandbox.control import open_control
    from cellctl.views.sandbox_text import clock_text

    control = open_control(home)
    if setting == "stepped":
        control.set_clock(mode="stepped")
    elif setting is not None:
        control.set_clock(mode="paced", scale=_scale(setting))
    if pass_ is not None:
        control.pass_time(seconds(pass_, "--pass"))
    if format_ is Format.JSON:
        streams.show_json(control.clock())
    else:
        streams.show(clock_text(control.clock()))


def _scale(text: str) -> float:
    from cellctl.errors import UsageError

    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale < 1e9:
        raise UsageError(f"'{text}' is no clock setting", hint="say `stepped` or a number above 0, for example 300")
    return scale
