"""Turns whatever went wrong into one sentence, a hint and an exit code. No traceback ever reaches a user."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

from cellctl.errors import CellctlError, EngineError, ExitCode, GuardError, NotYet, Objection, SpecError, StaleApproval

_MOST_REASONS = 3


def guarded(run: Callable[[], int]) -> None:
    """Call `run` and exit with its code, or with the code of what it raised."""
    code: int
    try:
        code = run()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:
        code = _say("interrupted; nothing was under way", code=ExitCode.INTERRUPTED)
    except BrokenPipeError:
        code = ExitCode.OK
    except CellctlError as error:
        code = show(error)
    except Exception as error:
        code = _other(error)
    _close_streams()
    sys.exit(int(code))


def show(error: CellctlError) -> ExitCode:
    """Write `error` to stderr in words and return its exit code."""
    for line in _lines(error):
        _line(line)
    return error.exit_code


def _lines(error: CellctlError) -> Iterator[str]:
    match error:
        case SpecError() | NotYet(problems=(_, *_)):
            yield from (f"error: {problem}" for problem in error.problems)
            if len(error.problems) > 1:
                yield f"{len(error.problems)} problems; nothing was changed."
        case GuardError():
            yield from _refusals(error)
        case EngineError():
            yield f"error: {error.summary}"
            yield from (f"  {part.summary}" + (f" ({part.hint})" if part.hint else "") for part in error.failures)
        case StaleApproval():
            yield f"error: {error.summary}"
            yield from (f"  {line}" for line in error.differences)
        case _:
            yield f"error: {error.summary}"
    said = (isinstance(error, GuardError) and error.objections) or (isinstance(error, NotYet) and error.problems)
    if error.hint and not said:
        yield f"hint: {error.hint}"


def _refusals(error: GuardError) -> Iterator[str]:
    """One block for each kind of refusal: what it is about, then the remedy and the flags once."""
    groups: dict[tuple[str, str], list[Objection]] = {}
    for objection in error.objections:
        groups.setdefault((objection.code, objection.remedy), []).append(objection)
    for (code, remedy), members in groups.items():
        if len(members) == 1:
            yield f"refused [{code}]: {members[0].reason}"
        else:
            yield f"refused [{code}], for {len(members)} reasons:"
            yield from (f"  {member.reason}" for member in members[:_MOST_REASONS])
            if len(members) > _MOST_REASONS:
                yield f"  and {len(members) - _MOST_REASONS} more of the kind"
        yield f"  {remedy}"
        yield from (f"  allowed by: {flag}" for flag in dict.fromkeys(member.flag for member in members) if flag)
    if not error.objections:
        yield f"refused: {error.summary}"


def _other(error: Exception) -> int:
    """Handle what the library did not foresee: wrong options, which Typer words, and faults of ours."""
    import typer

    if isinstance(error, typer.Exit):
        return error.exit_code
    if isinstance(error, typer.Abort):
        return _say("interrupted; nothing was changed", code=ExitCode.INTERRUPTED)
    if isinstance(error, typer.TyperException):
        from cellctl.cli.reporting import report_unparsed

        hint = f"`{_command(error)} --help` shows what there is"
        report_unparsed(sys.argv[1:], error.format_message(), hint)
        return _say(error.format_message(), code=ExitCode.WRONG_INPUT, hint=hint)
    path = _report(error)
    return _say(
        f"cellctl itself failed ({type(error).__name__}); this is a fault of ours",
        code=ExitCode.FAILED,
        hint=f"the place is in {path}; please report it, the same command can be run again safely",
    )


def _command(error: Exception) -> str:
    """Return the command whose words do not fit, by the name that people type, however it was started."""
    context = getattr(error, "ctx", None)
    if context is None:
        return "cellctl"
    return f"cellctl{context.command_path.removeprefix(context.find_root().command_path)}"


def _report(error: Exception) -> str:
    """Write where it failed, without messages or values, which could hold secrets, and return the file's path."""
    import tempfile
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    text = "".join(f"{frame.filename}:{frame.lineno} in {frame.name}\n" for frame in frames)
    handle, path = tempfile.mkstemp(prefix="cellctl-", suffix=".log")
    with os.fdopen(handle, "w") as file:
        file.write(f"{type(error).__name__}\n{text}")
    return path


def _say(summary: str, *, code: ExitCode, hint: str = "") -> ExitCode:
    _line(f"error: {summary}" if code != ExitCode.INTERRUPTED else summary)
    if hint:
        _line(f"hint: {hint}")
    return code


def _line(text: str) -> None:
    try:
        sys.stderr.write(f"{text}\n")
    except (BrokenPipeError, ValueError):
        return


def _close_streams() -> None:
    """Flush; a reader that has gone away is no failure, and Python must not complain of it at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
