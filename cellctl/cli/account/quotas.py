"""`cellctl account quotas`: how many cells the default quotas of a cloud carry."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import Annotated

import typer

from cellctl.cli.options import Format, FormatOption


class PlacementKind(StrEnum):
    """Where the cells are."""

    REEF = "reef"
    SHARED = "shared"
    DEDICATED = "dedicated"


def quotas(
    cells: Annotated[int, typer.Option("--cells", min=1, max=5000, help="How many cells.")] = 300,
    placement: Annotated[PlacementKind, typer.Option("--placement", help="Where they are.")] = PlacementKind.REEF,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Show what so many cells need of AWS's default quotas.

    Names each quota that breaks and the cell at which it does. Reefs have the size that `cellctl reef up` writes; with
    `shared` their cells share its load balancers.
    """
    from cellctl.cli import streams
    from cellctl.run.accounts import quotas as fits
    from cellctl.views.reef_text import quotas_text

    found = fits("aws", cells, placement.value)
    if format_ is Format.JSON:
        streams.show_json({"cells": cells, "quotas": [dataclasses.asdict(item) for item in found]})
    else:
        streams.show(quotas_text(found, cells, placement.value))
