"""`cellctl pr comment`: publish a report that another job has made, believing only its shape."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellctl.cli.pr.options import ForgeName, NumberOption

CommitOption = Annotated[
    str, typer.Option("--commit", metavar="SHA", help="Its head; else the event's.", show_default=False)
]


def comment(
    report: Annotated[Path, typer.Argument(metavar="REPORT", help="What `pr preview --format json` wrote.")],
    *,
    to: Annotated[ForgeName, typer.Option("--post", help="Where it goes.")] = ForgeName.GITHUB,
    commit: CommitOption = "",
    pull_request: NumberOption = 0,
) -> None:
    """Write the comment and the check of a report that another job made. The report is only data."""
    from cellctl.cli import streams
    from cellctl.cli.pr import forge
    from cellctl.pull_request.posting import post
    from cellctl.pull_request.report_file import load_report
    from cellctl.pull_request.words import verdict

    found = load_report(report)
    with forge.forge_of(to, pull_request, commit) as there:
        done = post(there, found)
    streams.say(f"The comment is {done}: {verdict(found)}.", fold=False)
