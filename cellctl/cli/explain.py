"""`cellctl explain`: what is known of one resource, without asking the cloud."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption

ResourceArgument = Annotated[
    str, typer.Argument(metavar="URN", help="A resource's URN, or its name where one resource has it.")
]


def explain(*, resource: ResourceArgument, home: HomeOption = None, format_: FormatOption = Format.TEXT) -> None:
    """Explain one resource of a cell.

    What it holds and needs, what a change would replace, how long its steps take, what it costs, and what becomes of
    its data. From the state and cellctl's facts, with their sources; asks no cloud.
    """
    from cellctl.cli import streams
    from cellctl.cli.place import looking, open_home
    from cellctl.run.explaining import explain
    from cellctl.views.explain_text import explain_text

    found = explain(open_home(home), resource, options=looking())
    if format_ is Format.JSON:
        streams.show_json(dataclasses.asdict(found))
    else:
        streams.show(explain_text(found))
