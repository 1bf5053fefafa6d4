"""`cellctl reef down`: take a reef away that no cell is on."""

from __future__ import annotations

import typer

from cellctl.cli.down import DeleteOption, KeepOption
from cellctl.cli.options import (
    ApprovalOption,
    ClockOption,
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
from cellctl.cli.reef.place import ReefArgument


def down(
    *,
    reef: ReefArgument,
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
    """Remove a reef, keeping or deleting what its buckets and hosts hold.

    Refused while a cell has a place on it, and without --keep-data or --delete-data.
    """
    from cellctl.cli.place import run_options
    from cellctl.cli.reef.place import locate_reef
    from cellctl.cli.reporting import reporting
    from cellctl.cli.saving import finish, planned, ready
    from cellctl.cli.session import DownSession
    from cellctl.errors import UsageError

    with reporting("down", output, cell=f"reef/{reef}", cloud=None) as report:
        if keep_data and delete_data:
            raise UsageError("--keep-data and --delete-data exclude each other", hint="say one of them")
        lasts_s, (chosen, manifest) = ready(save, expires), planned(plan, approval, save)
        place = locate_reef("down", reef, home=home)
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
                looked = place.reef.preview_down(
                    keep_data=keep_data, delete_data=delete_data, options=options, on_event=session.event,
                    interrupter=session.interrupter,
                )  # fmt: skip
            raise typer.Exit(finish(session, save, looked, lasts_s=lasts_s, jsonl=output is OutputMode.JSONL))
        with session:
            outcome = place.reef.down(
                ask=session.ask, keep_data=keep_data, delete_data=delete_data, options=options,
                on_event=session.event, interrupter=session.interrupter,
            )  # fmt: skip
        code = session.finish(outcome)
    raise typer.Exit(code)
