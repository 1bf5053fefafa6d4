"""`cellctl pr comment`: publish a report that another job has made, believing only its shape."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cellctl.cli.options import HomeOption
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
    home: HomeOption = None,
) -> None:
    """Write the comment and the check of a report that another job made. The report is only data.

    Where there is no report, both say that the preview failed and that no plan is known; the exit code is 2.
    """
    from cellctl.cli import streams
    from cellctl.cli.pr import forge
    from cellctl.errors import ForgeError, UsageError
    from cellctl.pull_request.posting import NO_PLAN, post, post_failure
    from cellctl.pull_request.report_file import load_report
    from cellctl.pull_request.words import verdict

    wrong, found = None, None
    try:
        found = load_report(report)
    except UsageError as error:
        wrong = error
    try:
        with forge.forge_of(to, pull_request, commit) as there:
            done = post(there, found) if found else post_failure(there, forge.home_folder(home), str(wrong))
    except ForgeError as error:
        if error.code != "forge_superseded":
            raise
        streams.say(f"Nothing to write: {error.summary}; {error.hint}.", fold=False)
        return
    streams.say(f"The comment is {done}: {verdict(found) if found else NO_PLAN}.", fold=False)
    if wrong is not None:
        raise wrong
