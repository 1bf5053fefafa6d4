"""`cellctl sandbox fault`: make the simulated clouds fail on purpose."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption
from cellctl.cli.sandbox.completion import choices
from cellctl.cli.sandbox.options import (
    CellOption,
    ClearOption,
    CloudOption,
    ListFlag,
    NameOption,
    RateOption,
    TypeOption,
    matched,
    removed,
    rule_number,
)

ERRORS = ("throttle", "capacity", "quota", "conflict", "auth", "internal", "not_found", "invalid", "unreachable")
EFFECTS = ("error", "delay", "hang", "crash", "lost", "partial", "stale")
OPERATIONS = ("create", "read", "update", "delete", "invoke")

_text = Optional[str]  # noqa: UP045  typer reads the annotation
_count = Optional[int]  # noqa: UP045
OperationOption = Annotated[
    _text,
    typer.Option(
        "--op", help=f"Only {', '.join(OPERATIONS)}.", autocompletion=choices(*OPERATIONS), show_default=False
    ),
]
CountOption = Annotated[
    _count, typer.Option("--count", min=1, help="How often it happens; by default always.", show_default=False)
]
SkipOption = Annotated[int, typer.Option("--skip", min=0, help="How many calls pass first.")]
ErrorOption = Annotated[
    _text,
    typer.Option(
        "--error", help=f"Fail with: {', '.join(ERRORS)}.", autocompletion=choices(*ERRORS), show_default=False
    ),
]
EffectOption = Annotated[
    str, typer.Option("--effect", help=f"What happens: {', '.join(EFFECTS)}.", autocompletion=choices(*EFFECTS))
]
DelayOption = Annotated[float, typer.Option("--delay", min=0.0, help="Simulated seconds for `delay` and `stale`.")]
WhenOption = Annotated[
    str,
    typer.Option("--when", help="`crash`: before or after the change.", autocompletion=choices("before", "after")),
]
MessageOption = Annotated[_text, typer.Option("--message", help="What the cloud says.", show_default=False)]
AmbientOption = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(
        "--ambient",
        min=0.0,
        metavar="FACTOR",
        help="Let the rare failures and the drift of the data files happen, so many times as often; 0 ends it.",
        show_default=False,
    ),
]


def fault(
    *,
    type_: TypeOption = None,
    name: NameOption = None,
    op: OperationOption = None,
    cell: CellOption = None,
    cloud: CloudOption = None,
    count: CountOption = None,
    skip: SkipOption = 0,
    rate: RateOption = 1.0,
    error: ErrorOption = None,
    effect: EffectOption = "error",
    delay: DelayOption = 0.0,
    when: WhenOption = "after",
    message: MessageOption = None,
    ambient: AmbientOption = None,
    clear: ClearOption = None,
    list_: ListFlag = False,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Add a fault rule, list the rules, or clear them.

    A rule strikes simulated types, steps of provider `cellctl` (cellctl:sql:CellDatabase) and services of the clouds
    (service:storagegateway, service:secretsmanager, service:appliance, service:s3, service:nfs, service:keyvault,
    service:octopus, service:sql), where --name is the operation. A function (aws:index/getRegion:getRegion) is struck
    where --type names it, or --op is invoke.

    `cellctl sandbox fault --type aws:rds/instance:Instance --error capacity --count 1`

    `cellctl sandbox fault --cell acme --op create --effect lost --rate 0.1`

    `cellctl sandbox fault --type service:sql --name 'CREATE DATABASE' --error throttle --count 2`
    """
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.errors import UsageError
    from cellctl.views.sandbox_text import rules_text

    control = open_control(home)
    if clear is not None:
        number = rule_number(clear)
        streams.say(removed(control.clear_faults(number), number, "fault"))
        return
    if ambient is not None:
        control.set_ambient(ambient)
        streams.say(
            f"Ambient: {ambient:g} times the rates of the data files." if ambient else "Nothing fails by itself."
        )
        return
    rule = matched(control, type_=type_, name=name, cell=cell, cloud=cloud)
    said = {"op": op, "message": message, "error": error}
    rule |= {key: value for key, value in said.items() if value is not None}
    if (rule or effect != "error") and not list_:
        rule |= {"effect": effect, "rate": rate, "delay_s": delay, "skip": skip, "when": when, "count": count or 0}
        try:
            number = control.add_fault(rule)
        except ValueError as wrong:
            raise UsageError(f"this rule makes no sense: {wrong}", hint="`cellctl sandbox fault --help`") from wrong
        streams.say(f"Rule #{number} is in force; `cellctl sandbox fault --clear {number}` ends it.")
        return
    if not list_ and (count, skip, rate, delay, when) != (None, 0, 1.0, 0.0, "after"):
        raise UsageError("say what fails", hint="add --type, --name, --cell, --cloud, --op, --error or --effect")
    if format_ is Format.JSON:
        streams.show_json({"faults": control.faults()})
    else:
        streams.show(rules_text(control.faults(), "No faults: the simulated clouds behave."))
