"""`cellctl down`: remove a cell, and its data only where that is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cellctl.cli.options import (
    AcceptLossOption,
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

if TYPE_CHECKING:
    from cellctl.cli.place import Place
    from cellctl.removal import Removable


def down(
    *,
    cell: CellArgument = None,
    cloud: CloudOption = None,
    home: HomeOption = None,
    keep_data: KeepOption = False,
    delete_data: DeleteOption = False,
    accept_data_loss: AcceptLossOption = None,
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
    from cellctl.cli.place import locate
    from cellctl.cli.removing import Removal, remove
    from cellctl.cli.reporting import reporting

    removal = Removal(
        keep_data=keep_data, delete_data=delete_data, accept_loss=accept_data_loss, yes=yes, save=save, expires=expires,
        plan=plan, approval=approval, output=output, override=override, clock=clock, engine=engine, deadline=deadline,
    )  # fmt: skip

    def located(approved: str) -> tuple[Place, Removable]:
        place = locate("down", cell or approved or None, cloud=cloud, home=home)
        return place, place.handle()

    with reporting("down", output, cell=cell, cloud=cloud) as report:
        code = remove(removal, report, located)
    raise typer.Exit(code)
