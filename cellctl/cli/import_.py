"""`cellctl import`: take objects over that are there."""

from __future__ import annotations

from typing import Annotated

import typer

from cellctl.cli.options import (
    ClockOption,
    DeadlineOption,
    DetailsOption,
    EngineName,
    EngineOption,
    HomeOption,
    OutputMode,
    OutputOption,
    OverrideOption,
    RefreshScope,
    YesOption,
)

CellArgument = Annotated[str, typer.Argument(metavar="CELL", help="A cell's name, or the path of its file.")]
ObjectsArgument = Annotated[
    list[str],
    typer.Argument(metavar="WHAT=ID...", help="database, gateway, gateway-machine, … or a URN, and the object's id."),
]


def import_(
    *,
    cell: CellArgument,
    objects: ObjectsArgument,
    home: HomeOption = None,
    yes: YesOption = False,
    output: OutputOption = OutputMode.AUTO,
    override: OverrideOption = None,
    clock: ClockOption = "",
    engine: EngineOption = EngineName.AUTO,
    deadline: DeadlineOption = "",
    details: DetailsOption = False,
) -> None:
    """Take objects over that are there, and bring the cell up around them.

    Shows the plan first: what is taken over is never replaced, and what of it would be changed to what the file says is
    listed. Refused where the object is not there, differs in what cannot be changed in place, or is known already.

    `cellctl import acme database=legacy-sql`
    """
    from cellctl.cli.place import importing, locate, run_options
    from cellctl.cli.reporting import reporting
    from cellctl.cli.session import Session

    with reporting("up", output, cell=cell, cloud=None) as report:
        named = importing(objects)
        place = locate("import", cell, cloud=None, home=home, create=False)
        report.at(place)
        again = place.command("import", *objects)
        session = Session("up", place, mode=output, yes=yes, again=again, details=details)
        options = run_options(
            refresh=RefreshScope.STATEFUL,
            override=override,
            clock=clock,
            engine=engine,
            deadline=deadline,
            command=again,
        )
        with session:
            outcome = place.handle().import_objects(
                named, ask=session.ask, options=options, on_event=session.event, interrupter=session.interrupter
            )
        code = session.finish(outcome)
    raise typer.Exit(code)
