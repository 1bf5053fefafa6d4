"""What the rules of the sandbox are about: options that `fault` and `drift` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cellctl.cli.options import complete_cell, complete_cloud
from cellctl.cli.sandbox.completion import completes

if TYPE_CHECKING:
    from cellctl.engine.ports import SandboxControl

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
    _text,
    typer.Option(
        "--cell", help="Only this cell; it need not be there yet.", autocompletion=complete_cell, show_default=False
    ),
]
CloudOption = Annotated[
    _text, typer.Option("--cloud", help="Only aws or azure.", autocompletion=complete_cloud, show_default=False)
]
RateOption = Annotated[float, typer.Option("--rate", min=0.0, max=1.0, help="With which probability, 0 to 1.")]
ListFlag = Annotated[bool, typer.Option("--list", help="List the rules in force (also without any option).")]
ClearOption = Annotated[
    _text, typer.Option("--clear", metavar="ID|all", help="Remove one rule or all.", show_default=False)
]


def matched(
    control: SandboxControl, *, type_: str | None, name: str | None, cell: str | None, cloud: str | None
) -> dict[str, object]:
    """Return what a rule is about, without what was not said.

    Raises:
        UsageError: There is no such type or cloud.
    """
    if type_ is not None:
        check_type(control, type_)
    if cloud is not None:
        check_cloud(cloud)
    said = {"type": type_, "name": name, "cell": cell, "cloud": cloud}
    return {key: value for key, value in said.items() if value is not None}


def check_type(control: SandboxControl, text: str) -> None:
    """Refuse a type, or a pattern, that no type of the sandbox matches."""
    from difflib import get_close_matches
    from fnmatch import fnmatchcase

    from cellctl.errors import UsageError

    known = control.known("types")
    if any(fnmatchcase(word, text) for word in known) or any(fnmatchcase(one, text) for one in control.known("seen")):
        return
    short = {word.rpartition(":")[2].lower(): word for word in known}
    close = get_close_matches(text, known, n=1) or get_close_matches(text.rpartition(":")[2].lower(), list(short), n=1)
    meant = f"did you mean {short.get(close[0], close[0])}?" if close else ""
    hint = meant or "say a type as `cellctl sandbox show` prints it; * stands for anything"
    raise UsageError(f"the sandbox has no type '{text}'", hint=hint, code="unknown_type")


def check_cloud(text: str) -> None:
    """Refuse what is neither aws nor azure."""
    from cellctl.errors import UsageError

    if text not in ("aws", "azure"):
        raise UsageError(f"there is no simulated cloud '{text}'", hint="clouds are: aws, azure", code="unknown_cloud")


def removed(count: int, number: int | None, command: str) -> str:
    """Return what to say of rules that were cleared.

    Raises:
        UsageError: There is no rule of this number.
    """
    from cellctl.errors import UsageError

    if number is not None and not count:
        hint = f"`cellctl sandbox {command} --list` shows those in force"
        raise UsageError(f"there is no rule #{number}", hint=hint, code="unknown_rule")
    return f"Removed {count} rule{'' if count == 1 else 's'}."


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
