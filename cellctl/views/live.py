"""The live view: a tree of components that fits the terminal, redrawn at most four times a second."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from cellctl.events import Event, RunStarted, Said
from cellctl.views.progress import Branch, Item, Progress
from cellctl.views.text import PHASES, SANDBOX_NOTE, component_name, count, duration, fit, said, type_name

FRAMES_PER_SECOND = 4
_MARKS = {"waiting": ("○", "dim"), "running": ("●", "cyan"), "done": ("✔", "green"), "failed": ("✘", "bold red")}
_ECHO = 3  # the terminal writes `^C` behind the last line; if that wraps, the frame is cleared one line too low
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class LiveView:
    """Shows events on a terminal until closed. Draws on stderr; nothing remains but the last frame."""

    def __init__(self, console: Console, *, cell: str, cloud: str, account: str) -> None:
        self.progress = Progress()
        self._title = " · ".join(word for word in (cell, cloud) if word)
        self._sandbox = account == "sandbox"
        self._began = time.monotonic()
        self._note = ""
        self._console = console
        self._live = self._drawing()

    def open(self) -> None:
        """Begin to draw, below what has been written since."""
        self._live.stop()
        self._live = self._drawing()  # one that is started again moves up over what stands above, by its last frame
        self._live.start()

    def _drawing(self) -> Live:
        return Live(
            self, console=self._console, refresh_per_second=FRAMES_PER_SECOND, transient=True, vertical_overflow="crop"
        )

    def close(self) -> None:
        """Stop drawing and clear the area; safe to call twice."""
        self._live.stop()

    def event(self, event: Event) -> None:
        """Take one event; diagnostics are printed above the tree and stay."""
        if isinstance(event, RunStarted):
            self._began = time.monotonic()
        self.progress.take(event)
        if isinstance(event, Said) and event.diagnostic.severity != "info":
            self._live.console.print(Text(said(event.diagnostic), style="yellow"))

    def note(self, text: str) -> None:
        """Show a line at the bottom: what an interrupted run is finishing."""
        self._note = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw a frame for the terminal as it is now."""
        height = max(4, (options.height or console.size.height) - 1)
        wall = time.monotonic() - self._began
        spinner = _SPINNER[int(time.monotonic() * FRAMES_PER_SECOND) % len(_SPINNER)]
        yield from frame(
            self.progress,
            title=f"{spinner} {self._title}",
            sandbox=self._sandbox,
            wall_s=wall,
            note=self._note,
            width=options.max_width,
            height=height,
        )


def frame(
    progress: Progress, *, title: str, sandbox: bool, wall_s: float, note: str, width: int, height: int
) -> list[Text]:
    """Return one frame: at most `height` lines of at most `width` columns. Pure."""
    lines = [_head(progress, title, wall_s)]
    if sandbox:
        lines.append(Text(f"  {SANDBOX_NOTE}", style="cyan"))
    branches = [branch for branch in progress.branches.values() if branch.items]
    foot = [Text(note, style="yellow")] if note else _slow(progress)
    room = height - len(lines) - len(foot)
    lines.extend(_tree(branches, progress.now(), room, width))
    lines.extend(foot)
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    lines = lines[:height]
    lines[-1].truncate(max(1, width - _ECHO), overflow="ellipsis")
    return lines


def _head(progress: Progress, title: str, wall_s: float) -> Text:
    done, total = progress.totals()
    line = Text.assemble((title, "bold"), f" · {PHASES.get(progress.phase, progress.phase or 'starting')}")
    if total:
        line.append(f" · {done} of {total}")
    first, last = progress.first, progress.last
    if first and last and first.simulated_at is not None and last.simulated_at is not None:
        line.append(f" · simulated {duration(last.simulated_at - first.simulated_at)}", style="cyan")
        line.append(f" · real {duration(wall_s)}")
    else:
        line.append(f" · {duration(wall_s)}")
    return line


def _slow(progress: Progress) -> list[Text]:
    late = [item for item in progress.running() if item.late(progress.now())]
    if not late:
        return []
    names = ", ".join(f"{item.name} ({_times(item, progress.now())})" for item in late[:2])
    return [Text(f"slower than usual: {names}", style="yellow")]


def _tree(branches: Sequence[Branch], now: float, room: int, width: int) -> list[Text]:
    """Components, each with what runs below it; when there is no room, the finished ones become one line."""
    shown = list(branches)
    finished = [branch for branch in shown if branch.state == "done"]
    lines: list[Text] = []
    active = [item for branch in shown for item in branch.items if item.state in ("running", "failed")]
    if len(shown) + len(active) > room and len(finished) > 1:
        names = ", ".join(_label(branch) for branch in finished)
        lines.append(Text.assemble(("  ✔ ", "green"), fit(names, width - 6)))
        shown = [branch for branch in shown if branch.state != "done"]
    spare = room - len(lines) - len(shown)
    for branch in shown:
        lines.append(_branch_line(branch))
        under = [item for item in branch.items if item.state in ("failed", "running")]
        take = max(0, min(len(under), spare))
        lines.extend(_item_line(item, now) for item in under[:take])
        spare -= take
    return lines[: max(0, room)]


def _label(branch: Branch) -> str:
    return component_name(branch.type) if branch.type else branch.name


def _branch_line(branch: Branch) -> Text:
    mark, style = _MARKS[branch.state]
    line = Text.assemble("  ", (f"{mark} ", style), f"{_label(branch):<20}")
    line.append(f"{branch.tally('done'):>3}/{len(branch.items):<3}")
    running = [item for item in branch.items if item.state == "running"]
    if running:
        line.append(f"  {count(len(running), 'resource')} under way", style="dim")
    return line


def _item_line(item: Item, now: float) -> Text:
    mark, style = _MARKS[item.state]
    line = Text.assemble("      ", (f"{mark} ", style), f"{item.name}  ", (type_name(item.type), "dim"))
    line.append(f"  {_times(item, now)}", style="yellow" if item.late(now) else "")
    if item.message:
        line.append(f"  {item.message}", style=style if item.state == "failed" else "dim")
    return line


def _times(item: Item, now: float) -> str:
    text = duration(item.elapsed(now))
    return f"{text} of ~{duration(item.expected_s)}" if item.expected_s else text
