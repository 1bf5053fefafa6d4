"""`cellctl account up`: the base of an account."""

from __future__ import annotations

from typing import Annotated

import typer

from cellctl.cli.account.place import AccountArgument
from cellctl.cli.options import (
    ApprovalOption,
    ClockOption,
    CloudOption,
    DeadlineOption,
    DetailsOption,
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

RegionOption = Annotated[
    str, typer.Option("--region", help="Where state and key are; by default the account's first.", show_default=False)
]


def up(
    *,
    account: AccountArgument,
    cloud: CloudOption = None,
    region: RegionOption = "",
    home: HomeOption = None,
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
    details: DetailsOption = False,
) -> None:
    """Bring up what an account needs before any other stack.

    The bucket and key of the state, a bucket for logs, and cellctl's two roles: one that only looks, one that may
    change what programs declare and nothing else. Run it as an administrator of the account; then name what it prints
    in cellctl.yaml. Its own state stays in this home.
    """
    from cellctl.cli.account.place import locate_account
    from cellctl.cli.place import run_options
    from cellctl.cli.reporting import reporting
    from cellctl.cli.saving import finish, planned, ready
    from cellctl.cli.session import Session

    with reporting("up", output, cell=f"account/{account}", cloud=cloud) as report:
        lasts_s, (chosen, manifest) = ready(save, expires), planned(plan, approval, save)
        place = locate_account(account, home=home, cloud=cloud, region=region)
        report.at(place)
        handle, again = place.account_handle, place.command("up")
        session = Session("up", place, mode=output, yes=yes or chosen is not None, again=again, details=details)
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
                looked = handle.preview(options=options, on_event=session.event, interrupter=session.interrupter)
            raise typer.Exit(finish(session, save, looked, lasts_s=lasts_s, jsonl=output is OutputMode.JSONL))
        with session:
            outcome = handle.up(
                ask=session.ask, options=options, on_event=session.event, interrupter=session.interrupter
            )
        code = session.finish(outcome)
    raise typer.Exit(code)
