"""`cellctl outputs`: what the cell's stack exports."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from cellctl.cli.options import CellArgument, CloudOption, Format, FormatOption, HomeOption

NameOption = Annotated[
    Optional[str],  # noqa: UP045  typer reads the annotation
    typer.Option("--name", help="Print one output alone.", show_default=False),
]


def outputs(
    *,
    cell: CellArgument = None,
    cloud: CloudOption = None,
    home: HomeOption = None,
    name: NameOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Print what a cell exports.

    Addresses, names, references of secrets; never a secret.
    """
    from cellctl.cli import streams
    from cellctl.cli.place import locate, looking
    from cellctl.errors import UsageError
    from cellctl.views.status_text import outputs_text

    found = locate("outputs", cell, cloud=cloud, home=home).handle().outputs(options=looking())
    if name is not None:
        if name not in found:
            raise UsageError(f"there is no output '{name}'", hint=f"outputs are: {', '.join(sorted(found))}")
        value = found[name]
        if isinstance(value, str) and format_ is Format.TEXT:
            streams.out().line(value)
        else:
            streams.show_json(value)
    elif format_ is Format.JSON:
        streams.show_json(dict(found))
    else:
        streams.show(outputs_text(found))
