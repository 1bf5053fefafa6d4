"""`cellctl registry restore-points`: to which moments cells can be brought back, and which key each of them needs."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Optional

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption, complete_cell

CellName = Annotated[
    Optional[str],  # noqa: UP045  typer reads the annotation
    typer.Argument(metavar="CELL", help="A cell's name; without one, of all.", autocompletion=complete_cell),
]


def restore_points(cell: CellName = None, home: HomeOption = None, format_: FormatOption = Format.TEXT) -> None:
    """List to which moments cells can be brought back.

    As runs have recorded it: where the backup is, until when it is kept, and the version of the master key without
    which it is useless. Cells that were taken down are listed too. Asks no cloud.
    """
    from cellctl.cli import streams
    from cellctl.cli.place import open_home
    from cellctl.run.restoring import listed
    from cellctl.views.points_text import points_text

    found = listed(open_home(home), cell or "")
    if format_ is Format.JSON:
        streams.show_json({"restore_points": [dataclasses.asdict(item) for item in found]})
    else:
        streams.show(points_text(found, cell or ""))
