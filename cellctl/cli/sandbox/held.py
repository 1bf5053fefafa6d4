"""`cellctl sandbox held`: names that stay taken after deletion."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption
from cellctl.cli.sandbox.completion import completes

PurgeOption = Annotated[
    Optional[str],  # noqa: UP045  typer reads the annotation
    typer.Option(
        "--purge",
        metavar="NAME|all",
        help="Give a name free, as a purge of the soft-deleted object does.",
        autocompletion=completes("held"),
        show_default=False,
    ),
]


def held(purge: PurgeOption = None, home: HomeOption = None, format_: FormatOption = Format.TEXT) -> None:
    """List the names that deleted objects still hold and for how long, or purge them.

    `cellctl sandbox held --purge all`
    """
    from cellctl.cli import streams
    from cellctl.cli.sandbox.control import open_control
    from cellctl.errors import UsageError
    from cellctl.views.sandbox_text import held_text

    control = open_control(home)
    if purge is None:
        found = control.held()
        if format_ is Format.JSON:
            streams.show_json({"held": found})
        else:
            streams.show(held_text(found))
        return
    count = control.purge(None if purge == "all" else purge)
    if not count and purge != "all":
        raise UsageError(
            f"nothing holds the name '{purge}'", hint="`cellctl sandbox held` lists names", code="unknown_name"
        )
    streams.say(f"Purged {count} names.")
