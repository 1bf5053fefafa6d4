"""`cellctl registry check`: every broken invariant, and every row that says something else than the state."""

from __future__ import annotations

import dataclasses

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption


def check(home: HomeOption = None, format_: FormatOption = Format.TEXT) -> None:
    """Say what is wrong in the registry, and what mends it.

    Compares it with the states of this home's cells, and looks for broken invariants. Changes nothing; exit 1 when
    something is wrong.
    """
    from cellctl.cli import streams
    from cellctl.cli.place import looking, open_home
    from cellctl.run.registry import check as checked
    from cellctl.views.registry_text import checked_text

    report = checked(open_home(home), options=looking())
    if format_ is Format.JSON:
        streams.show_json(dataclasses.asdict(report))
    else:
        streams.show(checked_text(report))
    raise typer.Exit(1 if report.violations else 0)
