"""The simulated clouds as text for people: objects by account and cell, fault rules, the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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
    """Return every object, grouped by account; long ids are shortened (`--format json` has them whole)."""
    parts: list[RenderableType] = [Text(SANDBOX_NOTE, style="cyan")]
    for account in _entries(shown.get("accounts")):
        objects = list(_entries(account.get("objects")))
        if objects:
            title = f"\n{account.get('cloud')} {account.get('account')} · {count(len(objects), 'object')}"
            parts += [Text(title, "bold"), *_by_cell(objects)]
    if len(parts) == 1:
        parts.append(Text("Nothing exists yet. Start with: cellctl up --cloud aws acme"))
    return Group(*parts)


def _by_cell(objects: Sequence[Mapping[str, object]]) -> Iterable[RenderableType]:
    for cell in sorted({str(item.get("cell") or "") for item in objects}):
        mine = [item for item in objects if str(item.get("cell") or "") == cell]
        yield Text(f"  {cell or 'no cell'} · {count(len(mine), 'object')}", "bold")
        table = Table.grid(padding=(0, 2))
        for style, ratio in (("dim", 3), ("", 5), ("dim", 1)):
            table.add_column(style=style, overflow="ellipsis", no_wrap=True, ratio=ratio, min_width=9)
        for item in sorted(mine, key=lambda o: (str(o.get("type")), str(o.get("name")))):
            kind, short = type_name(str(item.get("type"))), short_id(str(item.get("id")))
            table.add_row(f"    {kind}", short, str(item.get("state", "")))
        yield table


def short_id(text: str) -> str:
    """Return the telling end of an id: of an ARM id its last two segments, of an ARN what follows the account."""
    if text.startswith("/subscriptions/"):
        return "/".join(text.split("/")[-2:])
    return text.split(":", 5)[-1] if text.startswith("arn:") else text


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
