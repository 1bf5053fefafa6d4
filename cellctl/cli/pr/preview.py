"""`cellctl pr preview`: preview every cell whose plan a change can touch, and say it in one comment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cellctl.cli.options import (
    AcceptLossOption,
    ClockOption,
    DeadlineOption,
    EngineName,
    EngineOption,
    HomeOption,
    RefreshScope,
)
from cellctl.cli.pr.options import ForgeName, NumberOption

if TYPE_CHECKING:
    from cellctl.errors import CellctlError, ExitCode
    from cellctl.plan import Plan
    from cellctl.pull_request.report import Report
    from cellctl.spec import CellSpec

# Events in which GitHub gives credentials to a run that somebody else's pull request has started.
_FOREIGN_EVENTS = ("pull_request_target", "workflow_run", "issue_comment")


class ReportFormat(StrEnum):
    """How the report is printed."""

    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"


BaseOption = Annotated[str, typer.Option("--base", metavar="REF", help="What the change is compared with.")]
HeadOption = Annotated[
    str,
    typer.Option("--head", metavar="REF", help="The change; without it the working tree.", show_default=False),
]
FilesOnlyOption = Annotated[
    bool,
    typer.Option("--files-only", help="Of --head take the cell files alone, as data; code and cellctl.yaml stay here."),
]
OutputFileOption = Annotated[
    Optional[Path],  # noqa: UP045  typer reads the annotation
    typer.Option("--output-file", help="Write the report to this file.", show_default=False, dir_okay=False),
]
PageOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--page", help="Write the report as a page too, of the same run.", show_default=False, dir_okay=False),
]
AllowOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--allow-replace", metavar="URN", help="Accept that this resource is lost.", show_default=False),
]


PostOption = Annotated[
    Optional[ForgeName],  # noqa: UP045
    typer.Option("--post", help="Write the comment and the check of the pull request.", show_default=False),
]


def preview(
    *,
    base: BaseOption,
    head: HeadOption = "",
    files_only: FilesOnlyOption = False,
    every: Annotated[bool, typer.Option("--all", help="Preview every cell, whatever differs.")] = False,
    format_: Annotated[
        ReportFormat, typer.Option("--format", help="How the report is printed.")
    ] = ReportFormat.MARKDOWN,
    output_file: OutputFileOption = None,
    page: PageOption = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 3 if something would change.")] = False,
    allow_replace: AllowOption = None,
    accept_data_loss: AcceptLossOption = None,
    post: PostOption = None,
    pull_request: NumberOption = 0,
    home: HomeOption = None,
    clock: ClockOption = "",
    engine: EngineOption = EngineName.AUTO,
    deadline: DeadlineOption = "",
) -> None:
    """Show what a change does to every cell: equal plans once, the worst first. Changes nothing."""
    from cellctl.cell import preview_all
    from cellctl.cli import streams
    from cellctl.cli.place import open_home, run_options
    from cellctl.cli.pr import forge
    from cellctl.cli.session import interruptible
    from cellctl.pull_request.comment import SUMMARY_LIMIT, comment
    from cellctl.pull_request.looking import Asked, look
    from cellctl.pull_request.posting import post as publish
    from cellctl.pull_request.repository import Repository

    for file in (output_file, page):
        if file is not None:
            streams.check_writable(file)
    _refuse_foreign_event(files_only)
    found = open_home(home)
    options = run_options(
        refresh=RefreshScope.STATEFUL,
        allow=allow_replace,
        accept_loss=accept_data_loss,
        clock=clock,
        engine=engine,
        deadline=deadline,
        command="cellctl pr preview",
    )
    asked = Asked(
        base=base,
        head=head,
        files_only=files_only,
        every=every,
        require_real=os.environ.get("CELLCTL_REQUIRE_REAL") == "1",
    )
    with _said_if_it_fails(post, pull_request, home), interruptible() as interrupter:

        def previews(specs: Sequence[CellSpec]) -> Iterator[tuple[str, Plan | CellctlError]]:
            return preview_all(found, specs, options=options, interrupter=interrupter)

        report = look(Repository.of(found.root, os.environ), asked, previews, on_cell=_progress)
    _write(report, format_, output_file)
    if page is not None:
        _write(report, ReportFormat.HTML, page)
    forge.write_summary(comment(report, limit=SUMMARY_LIMIT, full_text="what `--page` or `--format json` writes"))
    if post is not None:
        with forge.forge_of(post, pull_request, report.head) as there:
            done = publish(there, report)
        streams.say(f"The comment is {done}.", fold=False)
    raise typer.Exit(int(code_of(report, exit_code=exit_code)))


@contextmanager
def _said_if_it_fails(post: ForgeName | None, number: int, home: Path | None) -> Iterator[None]:
    """Where a preview does not come to a report, say so on the pull request: its old comment would stand for ever."""
    from cellctl.cli import streams
    from cellctl.cli.pr import forge
    from cellctl.errors import CellctlError, Interrupted
    from cellctl.pull_request.posting import post_failure

    try:
        yield
    except Interrupted:
        raise  # somebody stopped it, as a newer commit does: another run will tell
    except Exception as error:
        if post is not None:
            why = error.summary if isinstance(error, CellctlError) else f"an error in cellctl: {type(error).__name__}"
            try:
                with forge.forge_of(post, number, "") as there:
                    done = post_failure(there, forge.home_folder(home), why)
                streams.say(f"The comment is {done}: it says that the preview failed.", fold=False)
            except CellctlError as silent:
                streams.say(f"The pull request could not be told: {silent.summary}.", fold=False)
        raise


def code_of(report: Report, *, exit_code: bool) -> ExitCode:
    """Return the exit code: refused before failed before changes pending."""
    from cellctl.errors import ExitCode

    if report.refused:
        return ExitCode.REFUSED
    if report.failed:
        return ExitCode.FLEET_PARTLY_FAILED
    return ExitCode.CHANGES_PENDING if exit_code and report.groups else ExitCode.OK


def text_of(report: Report, format_: ReportFormat) -> str:
    """Return the report in one format."""
    if format_ is ReportFormat.JSON:
        import json

        from cellctl.pull_request.report_file import report_json

        return json.dumps(report_json(report), indent=2, ensure_ascii=False) + "\n"
    if format_ is ReportFormat.HTML:
        from cellctl.pull_request.page import page

        return page(report)
    from cellctl.pull_request.comment import comment

    return comment(report)


def _write(report: Report, format_: ReportFormat, file: Path | None) -> None:
    from cellctl.cli import streams
    from cellctl.pull_request.words import verdict

    text = text_of(report, format_)
    if file is None:
        streams.out().line(text.rstrip("\n"))
    else:
        streams.write_text(file, text)
        streams.say(f"Wrote {file}: {verdict(report)}.", fold=False)


def _progress(name: str, done: int, total: int) -> None:
    from cellctl.cli import streams

    streams.say(f"{done}/{total} {name}", fold=False)


def _refuse_foreign_event(files_only: bool) -> None:
    """Refuse to run a pull request's own code where GitHub has given this run the repository's credentials."""
    event = os.environ.get("GITHUB_EVENT_NAME", "")
    if event in _FOREIGN_EVENTS and not files_only:
        from cellctl.errors import GuardError, Objection

        reason = f"a run for '{event}' holds credentials, and code from a pull request must not run with them"
        remedy = "check out the base and say --head COMMIT --files-only (docs/guides/pull-requests.md)"
        raise GuardError([Objection(code="foreign_code", reason=reason, remedy=remedy)])
