"""`cellctl account quotas`: how many cells the quotas of an account carry, or the default ones of a cloud."""

from __future__ import annotations

import dataclasses
import os
from enum import StrEnum
from typing import Annotated

import typer

from cellctl.cli.options import CloudOption, Format, FormatOption, HomeOption


class PlacementKind(StrEnum):
    """Where the cells are."""

    REEF = "reef"
    SHARED = "shared"
    DEDICATED = "dedicated"


def quotas(
    *,
    account: Annotated[
        str, typer.Argument(metavar="[ACCOUNT]", help="An account to ask; without one, the defaults.")
    ] = "",
    cells: Annotated[int, typer.Option("--cells", min=1, max=5000, help="How many cells.")] = 300,
    placement: Annotated[PlacementKind, typer.Option("--placement", help="Where they are.")] = PlacementKind.REEF,
    cloud: CloudOption = None,
    region: Annotated[str, typer.Option("--region", help="By default the account's first.", show_default=False)] = "",
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Show what so many cells need of an account's quotas, or of the default ones.

    Names each quota that breaks and the cell at which it does. An account is asked what it was raised to and what is
    in use; what it does not tell is the default, and marked. Reefs have the size that `cellctl reef up` writes; with
    `shared` their cells share its load balancers.
    """
    from cellctl.cli import streams
    from cellctl.cli.place import open_home
    from cellctl.run.accounts import quotas as fits
    from cellctl.views.reef_text import quotas_text

    place = open_home(home) if account else None
    on = cloud or (place.account(account).cloud if place else "") or "aws"
    found = fits(on, cells, placement.value, home=place, account=account, region=region, environment=dict(os.environ))
    if format_ is Format.JSON:
        rows = [dataclasses.asdict(item) for item in found]
        streams.show_json({"account": account, "cloud": on, "cells": cells, "quotas": rows})
    else:
        streams.show(quotas_text(found, cells, placement.value, account))
