"""`cellctl sandbox withhold`: sizes of machines and databases that the simulated accounts are not offered."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption

_text = Optional[str]  # noqa: UP045  typer reads the annotation
NameArgument = Annotated[_text, typer.Argument(metavar="[SIZE]", help="Such as m6i.large or Standard_D4s_v5.")]
ZoneOption = Annotated[str, typer.Option("--zone", help="Such as eu-west-1a or 1; * every one.")]
ClearOption = Annotated[
    _text, typer.Option("--clear", metavar="SIZE|all", help="Offer it everywhere again.", show_default=False)
]


def withhold(
    *,
    name: NameArgument = None,
    zone: ZoneOption = "*",
    clear: ClearOption = None,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Let a size not be offered in a zone, list what is not, or offer it again.

    Guards ask for it before an `up` (`size_not_offered`); what is made all the same comes.

    `cellctl sandbox withhold m6i.large --zone eu-west-1a`

    `cellctl sandbox withhold --clear all`
    """
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.views.sandbox_text import withheld_text

    control = open_control(home)
    if clear is not None:
        streams.say(f"Offered again: {control.offer(None if clear == 'all' else clear)}.")
    elif name is not None:
        control.withhold(name, zone=zone)
        where = "anywhere" if zone == "*" else f"in {zone}"
        streams.say(f"{name} is not offered {where} now; `cellctl sandbox withhold --clear {name}` takes it back.")
    elif format_ is Format.JSON:
        streams.show_json({"withheld": control.withheld()})
    else:
        streams.show(withheld_text(control.withheld()))
