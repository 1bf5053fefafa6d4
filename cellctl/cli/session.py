"""One operation on the command line: its view, the one question, Ctrl-C, and the exit code of its Outcome."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from cellctl.cli import streams
from cellctl.cli.options import OutputMode
from cellctl.errors import ExitCode, NotYet, Objection, SpecError, UsageError

if TYPE_CHECKING:
    from cellctl.cli.place import Place
    from cellctl.events import Event
    from cellctl.plan import Outcome, Plan
    from cellctl.run.options import Interrupter

_CODES = {
    "succeeded": ExitCode.OK,
    "nothing": ExitCode.OK,
    "interrupted": ExitCode.INTERRUPTED,
    "refused": ExitCode.REFUSED,
}
_HEARD = (
    "Ctrl-C: finishing what is under way, no more. Again: stop at once.",
    "Stopping at once; the next run looks up what was left half done.",
    "Killing the engine.",
)


class Session:
    """Use as a context manager around one call of the library; `again` is the command that continues."""

    def __init__(
        self, operation: str, place: Place, *, mode: OutputMode, yes: bool, again: str, details: bool = False
    ) -> None:
        from cellctl.run.options import Interrupter

        self.interrupter: Interrupter = Interrupter()
        self._cell, self._file, self._home = place.name, place.file, place.home_words
        self._mode = streams.resolve(mode)
        self._yes, self._again, self._details = yes, again, details
        self._view = streams.view(
            self._mode, cell=place.name, cloud=place.cloud, account=place.account, operation=operation
        )
        self._began = time.monotonic()
        self._declined = False
        self._presses: list[float] = []

    def __enter__(self) -> Session:
        """Open the view and take SIGINT."""
        self._previous = signal.signal(signal.SIGINT, self._pressed)
        self._view.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the view and give SIGINT back; problems that a layout found get their places in the file."""
        self._view.close()
        signal.signal(signal.SIGINT, self._previous)
        if isinstance(error, SpecError) and self._file is not None:
            from cellctl.spec import located

            raise located(error, self._file) from None
        if isinstance(error, NotYet) and self._file is not None:
            from cellctl.spec.reading import places

            error.problems = tuple(places(error.problems, self._file))

    def event(self, event: Event) -> None:
        """Give one event to the view."""
        self._view.event(event)

    def ask(self, plan: Plan, objections: Sequence[Objection]) -> bool:
        """Show the plan, then ask once. Without a terminal and without --yes nothing is changed (exit 2)."""
        from cellctl.views.plan_text import plan_text

        self._view.close()
        if self._mode is not OutputMode.JSONL:
            streams.say(plan_text(plan, details=self._details))
        if objections:
            return False
        answer = self._yes or self._question()
        if answer:
            self._view.open()
        return answer

    def finish(self, outcome: Outcome) -> int:
        """Show the Outcome and return the exit code."""
        self._view.close()
        if self._mode is OutputMode.JSONL:
            from cellctl.views.jsonl import summary_json

            streams.out_json_line(summary_json(outcome))
        elif self._declined:
            streams.say("Nothing changed.")
        else:
            from cellctl.views.outcome_text import outcome_text

            streams.say(outcome_text(outcome, again=self._again, home=self._home), fold=False)
        return int(_CODES.get(outcome.result, ExitCode.FAILED))

    def finish_preview(self, plan: Plan) -> None:
        """Write the summary line of a preview in jsonl mode."""
        from cellctl.plan import Failure, Outcome
        from cellctl.views.jsonl import summary_json

        failures = [
            Failure(code="preview_failed", message=item.message, urn=item.urn)
            for item in plan.diagnostics
            if item.severity == "error"
        ]
        outcome = Outcome(
            cell=plan.cell,
            cloud=plan.cloud,
            account=plan.account,
            operation="preview",
            result="failed" if plan.errored else "nothing" if plan.empty else "succeeded",
            changes=plan.summary(),
            failures=tuple(failures),
            engine_name=plan.versions.get("engine_name", ""),
            engine_version=plan.versions.get("engine", ""),
            wall_s=time.monotonic() - self._began,
        )
        streams.out_json_line(summary_json(outcome))

    def _question(self) -> bool:
        if not sys.stdin.isatty():
            raise UsageError(
                "there is no terminal to ask on, so nothing was changed",
                hint=f"add --yes to apply the plan above: {self._again} --yes",
                code="not_asked",
            )
        signal.signal(signal.SIGINT, self._previous)
        streams.drop_typed_ahead()
        sys.stderr.write(self.prompt())
        sys.stderr.flush()
        try:
            typed = sys.stdin.readline().strip()
        except KeyboardInterrupt:
            sys.stderr.write("\n")
            typed = ""
        finally:
            signal.signal(signal.SIGINT, self._pressed)
        accepted = self.accepts(typed)
        self._declined = not accepted
        return accepted

    def prompt(self) -> str:
        """Return the one question."""
        return "Apply this plan? [y/N] "

    def accepts(self, typed: str) -> bool:
        """Tell whether the answer means yes."""
        return typed.lower() in ("y", "yes")

    def _pressed(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._presses and now - self._presses[-1] < 0.3:  # one key press reaches us twice through some terminals
            return
        self._presses.append(now)
        self._view.note(_HEARD[min(len(self._presses), len(_HEARD)) - 1])
        self.interrupter.interrupt()


class DownSession(Session):
    """A session whose question is the cell's own name."""

    def prompt(self) -> str:
        """Ask for the name."""
        return f"This removes {self._cell}. Type its name to go on: "

    def accepts(self, typed: str) -> bool:
        """Only the exact name means yes."""
        return typed == self._cell.rpartition("/")[2]


@contextmanager
def interruptible() -> Iterator[Interrupter]:
    """Let Ctrl-C end a command over many cells between two steps."""
    from cellctl.run.options import Interrupter

    interrupter = Interrupter()

    def pressed(_number: int, _frame: FrameType | None) -> None:
        interrupter.interrupt()

    previous = signal.signal(signal.SIGINT, pressed)
    try:
        yield interrupter
    finally:
        signal.signal(signal.SIGINT, previous)
