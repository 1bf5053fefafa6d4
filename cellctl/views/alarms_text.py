"""Alarms as text for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cellctl.alarms import AlarmState, AlarmStatus
from cellctl.views.text import SANDBOX_NOTE, count

_WORDS: Mapping[AlarmState, tuple[str, str]] = {
    "alarm": ("ALARM", "bold red"),
    "gone": ("gone", "red"),
    "no_data": ("no data", "yellow"),
    "ok": ("ok", "green"),
    "unknown": ("not known", "dim"),
}
"""What is bad first."""


def alarms_text(name: str, found: Sequence[AlarmStatus], *, simulated: bool) -> RenderableType:
    """Return the alarms of a cell or reef, those that tell something first; why nothing is known is said once."""
    counted = Counter(one.state for one in found)
    title = Text.assemble((name, "bold"), f" · {count(len(found), 'alarm')}")
    for state, (word, style) in _WORDS.items():
        if counted[state]:
            title.append(f" · {counted[state]} {word}", style=style)
    if simulated:
        title.append(f" · {SANDBOX_NOTE}", style="cyan")
    table = Table(box=None, padding=(0, 2), show_header=False, pad_edge=False)
    table.add_column("state", no_wrap=True)
    table.add_column("alarm", no_wrap=True)
    table.add_column("watches")
    order = list(_WORDS)
    for one in sorted(found, key=lambda alarm: (order.index(alarm.state), alarm.name)):
        word, style = _WORDS[one.state]
        table.add_row(Text(f"  {word}", style=style), one.name, _told(one))
    unknown = dict.fromkeys(one.why for one in found if one.state == "unknown" and one.why)
    return Group(title, table, *(Text(f"  not known: {why}", style="dim") for why in unknown))


def _told(alarm: AlarmStatus) -> Text:
    metric = alarm.watches.partition(" of ")[0]
    text = Text(f"{metric} {alarm.when}")
    if alarm.state != "unknown" and alarm.why:
        text.append(f"\n{alarm.why}", style="dim")
    if alarm.state in ("alarm", "gone"):
        text.append(f"\n{alarm.says}", style="red")
    return text
