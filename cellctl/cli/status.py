"""`cellctl status`: what is known of one cell, without asking the cloud."""

from __future__ import annotations

import dataclasses

from cellctl.cli.options import CellArgument, CloudOption, Format, FormatOption, HomeOption


def status(
    *,
    cell: CellArgument = None,
    cloud: CloudOption = None,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Show what is known of a cell.

    Its state, its last run, who changes it now; asks no cloud.
    """
    from cellctl.cli import streams
    from cellctl.cli.place import locate, looking
    from cellctl.views.status_text import status_text

    found = locate("status", cell, cloud=cloud, home=home).handle().status(options=looking())
    if format_ is Format.JSON:
        streams.show_json(dataclasses.asdict(found))
    else:
        streams.show(status_text(found))
