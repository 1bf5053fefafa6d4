"""Where words and data go: data on stdout, words on stderr; which view draws progress; a closed pipe loses nothing."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from cellctl.cli.options import OutputMode
from cellctl.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from cellctl.events import Event


class View(Protocol):
    """Draws progress."""

    def open(self) -> None:
        """Begin."""

    def close(self) -> None:
        """End; safe to call twice."""

    def note(self, text: str) -> None:
        """Show a remark of the CLI's own."""

    def event(self, event: Event) -> None:
        """Take one event."""


class Pipe:
    """A stream whose reader may go away: from then on writing does nothing, and the operation goes on to its end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False

    def line(self, text: str) -> None:
        """Write one line and flush it."""
        if self._gone:
            return
        try:
            self._stream.write(f"{text}\n")
            self._stream.flush()
        except (BrokenPipeError, ValueError):
            self._gone = True
            _silence(self._stream)


def _silence(stream: TextIO) -> None:
    """Lead the closed stream to nowhere, so that the interpreter's own flush at exit cannot fail."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        return


def drop_typed_ahead() -> None:
    """Forget what was typed before a question was on the screen: it cannot be its answer."""
    with suppress(ImportError, OSError, ValueError):
        import termios

        with suppress(termios.error):
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def out() -> Pipe:
    """Return stdout, for data."""
    return Pipe(sys.stdout)


def words() -> Console:
    """Return a console on stderr, for words; colour only on a terminal and without NO_COLOR."""
    from cellctl.cli.console import PatientConsole

    return PatientConsole(stderr=True, highlight=False, soft_wrap=False, emoji=False)


def data_console() -> Console:
    """Return a console on stdout, for data that people read."""
    from cellctl.cli.console import PatientConsole

    return PatientConsole(highlight=False, emoji=False)


def say(text: RenderableType, *, fold: bool = True) -> None:
    """Write words to stderr; without `fold` long lines are left to the terminal, to be copied whole."""
    try:
        words().print(text, soft_wrap=not fold)
    except BrokenPipeError:
        _silence(sys.stderr)


def show(text: RenderableType) -> None:
    """Write text for people to stdout."""
    try:
        data_console().print(text)
    except BrokenPipeError:
        _silence(sys.stdout)


def show_json(value: object) -> None:
    """Write a value to stdout as indented JSON."""
    out().line(json.dumps(value, indent=2, ensure_ascii=False))


def check_writable(path: Path) -> None:
    """Say before the work that `path` cannot be written after it.

    Raises:
        UsageError: Its folder is not there, or nobody may write it.
    """
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        why = "no write access" if path.parent.is_dir() else f"{path.parent} is not there"
        raise UsageError(f"cannot write {path}: {why}", hint="name a file in a folder that exists and is yours")


def write_json(path: Path, value: object) -> None:
    """Write a value to a file as indented JSON; UsageError as in `write_text`."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        UsageError: The file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", hint="name a file in a folder that exists"
        ) from error


def out_json_line(value: object) -> None:
    """Write a value to stdout as one line of JSON."""
    out().line(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def resolve(mode: OutputMode) -> OutputMode:
    """Return live on a terminal and plain elsewhere for `auto`."""
    if mode is not OutputMode.AUTO:
        return mode
    capable = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("CI")
    return OutputMode.LIVE if capable else OutputMode.PLAIN


def view(mode: OutputMode, *, cell: str, cloud: str, account: str, operation: str) -> View:
    """Return the view for a mode that `resolve` gave."""
    if mode is OutputMode.JSONL:
        from cellctl.views.jsonl import JsonlView

        return JsonlView(out().line, cell=cell, operation=operation)
    if mode is OutputMode.LIVE:
        from cellctl.views.live import LiveView

        return LiveView(words(), cell=cell, cloud=cloud, account=account)
    from cellctl.views.plain import PlainView

    return PlainView(Pipe(sys.stderr).line)
