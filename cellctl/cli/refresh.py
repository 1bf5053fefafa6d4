"""`cellctl refresh`: make the state say what the cloud has."""

from __future__ import annotations

import typer

from cellctl.cli.options import (
    CellArgument,
    ClockOption,
    CloudOption,
    DeadlineOption,
    EngineName,
    EngineOption,
    HomeOption,
    OutputMode,
    OutputOption,
    OverrideOption,
    RefreshScope,
    YesOption,
)


def refresh(
    *,
    cell: CellArgument = None,
    cloud: CloudOption = None,
    home: HomeOption = None,
    yes: YesOption = False,
    output: OutputOption = OutputMode.AUTO,
    override: OverrideOption = None,
    clock: ClockOption = "",
    engine: EngineOption = EngineName.AUTO,
    deadline: DeadlineOption = "",
) -> None:
    """Make the state say what the cloud has.

    Reads every resource and records how it is. Changes the state, never the cloud.
    """
    from cellctl.cli.place import locate, run_options
    from cellctl.cli.reporting import reporting
    from cellctl.cli.session import Session

    with reporting("refresh", output, cell=cell, cloud=cloud) as report:
        place = locate("refresh", cell, cloud=cloud, home=home)
        report.at(place)
        again = place.command("refresh")
        session = Session("refresh", place, mode=output, yes=yes, again=again)
        options = run_options(
            refresh=RefreshScope.ALL, clock=clock, engine=engine, deadline=deadline, override=override, command=again
        )
        with session:
            outcome = place.handle().refresh(
                ask=session.ask, options=options, on_event=session.event, interrupter=session.interrupter
            )
        code = session.finish(outcome)
    raise typer.Exit(code)
