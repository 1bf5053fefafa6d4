"""`cellctl account down`: take the base of an account away that has no stack any more."""

from __future__ import annotations

import typer

from cellctl.cli.account.up import AccountArgument
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
    RefreshScope,
    SavePlanOption,
    YesOption,
)


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
    from cellctl.account import Account
    from cellctl.cli.place import Place, open_home, refuse_if_real_is_required, run_options
    from cellctl.cli.reporting import reporting
    from cellctl.cli.saving import finish, planned, ready
    from cellctl.cli.session import DownSession
    from cellctl.errors import UsageError

    with reporting("down", output, cell=f"account/{account}", cloud=cloud) as report:
        if keep_data and delete_data:
            raise UsageError("--keep-data and --delete-data exclude each other", hint="say one of them")
        lasts_s, (chosen, manifest) = ready(save, expires), planned(plan, approval, save)
        refuse_if_real_is_required(account)
        found = open_home(home)
        place = Place(
            home=found, name=f"account/{account}", cloud=cloud or found.account(account).cloud, account=account,
            spec=None, file=None, home_option=home, word=account,
        )  # fmt: skip
        report.at(place)
        handle = Account(account, home=found, cloud=cloud or "")
        flag = " --keep-data" if keep_data else " --delete-data" if delete_data else ""
        again = f"cellctl account down {account}{place.home_words}{flag}"
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
                looked = handle.preview_down(
                    keep_data=keep_data, delete_data=delete_data, options=options, on_event=session.event,
                    interrupter=session.interrupter,
                )  # fmt: skip
            raise typer.Exit(finish(session, save, looked, lasts_s=lasts_s, jsonl=output is OutputMode.JSONL))
        with session:
            outcome = handle.down(
                ask=session.ask, keep_data=keep_data, delete_data=delete_data, options=options,
                on_event=session.event, interrupter=session.interrupter,
            )  # fmt: skip
        code = session.finish(outcome)
    raise typer.Exit(code)
