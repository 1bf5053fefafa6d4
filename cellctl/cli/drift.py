"""`cellctl drift`: how the clouds differ from the states; changes nothing."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from cellctl.cli.options import (
    CellArgument,
    ClockOption,
    DeadlineOption,
    DetailsOption,
    EngineName,
    EngineOption,
    Format,
    FormatOption,
    HomeOption,
    RefreshScope,
)

SelectOption = Annotated[
    Optional[list[str]],  # noqa: UP045  typer reads the annotation
    typer.Option(
        "--select", metavar="LABEL=VALUE", help="Only cells with this label in their file.", show_default=False
    ),
]


def drift(
    *,
    cell: CellArgument = None,
    select: SelectOption = None,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
    clock: ClockOption = "",
    engine: EngineOption = EngineName.AUTO,
    deadline: DeadlineOption = "",
    details: DetailsOption = False,
) -> None:
    """Say what was changed behind cellctl's back, and by whom.

    Reads every object of one cell, or of all cells of this home, and compares with the state. Changes nothing and waits
    for nobody. Ends with 3 if somebody changed something by hand; with 1, of several cells 7, if nobody did as far as
    could be read, and not everything could be.
    """
    from cellctl.cell import drift_all
    from cellctl.cli import streams
    from cellctl.cli.place import open_home, run_options, selected
    from cellctl.cli.session import interruptible
    from cellctl.errors import CellctlError, ExitCode
    from cellctl.views.drift_text import drift_json, drift_text

    opened = open_home(home)
    _ = opened.settings.drift  # a wrong cellctl.yaml is said once, not for each cell
    names = selected(opened, cell, select or [])
    options = run_options(
        refresh=RefreshScope.ALL, clock=clock, engine=engine, deadline=deadline, command="cellctl drift"
    )
    with interruptible() as interrupter:
        found = dict(drift_all(opened, names, options=options, interrupter=interrupter))
    errors = [error for error in found.values() if isinstance(error, CellctlError)]
    if errors and len(found) == 1:
        raise errors[0]
    if format_ is Format.JSON:
        streams.show_json(drift_json(found))
    else:
        streams.show(drift_text(found, details=details))
    if errors:
        raise typer.Exit(int(ExitCode.FLEET_PARTLY_FAILED))
    reports = [report for report in found.values() if not isinstance(report, CellctlError)]
    if any(report.of("human_edit") for report in reports):
        raise typer.Exit(int(ExitCode.CHANGES_PENDING))
    if any(report.unread for report in reports):
        raise typer.Exit(int(ExitCode.FLEET_PARTLY_FAILED if len(found) > 1 else ExitCode.FAILED))
