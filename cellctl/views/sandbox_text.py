"""The simulated clouds as text for people: objects by account and cell, fault rules, the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cellctl.views.text import SANDBOX_NOTE, count, duration, type_name


def _entries(value: object) -> Iterable[Mapping[str, object]]:
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list | tuple) else ()


def only_cell(shown: Mapping[str, object], cell: str | None) -> Mapping[str, object]:
    """Return what `SandboxControl.show` gave, without the objects of other cells."""
    if cell is None:
        return shown
    accounts = [
        {**account, "objects": [item for item in _entries(account.get("objects")) if item.get("cell") == cell]}
        for account in _entries(shown.get("accounts"))
    ]
    return {**shown, "accounts": accounts}


def sandbox_text(shown: Mapping[str, object]) -> RenderableType:
    """Return every object, grouped by account."""
    parts: list[RenderableType] = [Text(SANDBOX_NOTE, style="cyan")]
    for account in _entries(shown.get("accounts")):
        objects = list(_entries(account.get("objects")))
        if not objects:
            continue
        parts.append(
            Text(f"\n{account.get('cloud')} {account.get('account')} · {count(len(objects), 'object')}", "bold")
        )
        table = Table.grid(padding=(0, 2))
        for style in ("dim", "", "", "dim"):
            table.add_column(style=style, overflow="fold", no_wrap=style == "dim")
        for item in sorted(objects, key=lambda o: (str(o.get("cell")), str(o.get("type")), str(o.get("name")))):
            state = str(item.get("state", ""))
            table.add_row(f"  {item.get('cell') or '-'}", type_name(str(item.get("type"))), str(item.get("id")), state)
        parts.append(table)
    if len(parts) == 1:
        parts.append(Text("Nothing exists yet. Start with: cellctl up --cloud aws acme"))
    return Group(*parts)


def faults_text(faults: Iterable[Mapping[str, object]]) -> RenderableType:
    """Return fault rules, one a line."""
    table = Table.grid(padding=(0, 2))
    rows = 0
    for fault in faults:
        rest = ", ".join(
            f"{key}={value}" for key, value in fault.items() if key != "id" and value not in (None, "", [])
        )
        table.add_row(Text(f"#{fault.get('id')}", "bold"), rest)
        rows += 1
    return table if rows else Text("No faults: the simulated clouds behave.")


def clock_text(clock: Mapping[str, object]) -> RenderableType:
    """Return the clock in a sentence."""
    now = clock.get("now_s")
    passed = duration(float(now)) if isinstance(now, int | float) else "0:00"
    if clock.get("mode") == "stepped":
        return Text(f"stepped: nothing waits; {passed} simulated have passed")
    return Text(f"paced: {clock.get('scale')} simulated seconds a second; {passed} simulated have passed")


def served_text(served: Iterable[Mapping[str, object]]) -> RenderableType:
    """Return the endpoints of `sandbox serve`, with a command to try for each."""
    lines: list[RenderableType] = [Text(SANDBOX_NOTE, style="cyan")]
    for entry in served:
        lines.append(Text.assemble((f"{entry.get('address')}", "bold"), f"  {entry.get('kind')}  {entry.get('name')}"))
        if entry.get("hint"):
            lines.append(Text(f"    {entry.get('hint')}", style="dim"))
    lines.append(Text("Ctrl-C stops them."))
    return Group(*lines)
