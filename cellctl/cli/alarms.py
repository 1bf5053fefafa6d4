"""`cellctl alarms`: what wakes somebody about a cell, and how it stands."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from cellctl.cli.options import (
    CellArgument,
    CloudOption,
    DeadlineOption,
    EngineName,
    EngineOption,
    Format,
    FormatOption,
    HomeOption,
    RefreshScope,
)

if TYPE_CHECKING:
    from cellctl.cell import Cell
    from cellctl.cli.place import Place
    from cellctl.reef import Reef


def alarms(
    *,
    cell: CellArgument = None,
    cloud: CloudOption = None,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
    engine: EngineOption = EngineName.AUTO,
    deadline: DeadlineOption = "",
) -> None:
    """List a cell's alarms: what each watches, when it is bad, how it stands.

    A real account on AWS is asked. In the sandbox what watches nodes and backups runs once, now; of the services' own
    metrics nothing is known there, nor of alarms on Azure. Changes nothing.
    """
    from cellctl.cli.place import locate

    place = locate("alarms", cell, cloud=cloud, home=home)
    show(place, place.handle(), format_, engine=engine, deadline=deadline)


def show(place: Place, handle: Cell | Reef, format_: Format, *, engine: EngineName, deadline: str) -> None:
    """Ask and print; `place` says of what."""
    from cellctl.cli import streams
    from cellctl.cli.place import run_options
    from cellctl.cli.session import interruptible
    from cellctl.views.alarms_text import alarms_text

    options = run_options(
        refresh=RefreshScope.NONE, clock="", engine=engine, deadline=deadline, command="cellctl alarms"
    )
    with interruptible() as interrupter:
        found = handle.alarms(options=options, interrupter=interrupter)
    if format_ is Format.JSON:
        streams.show_json({"alarms": [dataclasses.asdict(one) for one in found]})
    else:
        streams.show(alarms_text(place.name, found, simulated=place.account == "sandbox"))
