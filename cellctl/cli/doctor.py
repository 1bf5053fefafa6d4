"""`cellctl doctor`: what this machine and this home have, what is missing, and how to get it."""

from __future__ import annotations

import dataclasses
import os

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption


def doctor(home: HomeOption = None, format_: FormatOption = Format.TEXT) -> None:
    """Say what is missing and how to get it.

    Also names what a crash left behind. Changes nothing.
    """
    from cellctl.cli import streams
    from cellctl.cli.place import open_home
    from cellctl.doctor import examine
    from cellctl.views.doctor_text import doctor_text

    findings = examine(open_home(home), environment=dict(os.environ))
    if format_ is Format.JSON:
        streams.show_json({"findings": [dataclasses.asdict(finding) for finding in findings]})
    else:
        streams.show(doctor_text(findings))
    raise typer.Exit(1 if any(finding.level == "missing" for finding in findings) else 0)
