"""`cellctl sandbox calls`: what the simulated clouds were asked, and what they answered."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption
from cellctl.cli.sandbox.completion import choices
from cellctl.cli.sandbox.options import CellOption, TypeOption, check_type

LastOption = Annotated[int, typer.Option("--last", min=1, help="How many, the latest.")]
OutcomeOption = Annotated[
    Optional[str],  # noqa: UP045  typer reads the annotation
    typer.Option(
        "--outcome",
        metavar="WORD",
        help="Only outcomes that begin so: ok, repeated, drift, or an error's class.",
        autocompletion=choices("ok", "repeated", "drift", "throttle", "quota", "conflict", "not_found"),
        show_default=False,
    ),
]


def calls(
    *,
    type_: TypeOption = None,
    cell: CellOption = None,
    outcome: OutcomeOption = None,
    last: LastOption = 40,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """List the calls that the simulated clouds were asked, oldest first, with their simulated times and outcomes.

    A call that was throttled, or that did not find yet what it needs, has a line `repeated` for each attempt.

    `cellctl sandbox calls --type aws:route53/record:Record --outcome repeated`
    """
    from fnmatch import fnmatchcase

    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.views.sandbox_text import calls_text

    control = open_control(home)
    if type_ is not None:
        check_type(control, type_)
    found = [
        call
        for call in control.calls()
        if fnmatchcase(str(call["type"]), type_ or "*")
        and (cell is None or str(call["urn"]).startswith(f"urn:pulumi:cell-{cell}::"))
        and str(call["outcome"]).startswith(outcome or "")
    ][-last:]
    if format_ is Format.JSON:
        streams.show_json({"calls": found})
    else:
        streams.show(calls_text(found))
