"""`cellctl sandbox fault`: make the simulated clouds fail on purpose."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption, complete_cell

ERRORS = ("throttle", "capacity", "quota", "conflict", "auth", "internal")
EFFECTS = ("error", "delay", "hang", "crash", "lost", "partial")

_text = Optional[str]  # noqa: UP045  typer reads the annotation
TypeOption = Annotated[
    _text, typer.Option("--type", help="Only this type, for example aws:ec2/instance:Instance.", show_default=False)
]
NameOption = Annotated[_text, typer.Option("--name", help="Only this logical name.", show_default=False)]
OperationOption = Annotated[
    _text, typer.Option("--op", help="Only create, read, update or delete.", show_default=False)
]
CellOption = Annotated[
    _text, typer.Option("--cell", help="Only this cell.", autocompletion=complete_cell, show_default=False)
]
CountOption = Annotated[
    Optional[int],  # noqa: UP045  typer reads the annotation
    typer.Option("--count", min=1, help="How often it happens; by default always.", show_default=False),
]
RateOption = Annotated[float, typer.Option("--rate", min=0.0, max=1.0, help="How often it happens, 0 to 1.")]
ErrorOption = Annotated[
    _text,
    typer.Option(
        "--error", help=f"Fail with: {', '.join(ERRORS)}.", autocompletion=lambda: list(ERRORS), show_default=False
    ),
]
EffectOption = Annotated[
    str,
    typer.Option("--effect", help=f"What happens: {', '.join(EFFECTS)}.", autocompletion=lambda: list(EFFECTS)),
]
DelayOption = Annotated[float, typer.Option("--delay", min=0.0, help="Simulated seconds for `delay`.")]
ListFlag = Annotated[bool, typer.Option("--list", help="List the rules in force (also without any option).")]
ClearOption = Annotated[
    _text, typer.Option("--clear", metavar="ID|all", help="Remove one rule or all.", show_default=False)
]


def fault(
    *,
    type_: TypeOption = None,
    name: NameOption = None,
    op: OperationOption = None,
    cell: CellOption = None,
    count: CountOption = None,
    rate: RateOption = 1.0,
    error: ErrorOption = None,
    effect: EffectOption = "error",
    delay: DelayOption = 0.0,
    clear: ClearOption = None,
    list_: ListFlag = False,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Add a fault rule, list the rules, or clear them.

    `cellctl sandbox fault --type aws:rds/instance:Instance --error capacity --count 1`
    """
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.errors import UsageError
    from cellctl.views.sandbox_text import faults_text

    control = open_control(home)
    if clear is not None:
        streams.say(f"Removed {control.clear_faults(_rule(clear))} rules.")
        return
    match_on = {"type": type_, "name": name, "op": op, "cell": cell}
    asked = error is not None or effect != "error" or any(match_on.values())
    if asked and not list_:
        rule: dict[str, object] = {key: value for key, value in match_on.items() if value is not None}
        rule |= {"effect": effect, "rate": rate, "delay_s": delay, "error": error or "internal"}
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
        streams.show(faults_text(control.faults()))


def _rule(text: str) -> int | None:
    from cellctl.errors import UsageError

    if text == "all":
        return None
    if not text.isdigit():
        raise UsageError(f"'{text}' is no rule", hint="say the number that `--list` shows, or `all`")
    return int(text)
