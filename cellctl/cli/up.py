"""`cellctl up`: bring a cell to what its file says."""

from __future__ import annotations

import typer

from cellctl.cli.options import (
    AdoptOption,
    AllowReplaceOption,
    CellArgument,
    ClockOption,
    CloudOption,
    DeadlineOption,
    DetailsOption,
    EngineName,
    EngineOption,
    ForgetOption,
    HomeOption,
    OutputMode,
    OutputOption,
    RefreshOption,
    RefreshScope,
    YesOption,
)


def up(
    *,
    cell: CellArgument = None,
    cloud: CloudOption = None,
    home: HomeOption = None,
    yes: YesOption = False,
    output: OutputOption = OutputMode.AUTO,
    refresh: RefreshOption = RefreshScope.STATEFUL,
    allow_replace: AllowReplaceOption = None,
    adopt: AdoptOption = None,
    forget: ForgetOption = None,
    clock: ClockOption = "",
    engine: EngineOption = EngineName.AUTO,
    deadline: DeadlineOption = "",
    details: DetailsOption = False,
) -> None:
    """Bring a cell to what its file says.

    Shows the plan, asks once, applies it and verifies the cell. Without a file, `cellctl up --cloud aws acme` writes
    cells/acme.yaml and runs it in the sandbox.
    """
    from cellctl.cli.place import locate, run_options
    from cellctl.cli.reporting import reporting
    from cellctl.cli.session import Session

    with reporting("up", output, cell=cell, cloud=cloud) as report:
        place = locate("up", cell, cloud=cloud, home=home, create=True)
        report.at(place)
        again = place.command("up")
        session = Session("up", place, mode=output, yes=yes, again=again, details=details)
        options = run_options(
            refresh=refresh,
            allow=allow_replace,
            adopt=adopt,
            forget=forget,
            clock=clock,
            engine=engine,
            deadline=deadline,
            command=again,
        )
        with session:
            outcome = place.handle().up(
                ask=session.ask, options=options, on_event=session.event, interrupter=session.interrupter
            )
        code = session.finish(outcome)
    raise typer.Exit(code)
