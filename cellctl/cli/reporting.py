"""In jsonl mode the last line on stdout is the summary, on every exit: this is where errors become one."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import typer

from cellctl.cli import streams
from cellctl.cli.options import OutputMode
from cellctl.errors import CellctlError, ExitCode, GuardError, NotYet, SpecError, StaleApproval

if TYPE_CHECKING:
    from cellctl.cli.place import Place
    from cellctl.plan import Failure


@dataclass(kw_only=True)
class Report:
    """What is known of a command while it runs; `at` adds the place once it is found."""

    operation: str
    cell: str
    cloud: str
    account: str = ""
    engine: str = ""
    began: float = field(default_factory=time.monotonic)

    def at(self, place: Place) -> None:
        """Remember which cell it turned out to be."""
        self.cell, self.cloud, self.account = place.name, place.cloud, place.account
        self.engine = "embedded" if place.account == "sandbox" else "pulumi"


@contextmanager
def reporting(operation: str, mode: OutputMode, *, cell: str | None, cloud: str | None) -> Iterator[Report]:
    """Let every error through, after its summary line where `mode` is jsonl."""
    report = Report(operation=operation, cell=cell or "", cloud=cloud or "")
    try:
        yield report
    except CellctlError as error:
        if mode is OutputMode.JSONL:
            _summarise(report, _result(error), failures_of(error))
        raise
    except typer.Exit:  # a command that has said how it ended
        raise
    except (KeyboardInterrupt, Exception) as error:
        if mode is OutputMode.JSONL:
            from cellctl.plan import Failure

            interrupted = isinstance(error, KeyboardInterrupt)
            failure = Failure(code="interrupted" if interrupted else "internal", message=type(error).__name__)
            _summarise(report, "interrupted" if interrupted else "failed", [failure])
        raise


def report_unparsed(words: Sequence[str], message: str, hint: str) -> None:
    """Write the summary line of a command line that could not be read, where it asks for jsonl."""
    from cellctl.plan import Failure

    asked = "--output=jsonl" in words or ("--output", "jsonl") in itertools.pairwise(words)
    operation = next((word for word in words if not word.startswith("-")), "")
    if asked:
        failure = Failure(code="usage", message=message, hint=hint)
        _summarise(Report(operation=operation, cell="", cloud=""), "failed", [failure])


def failures_of(error: CellctlError) -> list[Failure]:
    """Return an error as the entries of `errors`."""
    from cellctl.plan import Failure

    if isinstance(error, SpecError | NotYet) and error.problems:
        return [replace(Failure.of(problem), code=error.code) for problem in error.problems]
    if isinstance(error, GuardError) and error.objections:
        return [
            Failure(code=item.code, message=item.reason, hint=item.remedy, urn=item.urn) for item in error.objections
        ]
    if isinstance(error, StaleApproval) and error.differences:
        return [Failure(code=error.code, message=line, hint=error.hint) for line in error.differences]
    return [Failure(code=error.code, message=error.summary, hint=error.hint, urn=error.urn)]


def _result(error: CellctlError) -> str:
    if error.exit_code is ExitCode.INTERRUPTED:
        return "interrupted"
    return "refused" if isinstance(error, GuardError) else "failed"


def _summarise(report: Report, result: str, failures: list[Failure]) -> None:
    from cellctl.views.jsonl import error_summary_json

    line = error_summary_json(
        operation=report.operation, cell=report.cell, cloud=report.cloud, result=result, failures=failures
    )
    engine = {"name": report.engine, "version": ""}
    wall = round(time.monotonic() - report.began, 3)
    streams.out_json_line({**line, "account": report.account, "engine": engine, "wall_s": wall})
