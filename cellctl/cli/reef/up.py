"""`cellctl reef up`: bring a reef to what its file says, and register what it has."""

from __future__ import annotations

import typer

from cellctl.cli.options import (
    AcceptLossOption,
    AdoptOption,
    AllowReplaceOption,
    ApprovalOption,
    ClockOption,
    CloudOption,
    DeadlineOption,
    DetailsOption,
    EngineName,
    EngineOption,
    ForgetOption,
    HomeOption,
    LastsOption,
    OutputMode,
    OutputOption,
    OverrideOption,
    PlanOption,
    RefreshOption,
    RefreshScope,
    SavePlanOption,
    YesOption,
)
from cellctl.cli.reef.place import ReefArgument


def up(
    *,
    reef: ReefArgument,
    cloud: CloudOption = None,
    home: HomeOption = None,
    yes: YesOption = False,
    save: SavePlanOption = None,
    expires: LastsOption = "7d",
    plan: PlanOption = None,
    approval: ApprovalOption = None,
    output: OutputOption = OutputMode.AUTO,
    refresh: RefreshOption = RefreshScope.STATEFUL,
    allow_replace: AllowReplaceOption = None,
    accept_data_loss: AcceptLossOption = None,
    adopt: AdoptOption = None,
    forget: ForgetOption = None,
    override: OverrideOption = None,
    clock: ClockOption = "",
    engine: EngineOption = EngineName.AUTO,
    deadline: DeadlineOption = "",
    details: DetailsOption = False,
) -> None:
    """Bring a reef to what its file says.

    Shows the plan, asks once, applies it, and registers hosts, gateways and slots. Without a file, `cellctl reef up
    --cloud aws r1` writes reefs/r1.yaml and runs it in the sandbox. Cells go there that say `placement: {reef: r1}`.
    """
    from cellctl.cli.place import run_options
    from cellctl.cli.reef.place import locate_reef
    from cellctl.cli.reporting import reporting
    from cellctl.cli.saving import finish, planned, ready
    from cellctl.cli.session import Session

    with reporting("up", output, cell=f"reef/{reef}", cloud=cloud) as report:
        lasts_s, (chosen, manifest) = ready(save, expires), planned(plan, approval, save)
        place = locate_reef("up", reef, home=home, cloud=cloud, create=True)
        report.at(place)
        again = place.command("up")
        session = Session("up", place, mode=output, yes=yes or chosen is not None, again=again, details=details)
        options = run_options(
            refresh=refresh, allow=allow_replace, accept_loss=accept_data_loss, adopt=adopt,
            forget=forget, clock=clock, engine=engine, deadline=deadline, override=override, command=again,
            approval=chosen, manifest=manifest,
        )  # fmt: skip
        if save is not None:
            with session:
                looked = place.reef.preview(options=options, on_event=session.event, interrupter=session.interrupter)
            raise typer.Exit(finish(session, save, looked, lasts_s=lasts_s, jsonl=output is OutputMode.JSONL))
        with session:
            outcome = place.reef.up(
                ask=session.ask, options=options, on_event=session.event, interrupter=session.interrupter
            )
        code = session.finish(outcome)
    raise typer.Exit(code)
