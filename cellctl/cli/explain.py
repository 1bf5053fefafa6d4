"""`cellctl explain`: what is known of one resource, or of a cell on every cloud, without asking a cloud."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption

ResourceArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[URN]", help="A resource's URN, or its name where one resource has it; with --clouds a cell.",
        show_default=False,
    ),
]  # fmt: skip
CloudsOption = Annotated[
    bool, typer.Option("--clouds", help="Compare what a cell promises on every cloud, and what the differences mean.")
]


def explain(
    *,
    resource: ResourceArgument = None,
    clouds: CloudsOption = False,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Explain one resource of a cell, a reef or an account, or with --clouds a cell on every cloud.

    Of a resource: what it holds and needs, what a change would replace, how long its steps take, what it costs, and
    what becomes of its data. From the state and cellctl's facts, with their sources; asks no cloud.
    """
    if clouds:
        _clouds(resource, home, format_)
    else:
        _resource(resource, home, format_)


def _resource(resource: str | None, home: Path | None, format_: Format) -> None:
    from cellctl.cli import streams
    from cellctl.cli.place import looking, open_home
    from cellctl.errors import UsageError
    from cellctl.run.explaining import explain
    from cellctl.views.explain_text import explain_text

    if not resource:
        raise UsageError("name a resource, or ask for --clouds", hint="cellctl explain acme-sql-instance")
    found = explain(open_home(home), resource, options=looking())
    if format_ is Format.JSON:
        streams.show_json(dataclasses.asdict(found))
    else:
        streams.show(explain_text(found))


def _clouds(cell: str | None, home: Path | None, format_: Format) -> None:
    """Compare the cell that is named; without a name one of which only this much is known."""
    from cellctl.cli import streams
    from cellctl.cli.place import locate, looking
    from cellctl.errors import UsageError
    from cellctl.run.comparing import compare, declared
    from cellctl.spec import CellSpec
    from cellctl.views.clouds_text import clouds_text

    if cell is None:
        found = compare(CellSpec.minimal("acme", cloud="aws", region="eu-west-1"))
    else:
        place = locate("explain", cell, cloud=None, home=home)
        if place.spec is None:
            raise UsageError(f"cell {cell} has no file and no spec in its stack", code="no_cell")
        found = compare(place.spec, stack=declared(place.home, place.name, looking()))
    if format_ is Format.JSON:
        streams.show_json(dataclasses.asdict(found))
    else:
        streams.show(clouds_text(found))
