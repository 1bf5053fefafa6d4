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
    (service:storagegateway, service:secretsmanager, service:appliance, service:keyvault, service:octopus, service:sql),
    where --name is the operation.

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
        streams.say(f"Removed {control.clear_faults(rule_number(clear))} rules.")
        return
    if ambient is not None:
        control.set_ambient(ambient)
        streams.say(
            f"Ambient: {ambient:g} times the rates of the data files." if ambient else "Nothing fails by itself."
        )
        return
    match_on = {"type": type_, "name": name, "op": op, "cell": cell, "cloud": cloud, "message": message}
    asked = error is not None or effect != "error" or any(match_on.values())
    if asked and not list_:
        rule: dict[str, object] = {key: value for key, value in match_on.items() if value is not None}
        rule |= {"effect": effect, "rate": rate, "delay_s": delay, "error": error or "internal"}
        rule |= {"skip": skip, "when": when}
        if count is not None:
            rule["count"] = count
        try:
            streams.say(f"Rule #{control.add_fault(rule)} is in force; `cellctl sandbox fault --clear all` ends it.")
        except ValueError as wrong:
            raise UsageError(f"this rule makes no sense: {wrong}", hint="`cellctl sandbox fault --help`") from wrong
        return
    if format_ is Format.JSON:
        streams.show_json({"faults": control.faults()})
    else:
        streams.show(rules_text(control.faults(), "No faults: the simulated clouds behave."))
