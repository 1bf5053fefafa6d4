"""`cellctl reef expand`: add a gateway or a database host to a reef."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

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

GatewaysOption = Annotated[int, typer.Option("--gateways", min=0, help="Gateways to add: ten cells each; on AWS.")]
HostsOption = Annotated[int, typer.Option("--hosts", min=0, help="Database hosts to add.")]


def expand(
    *,
    reef: ReefArgument,
    gateways: GatewaysOption = 0,
    hosts: HostsOption = 0,
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
) -> None:
    """Add gateways or database hosts to a reef.

    Without a number it proposes one of each that is below the reef's low water (`cellctl reef status` says which).
    Writes the number into the reef's file once the plan is accepted, brings it up and registers it. No cell is touched.
    """
    from cellctl.cli import streams
    from cellctl.cli.place import run_options
    from cellctl.cli.reef.place import locate_reef
    from cellctl.cli.reporting import reporting
    from cellctl.cli.saving import finish, planned, ready
    from cellctl.cli.session import Session

    with reporting("up", output, cell=f"reef/{reef}", cloud=None) as report:
        lasts_s, (chosen, manifest) = ready(save, expires), planned(plan, approval, save)
        place = locate_reef("expand", reef, home=home)
        report.at(place)
        if not gateways and not hosts:
            low = place.reef.status().low
            gateways, hosts = int("gateways" in low), int("hosts" in low)
            if low:
                streams.say(f"Below its low water: proposed are {' and '.join(f'--{name} 1' for name in low)}.")
        flags = "".join(f" --{name} {n}" for name, n in (("gateways", gateways), ("hosts", hosts)) if n)
        asked = yes or sys.stdin.isatty()  # from the yes on, the file says the number
        again = place.command("up") if asked else place.command("expand") + flags
        session = Session("up", place, mode=output, yes=yes or chosen is not None, again=again)
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
                looked = place.reef.preview(
                    gateways=gateways,
                    hosts=hosts,
                    options=options,
                    on_event=session.event,
                    interrupter=session.interrupter,
                )
            raise typer.Exit(finish(session, save, looked, lasts_s=lasts_s, jsonl=output is OutputMode.JSONL))
        with session:
            outcome = place.reef.expand(
                ask=session.ask, gateways=gateways, hosts=hosts, options=options, on_event=session.event,
                interrupter=session.interrupter,
            )  # fmt: skip
        code = session.finish(outcome)
    raise typer.Exit(code)
