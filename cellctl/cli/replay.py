"""`cellctl replay`: show a run again that `--output jsonl` told, as it would have been seen; changes nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellctl.cli.options import OutputMode

if TYPE_CHECKING:
    from cellctl.cli.streams import View
    from cellctl.events import Event

RunArgument = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="What `--output jsonl` wrote; - reads it from standard input.", allow_dash=True),
]
SpeedOption = Annotated[
    float,
    typer.Option("--speed", min=0.0, help="How many times faster than it was; 0 does not wait at all."),
]
LONGEST_WAIT_S = 2.0
HINT = "cellctl up CELL --output jsonl > run.jsonl"


class ReplayMode(StrEnum):
    """How a run is shown again."""

    AUTO = "auto"
    LIVE = "live"
    PLAIN = "plain"


def replay(
    *,
    run: RunArgument,
    speed: SpeedOption = 10.0,
    output: Annotated[ReplayMode, typer.Option("--output", help="How progress is shown.")] = ReplayMode.AUTO,
) -> None:
    """Show a recorded run again: its plan, its progress, how it ended.

    Reads what `cellctl up --output jsonl > run.jsonl` wrote, of CI for example. Changes nothing and asks no cloud.
    """
    from cellctl.errors import UsageError

    try:
        with nullcontext(sys.stdin) if str(run) == "-" else run.open(encoding="utf-8") as lines:
            _show(lines, speed, OutputMode(output.value))
    except OSError as error:
        raise UsageError(f"{run} cannot be read: {error.strerror}", hint=HINT, code="bad_run") from None
    except UnicodeDecodeError:
        raise UsageError(f"{run} is no text", hint=HINT, code="bad_run") from None


def _show(lines: Iterable[str], speed: float, mode: OutputMode) -> None:
    """Show each line when it is its turn, and say in the end how the run ended."""
    from cellctl.cli import streams
    from cellctl.views.outcome_text import outcome_text
    from cellctl.views.recorded import recorded

    screen = _Screen(streams.resolve(mode), speed)
    cell, outcome = "this run", None
    try:
        for line in recorded(lines):
            cell, outcome = line.cell or cell, line.outcome
            if line.event is not None:
                screen.take(line.event, cell, line.operation)
    finally:
        screen.close()
    if outcome is None:
        streams.say(f"The record of {cell} ends here, without a summary: its run was killed.")
    else:
        streams.say(outcome_text(outcome, again=f"cellctl {outcome.operation} {cell}"), fold=False)


class _Screen:
    """The view of a run, opened with its first event; waits between events as the run did, but faster."""

    def __init__(self, mode: OutputMode, speed: float) -> None:
        self._mode, self._speed = mode, speed
        self._view: View | None = None
        self._before = 0.0

    def take(self, event: Event, cell: str, operation: str) -> None:
        from cellctl.cli import streams
        from cellctl.events import PlanReady
        from cellctl.views.plan_text import plan_text

        if self._view is None:
            self._view = streams.view(self._mode, cell=cell, cloud="", account="", operation=operation)
            self._view.open()
        if self._speed and self._before:
            time.sleep(min(max(0.0, event.moment.at - self._before) / self._speed, LONGEST_WAIT_S))
        self._before = event.moment.at
        self._view.event(event)
        if isinstance(event, PlanReady):
            self._view.close()
            streams.say(plan_text(event.plan))
            self._view.open()

    def close(self) -> None:
        if self._view is not None:
            self._view.close()
