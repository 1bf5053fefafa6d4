"""`cellctl doctor`: what this machine and this home have, what is missing, and how to get it."""

from __future__ import annotations

import dataclasses
import os
from typing import Annotated

import typer

from cellctl.cli.options import Format, FormatOption, HomeOption


def doctor(
    account: Annotated[
        str, typer.Option("--account", help="Look into this real account of cellctl.yaml.", metavar="NAME")
    ] = "",
    install: Annotated[
        bool, typer.Option("--install", help="Put the plugins that the account needs into this home.")
    ] = False,
    home: HomeOption = None,
    format_: FormatOption = Format.TEXT,
) -> None:
    """Say what is missing and how to get it.

    Also names what a crash left behind. Changes nothing, but for plugins with --install.
    With --account: plugins, roles, zones, images, quotas, state and key of a real account, and each port that
    cellctl dials of its cells.
    """
    from cellctl.cli import streams
    from cellctl.cli.place import open_home
    from cellctl.doctor import examine, examine_account
    from cellctl.errors import UsageError
    from cellctl.views.doctor_text import doctor_text

    place, environment = open_home(home), dict(os.environ)
    if install and not account:
        raise UsageError("--install is for a real account", hint="cellctl doctor --account NAME --install")
    if account:
        findings = examine_account(place, account, environment=environment, install=install)
    else:
        findings = examine(place, environment=environment)
    if format_ is Format.JSON:
        streams.show_json({"findings": [dataclasses.asdict(finding) for finding in findings]})
    else:
        streams.show(doctor_text(findings))
    raise typer.Exit(1 if any(finding.level == "missing" for finding in findings) else 0)
