"""`cellctl cells`: every cell of the home."""

from __future__ import annotations

import dataclasses

from cellctl.cli.options import Format, FormatOption, HomeOption


def list_cells(home: HomeOption = None, format_: FormatOption = Format.TEXT) -> None:
    """List the cells of this home."""
    from cellctl.cell import cells
    from cellctl.cli import streams
    from cellctl.cli.place import looking, open_home
    from cellctl.views.status_text import cells_text

    found = cells(open_home(home), options=looking())
    if format_ is Format.JSON:
        streams.show_json({"cells": [dataclasses.asdict(item) for item in found]})
    else:
        streams.show(cells_text(found))
