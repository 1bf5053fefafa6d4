"""What the rules of the sandbox are about: options that `fault` and `drift` share."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from cellctl.cli.options import complete_cell, complete_cloud
from cellctl.cli.sandbox.completion import completes

_text = Optional[str]  # noqa: UP045  typer reads the annotation
TypeOption = Annotated[
    _text,
    typer.Option(
        "--type",
        help="Only this type, for example aws:ec2/instance:Instance; * stands for anything.",
        autocompletion=completes("types"),
        show_default=False,
    ),
]
NameOption = Annotated[
    _text,
    typer.Option("--name", help="Only this logical name.", autocompletion=completes("names"), show_default=False),
]
CellOption = Annotated[
    _text, typer.Option("--cell", help="Only this cell.", autocompletion=complete_cell, show_default=False)
]
CloudOption = Annotated[
    _text, typer.Option("--cloud", help="Only aws or azure.", autocompletion=complete_cloud, show_default=False)
]
RateOption = Annotated[float, typer.Option("--rate", min=0.0, max=1.0, help="With which probability, 0 to 1.")]
ListFlag = Annotated[bool, typer.Option("--list", help="List the rules in force (also without any option).")]
ClearOption = Annotated[
    _text, typer.Option("--clear", metavar="ID|all", help="Remove one rule or all.", show_default=False)
]


def rule_number(text: str) -> int | None:
    """Return the rule that `--clear` means, None for all."""
    from cellctl.errors import UsageError

    if text == "all":
        return None
    if not text.isdigit():
        raise UsageError(f"'{text}' is no rule", hint="say the number that `--list` shows, or `all`")
    return int(text)


def seconds(text: str, what: str) -> float:
    """Return a span of simulated time: `90`, `90s`, `15m`, `2h`, `7d`."""
    from cellctl.errors import UsageError

    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    try:
        value = float(number) * unit
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e10:
        raise UsageError(f"{what} '{text}' is no span of time", hint="say seconds, or 15m, 2h, 7d")
    return value
