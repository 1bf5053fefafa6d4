"""`cellctl up`: bring a cell to what its file says."""

from __future__ import annotations

import typer

from cellctl.cli.options import (
    AcceptLossOption,
    AdoptOption,
    AllowReplaceOption,
    ApprovalOption,
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
    OverrideOption,
    PlanOption,
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
    """Bring a cell to what its file says.

    Shows the plan, asks once, applies it and verifies the cell. Without a file, `cellctl up --cloud aws acme` writes
    cells/acme.yaml and runs it in the sandbox. With --plan it previews again and applies what was approved if nothing
    has moved since; otherwise it says what did and ends with 6.
    """
    from cellctl.cli.place import approved, locate, run_options, signed
    from cellctl.cli.reporting import reporting
    from cellctl.cli.session import Session

    with reporting("up", output, cell=cell, cloud=cloud) as report:
        planned = approved(plan) if plan is not None else None
        manifest = signed(approval, planned) if approval is not None else None
        named = cell or (planned.plan.cell if planned else None)
        place = locate("up", named, cloud=cloud, home=home, create=planned is None)
        report.at(place)
        again = place.command("up")
        session = Session("up", place, mode=output, yes=yes or planned is not None, again=again, details=details)
        options = run_options(
            refresh=refresh,
            allow=allow_replace,
            accept_loss=accept_data_loss,
            adopt=adopt,
            forget=forget,
            override=override,
            clock=clock,
            engine=engine,
            deadline=deadline,
            command=again,
            approval=planned,
            manifest=manifest,
        )
        with session:
            outcome = place.handle().up(
                ask=session.ask, options=options, on_event=session.event, interrupter=session.interrupter
            )
        code = session.finish(outcome)
    raise typer.Exit(code)
