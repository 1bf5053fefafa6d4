"""In jsonl mode the last line on stdout is the summary, on every exit: this is where errors become one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from cellctl.cli import streams
from cellctl.cli.options import OutputMode
from cellctl.errors import CellctlError, ExitCode, GuardError, NotYet, SpecError

if TYPE_CHECKING:
    from cellctl.plan import Failure


@contextmanager
def reporting(operation: str, mode: OutputMode, *, cell: str | None, cloud: str | None) -> Iterator[None]:
    """Let every error through, after its summary line where `mode` is jsonl."""
    try:
        yield
    except CellctlError as error:
        if mode is OutputMode.JSONL:
            _summarise(operation, cell or "", cloud or "", _result(error), failures_of(error))
        raise
    except (KeyboardInterrupt, OSError, ValueError, TypeError, LookupError, AssertionError) as error:
        if mode is OutputMode.JSONL:
            from cellctl.plan import Failure

            interrupted = isinstance(error, KeyboardInterrupt)
            failure = Failure(code="interrupted" if interrupted else "internal", message=type(error).__name__)
            _summarise(operation, cell or "", cloud or "", "interrupted" if interrupted else "failed", [failure])
        raise


def failures_of(error: CellctlError) -> list[Failure]:
    """Return an error as the entries of `errors`."""
    from cellctl.plan import Failure

    if isinstance(error, SpecError | NotYet) and error.problems:
        return [replace(Failure.of(problem), code=error.code) for problem in error.problems]
    if isinstance(error, GuardError) and error.objections:
        return [
            Failure(code=item.code, message=item.reason, hint=item.remedy, urn=item.urn) for item in error.objections
        ]
    return [Failure(code=error.code, message=error.summary, hint=error.hint, urn=error.urn)]


def _result(error: CellctlError) -> str:
    if error.exit_code is ExitCode.INTERRUPTED:
        return "interrupted"
    return "refused" if isinstance(error, GuardError) else "failed"


def _summarise(operation: str, cell: str, cloud: str, result: str, failures: list[Failure]) -> None:
    from cellctl.views.jsonl import error_summary_json

    streams.out_json_line(
        error_summary_json(operation=operation, cell=cell, cloud=cloud, result=result, failures=failures)
    )
