"""`cellctl reef down`: take a reef away that no cell is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cellctl.cli.down import DeleteOption, KeepOption
from cellctl.cli.options import (
    AcceptLossOption,
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
    SavePlanOption,
    YesOption,
)
from cellctl.cli.reef.place import ReefArgument

if TYPE_CHECKING:
    from cellctl.cli.place import Place
    from cellctl.removal import Removable


def down(
    *,
    reef: ReefArgument,
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
    """Remove a reef, keeping or deleting what its buckets and hosts hold.

    Refused while a cell has a place on it, and without --keep-data or --delete-data.
    """
    from cellctl.cli.reef.place import locate_reef
    from cellctl.cli.removing import Removal, remove
    from cellctl.cli.reporting import reporting

    removal = Removal(
        keep_data=keep_data, delete_data=delete_data, accept_loss=accept_data_loss, yes=yes, save=save, expires=expires,
        plan=plan, approval=approval, output=output, override=override, clock=clock, engine=engine, deadline=deadline,
    )  # fmt: skip

    def located(_approved: str) -> tuple[Place, Removable]:
        place = locate_reef("down", reef, home=home)
        return place, place.reef

    with reporting("down", output, cell=f"reef/{reef}", cloud=None) as report:
        code = remove(removal, report, located)
    raise typer.Exit(code)
