"""`cellctl sandbox quota`: how much the simulated accounts may have."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption, complete_cloud
from cellctl.cli.sandbox.completion import completes
from cellctl.cli.sandbox.options import check_cloud

_text = Optional[str]  # noqa: UP045  typer reads the annotation
NameArgument = Annotated[
    _text,
    typer.Argument(metavar="QUOTA", help="SERVICE.NAME, as the list shows it.", autocompletion=completes("quotas")),
]
LimitArgument = Annotated[
    Optional[int],  # noqa: UP045
    typer.Argument(metavar="LIMIT", min=0, help="How many there may be."),
]
AccountOption = Annotated[
    str,
    typer.Option("--account", help="Account or subscription id; * every one.", autocompletion=completes("accounts")),
]
RegionOption = Annotated[
    str, typer.Option("--region", help="Region; * every one.", autocompletion=completes("regions"))
]
OfCloud = Annotated[
    _text,
    typer.Option(
        "--cloud", help="aws or azure, where both have the quota.", autocompletion=complete_cloud, show_default=False
    ),
]
ClearOption = Annotated[
    _text,
    typer.Option(
        "--clear",
        metavar="QUOTA|all",
        help="Forget what was set: the documented limit holds again.",
        autocompletion=completes("quotas"),
        show_default=False,
    ),
]
_ALL = "`cellctl sandbox quota --all` lists them"
AllFlag = Annotated[bool, typer.Option("--all", help="List also the quotas that nothing counts against.")]


def quota(
    *,
    name: NameArgument = None,
    limit: LimitArgument = None,
    account: AccountOption = "*",
    region: RegionOption = "*",
    cloud: OfCloud = None,
    clear: ClearOption = None,
    everything: AllFlag = False,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """List quotas with what is used and where the limit comes from, set one, or clear what was set.

    `cellctl sandbox quota rds.sqlserver-instances 1`

    `cellctl sandbox quota ec2.vpcs 0 --account 000000000000 --region eu-west-1`

    `cellctl sandbox quota --clear all`
    """
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.errors import UsageError
    from cellctl.views.sandbox_text import quotas_text

    control = open_control(home)
    if cloud is not None:
        check_cloud(cloud)
    if clear not in (None, "all") and clear not in control.known("quotas"):
        raise UsageError(f"there is no quota '{clear}'", hint=_ALL, code="unknown_quota")
    if clear is not None:
        streams.say(f"Cleared {control.clear_quotas(None if clear == 'all' else clear)} limits.")
        return
    if limit is not None and name is not None:
        control.limit(name, limit, cloud=cloud or "", account=account, region=region)
        streams.say(f"{name} is {limit} now; `cellctl sandbox quota --clear {name}` takes it back.")
        return
    shown = [
        item for item in control.quotas(everything=everything or name is not None) if name in (None, item["quota"])
    ]
    if name is not None and not shown:
        raise UsageError(f"there is no quota '{name}'", hint=_ALL, code="unknown_quota")
    if format_ is Format.JSON:
        streams.show_json({"quotas": shown})
    else:
        streams.show(quotas_text(shown))
