"""`cellctl rehearse`: what other versions of provider SDKs would do to the cells; changes nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from cellctl.cli.drift import SelectOption
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

WithOption = Annotated[
    list[str],
    typer.Option("--with", metavar="NAME==VERSION", help="A provider SDK at another version. Can be repeated."),
]


def rehearse(
    *,
    cell: CellArgument = None,
    with_: WithOption,
    select: SelectOption = None,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
    clock: ClockOption = "",
    engine: EngineOption = EngineName.AUTO,
    deadline: DeadlineOption = "",
    details: DetailsOption = False,
) -> None:
    """Say what another version of a provider SDK would do to one cell, or to all cells and reefs of this home.

    Installs it in an environment of its own, compares its classes with those in use for what each state holds, and
    previews under both where that can be done. Changes nothing. Ends with 3 if something would differ.
    """
    from cellctl.cli import streams
    from cellctl.cli.place import open_home, run_options, selected
    from cellctl.cli.session import interruptible
    from cellctl.errors import ExitCode
    from cellctl.rehearsal.environment import Requirement
    from cellctl.rehearsal.rehearsing import rehearse as rehearsed
    from cellctl.run.target import REEF
    from cellctl.views.rehearsal_text import rehearsal_json, rehearsal_text

    wanted = [Requirement.of(text) for text in with_]
    opened = open_home(home)
    known = sorted({*opened.cell_names(), *opened.stack_names()})
    names = selected(opened, cell, select or [], known)
    if cell is None and not select:
        names += [f"{REEF}{name}" for name in opened.reef_names()]
    options = run_options(
        refresh=RefreshScope.NONE, clock=clock, engine=engine, deadline=deadline, command="cellctl rehearse"
    )
    with interruptible() as interrupter:
        found = rehearsed(opened, names, wanted, options=options, interrupter=interrupter)
    if found.failed and len(names) == 1:
        raise found.failed[names[0]]
    if format_ is Format.JSON:
        streams.show_json(rehearsal_json(found))
    else:
        streams.show(rehearsal_text(found, details=details))
    if found.failed:
        raise typer.Exit(int(ExitCode.FLEET_PARTLY_FAILED))
    differs = any(one.differs for one in found.cells)
    raise typer.Exit(int(ExitCode.CHANGES_PENDING if differs else ExitCode.OK))
