"""`cellctl down`: remove a cell, and its data only where that is said."""

from __future__ import annotations

from typing import Annotated

import typer

from cellctl.cli.options import (
    ApprovalOption,
    CellArgument,
    ClockOption,
    CloudOption,
    DeadlineOption,
    EngineName,
    EngineOption,
    HomeOption,
    LastsOption,
    OutputMode,
    OutputOption,
    OverrideOption,
    PlanOption,
    RefreshScope,
    SavePlanOption,
    YesOption,
)

KeepOption = Annotated[
    bool, typer.Option("--keep-data", help="Keep what holds data; `up` completes the cell again around it.")
]
DeleteOption = Annotated[
    bool,
    typer.Option("--delete-data", help="Delete the data as well. Says what could still be brought back, for how long."),
]


def down(
    *,
    cell: CellArgument = None,
    cloud: CloudOption = None,
    home: HomeOption = None,
    keep_data: KeepOption = False,
    delete_data: DeleteOption = False,
    yes: YesOption = False,
    save: SavePlanOption = None,
    expires: LastsOption = "7d",
    plan: PlanOption = None,
    approval: ApprovalOption = None,
    output: OutputOption = OutputMode.AUTO,
    override: OverrideOption = None,
    clock: ClockOption = "",
    engine: EngineOption = EngineName.AUTO,
    deadline: DeadlineOption = "",
) -> None:
    """Remove a cell, keeping or deleting its data.

    A cell that holds data is refused without --keep-data or --delete-data, and what holds it is listed. --save only
    writes the plan; --plan removes what was approved, if nothing has moved since.
    """
    from cellctl.cli.place import locate, run_options
    from cellctl.cli.reporting import reporting
    from cellctl.cli.saving import finish, planned, ready
    from cellctl.cli.session import DownSession
    from cellctl.errors import UsageError

    with reporting("down", output, cell=cell, cloud=cloud) as report:
        if keep_data and delete_data:
            raise UsageError("--keep-data and --delete-data exclude each other", hint="say one of them")
        lasts_s, (chosen, manifest) = ready(save, expires), planned(plan, approval, save)
        place = locate("down", cell or (chosen.plan.cell if chosen else None), cloud=cloud, home=home)
        report.at(place)
        flag = " --keep-data" if keep_data else " --delete-data" if delete_data else ""
        again = place.command("down") + flag
        session = DownSession("down", place, mode=output, yes=yes or chosen is not None, again=again)
        options = run_options(
            refresh=RefreshScope.STATEFUL,
            clock=clock,
            engine=engine,
            deadline=deadline,
            override=override,
            command=again,
            approval=chosen,
            manifest=manifest,
        )
        if save is not None:
            with session:
                looked = place.handle().preview_down(
                    keep_data=keep_data, delete_data=delete_data, options=options, on_event=session.event,
                    interrupter=session.interrupter,
                )  # fmt: skip
            raise typer.Exit(finish(session, save, looked, lasts_s=lasts_s, jsonl=output is OutputMode.JSONL))
        with session:
            outcome = place.handle().down(
                ask=session.ask,
                keep_data=keep_data,
                delete_data=delete_data,
                options=options,
                on_event=session.event,
                interrupter=session.interrupter,
            )
        code = session.finish(outcome)
    raise typer.Exit(code)
