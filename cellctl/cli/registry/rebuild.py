"""`cellctl registry rebuild`: fill the registry anew from the states of this home's cells."""

from __future__ import annotations

import dataclasses

from cellctl.cli.options import Format, FormatOption, HomeOption


def rebuild(home: HomeOption = None, format_: FormatOption = Format.TEXT) -> None:
    """Fill the registry anew from the states of cells.

    Drops and records again what states know; operations, events, leases and incarnations stay. No cell is touched.
    """
    from cellctl.cli import streams
    from cellctl.cli.place import looking, open_home
    from cellctl.run.registry import rebuild as rebuilt
    from cellctl.views.registry_text import rebuilt_text

    report = rebuilt(open_home(home), options=looking())
    if format_ is Format.JSON:
        streams.show_json(dataclasses.asdict(report))
    else:
        streams.show(rebuilt_text(report))
