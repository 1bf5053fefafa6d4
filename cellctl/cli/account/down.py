"""`cellctl account down`: take the base of an account away that has no stack any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cellctl.cli.account.place import AccountArgument
from cellctl.cli.down import DeleteOption, KeepOption
from cellctl.cli.options import (
    ApprovalOption,
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

if TYPE_CHECKING:
    from cellctl.cli.place import Place
    from cellctl.removal import Removable


def down(
    *,
    account: AccountArgument,
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
    """Remove what `account up` made, keeping or deleting the state's bucket and key.

    Refused while a cell or a reef is in the account, and without --keep-data or --delete-data: with the first bucket,
    key and roles stay. Run it as an administrator of the account.
    """
    from cellctl.cli.account.place import locate_account
    from cellctl.cli.removing import Removal, remove
    from cellctl.cli.reporting import reporting

    removal = Removal(
        keep_data=keep_data, delete_data=delete_data, yes=yes, save=save, expires=expires, plan=plan,
        approval=approval, output=output, override=override, clock=clock, engine=engine, deadline=deadline,
    )  # fmt: skip

    def located(_approved: str) -> tuple[Place, Removable]:
        place = locate_account(account, home=home, cloud=cloud)
        return place, place.account_handle

    with reporting("down", output, cell=f"account/{account}", cloud=cloud) as report:
        code = remove(removal, report, located)
    raise typer.Exit(code)
