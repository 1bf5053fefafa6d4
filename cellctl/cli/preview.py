"""`cellctl preview`: what `up` would do; changes nothing."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cellctl.cli.options import (
    CellArgument,
    ClockOption,
    CloudOption,
    DeadlineOption,
    DetailsOption,
    EngineName,
    EngineOption,
    HomeOption,
    OutputMode,
    OutputOption,
    OverrideOption,
    RefreshOption,
    RefreshScope,
)

if TYPE_CHECKING:
    from cellctl.plan import Plan


class PlanFormat(StrEnum):
    """How the Plan is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


SaveOption = Annotated[
    Optional[Path],  # noqa: UP045  typer reads the annotation
    typer.Option(
        "--save", help="Write the Plan to this file as JSON, for `up --plan`; with --all, a folder.", show_default=False
    ),
]
ExpiresOption = Annotated[
    str, typer.Option("--expires", metavar="TIME", help="How long `up --plan` may apply what --save writes.")
]
AllOption = Annotated[
    bool, typer.Option("--all", help="Preview every cell of this home, and save a Plan of each that would change.")
]
ExitCodeOption = Annotated[bool, typer.Option("--exit-code", help="Exit with 3 if something would change.")]


def preview(
    *,
    cell: CellArgument = None,
    cloud: CloudOption = None,
    home: HomeOption = None,
    output: OutputOption = OutputMode.AUTO,
    format_: Annotated[PlanFormat, typer.Option("--format", help="How the Plan is printed.")] = PlanFormat.TEXT,
    every: AllOption = False,
    save: SaveOption = None,
    expires: ExpiresOption = "7d",
    exit_code: ExitCodeOption = False,
    refresh: RefreshOption = RefreshScope.STATEFUL,
    override: OverrideOption = None,
    clock: ClockOption = "",
    engine: EngineOption = EngineName.AUTO,
    deadline: DeadlineOption = "",
    details: DetailsOption = False,
) -> None:
    """Show what `up` would do; changes nothing.

    `cellctl preview --all --save plans` saves the plans of a fleet, for `cellctl approve plans/*.json`.
    """
    from cellctl.cli.place import locate, open_home, run_options, seconds
    from cellctl.cli.reporting import reporting
    from cellctl.cli.saving import AGAIN, ready, save_all
    from cellctl.cli.saving import save as save_plan
    from cellctl.cli.session import Session
    from cellctl.errors import ExitCode, UsageError

    if every:
        if cell is not None:
            raise UsageError("--all is about every cell", hint=AGAIN, code="usage")
        options = run_options(
            refresh=refresh, clock=clock, engine=engine, deadline=deadline, override=override, command=AGAIN
        )
        code = save_all(open_home(home), save, options, lasts_s=seconds(expires, "--expires"))
        raise typer.Exit(int(ExitCode.OK if code is ExitCode.CHANGES_PENDING and not exit_code else code))
    with reporting("preview", output, cell=cell, cloud=cloud) as report:
        lasts_s = ready(save, expires)
        place = locate("preview", cell, cloud=cloud, home=home, create=True)
        report.at(place)
        again = place.command("preview")
        session = Session("preview", place, mode=output, yes=False, again=again)
        options = run_options(
            refresh=refresh, clock=clock, engine=engine, deadline=deadline, override=override, command=again
        )
        with session:
            plan = place.handle().preview(options=options, on_event=session.event, interrupter=session.interrupter)
        if save is not None:
            save_plan(save, plan, lasts_s=lasts_s)
        if output is OutputMode.JSONL:
            session.finish_preview(plan)
        else:
            _show(plan, format_, details=details)
    if plan.errored:
        raise typer.Exit(int(ExitCode.FAILED))
    raise typer.Exit(int(ExitCode.CHANGES_PENDING if exit_code and not plan.empty else ExitCode.OK))


def _show(plan: Plan, format_: PlanFormat, *, details: bool) -> None:
    from cellctl.cli import streams
    from cellctl.views.plan_json import plan_json
    from cellctl.views.plan_text import objections_text, plan_text

    if format_ is PlanFormat.JSON:
        streams.show_json(plan_json(plan))
    elif format_ is PlanFormat.TEXT:
        streams.show(plan_text(plan, details=details))
        if plan.objections:
            streams.say(objections_text(plan.objections))
    else:
        streams.out().line(_document(plan, format_))


def _document(plan: Plan, format_: PlanFormat) -> str:
    from cellctl.pull_request.comment import comment
    from cellctl.pull_request.looking import alone
    from cellctl.pull_request.page import page

    report = alone(plan)
    return page(report).rstrip() if format_ is PlanFormat.HTML else comment(report, full_text="`--format json`")
