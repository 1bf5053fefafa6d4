"""`cellctl schema`: the JSON schemas of the files, for editors and CI."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    """Which file's schema."""

    CELL = "cell"
    HOME = "home"
    REEF = "reef"


def schema(kind: Annotated[Kind, typer.Argument(help="Which file's schema.")] = Kind.CELL) -> None:
    """Print the JSON schema of a file."""
    from cellctl.cli import streams
    from cellctl.spec.schema import cell_schema, home_schema, reef_schema

    made = {Kind.CELL: cell_schema, Kind.HOME: home_schema, Kind.REEF: reef_schema}
    streams.show_json(made[kind]())
