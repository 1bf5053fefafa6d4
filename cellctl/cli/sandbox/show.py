"""`cellctl sandbox show`: what exists in the simulated clouds."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption, complete_cell

OfCell = Annotated[
    Optional[str],  # noqa: UP045  typer reads the annotation
    typer.Option("--cell", help="Only what belongs to this cell.", autocompletion=complete_cell, show_default=False),
]


def show(home: HomeOption = None, cell: OfCell = None, format_: FormatOption = Format.TEXT) -> None:
    """List every object of the simulated clouds, by account."""
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.views.sandbox_text import only_cell, sandbox_text

    found = only_cell(open_control(home).show(), cell)
    if format_ is Format.JSON:
        streams.show_json(found)
    else:
        streams.show(sandbox_text(found, cell=cell or ""))
