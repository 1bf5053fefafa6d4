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


def sandbox_text(shown: Mapping[str, object], *, cell: str = "") -> RenderableType:
    """Return every object, grouped by account; long ids are shortened (`--format json` has them whole)."""
    parts: list[RenderableType] = [Text(SANDBOX_NOTE, style="cyan")]
    for account in _entries(shown.get("accounts")):
        objects = list(_entries(account.get("objects")))
        if objects:
            title = f"\n{account.get('cloud')} {account.get('account')} · {count(len(objects), 'object')}"
            parts += [Text(title, "bold"), *_by_cell(objects)]
    if len(parts) == 1 and cell:
        parts.append(Text(f"Nothing exists of cell {cell}; without --cell everything is listed."))
    elif len(parts) == 1:
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


def rules_text(faults: Iterable[Mapping[str, object]], nothing: str) -> RenderableType:
    """Return rules of faults or drift, one a line, or `nothing`."""
    table = Table.grid(padding=(0, 2))
    rows = 0
    for fault in faults:
        rest = ", ".join(
            f"{key}={value}" for key, value in fault.items() if key != "id" and value not in (None, "", [])
        )
        table.add_row(Text(f"#{fault.get('id')}", "bold"), rest)
        rows += 1
    return table if rows else Text(nothing)


def clock_text(clock: Mapping[str, object]) -> RenderableType:
    """Return the clock in a sentence."""
    now = clock.get("now_s")
    passed = duration(float(now)) if isinstance(now, int | float) else "0:00"
    seed = f"seed {clock.get('seed')}"
    if clock.get("mode") == "stepped":
        return Text(f"stepped: nothing waits; {passed} simulated have passed; {seed}")
    return Text(f"paced: {clock.get('scale')} simulated seconds a second; {passed} simulated have passed; {seed}")


def calls_text(calls: Iterable[Mapping[str, object]]) -> RenderableType:
    """Return the call log, one call a line: when it began, how long it took, what it was about, how it ended."""
    table = Table.grid(padding=(0, 2))
    for call in calls:
        begin, end = call.get("at_s"), call.get("due_s")
        times = (begin, end) if isinstance(begin, int | float) and isinstance(end, int | float) else (0.0, 0.0)
        name, outcome = str(call.get("urn")).rpartition("::")[2], str(call.get("outcome"))
        what = f"{call.get('operation')} {type_name(str(call.get('type')))} {name}"
        style = "" if outcome == "ok" else "yellow" if outcome.startswith(("repeated", "drift")) else "red"
        table.add_row(duration(times[0]), f"+{times[1] - times[0]:g} s", what, Text(outcome, style))
    return table if table.rows else Text("No such call was made.")


def quotas_text(quotas: Iterable[Mapping[str, object]]) -> RenderableType:
    """Return quotas with what is used, the limit and where it comes from, one a line."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for title, justify in (("quota", "left"), ("account", "left"), ("region", "left"), ("used", "right")):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]  # both are words that rich knows
    table.add_column("limit", justify="right")
    table.add_column("because", overflow="fold")
    for item in quotas:
        full = isinstance(item["used"], int) and isinstance(item["limit"], int) and item["used"] >= item["limit"]
        cells = [str(item[key]) for key in ("quota", "account", "region", "used", "limit", "because")]
        table.add_row(*cells, style="bold red" if full else "")
    return table if table.rows else Text("Nothing is used and no limit was set; --all lists every quota.")


def withheld_text(withheld: Iterable[Mapping[str, object]]) -> RenderableType:
    """Return the sizes that are not offered, one a line."""
    table = Table.grid(padding=(0, 2))
    for item in withheld:
        zone = "in no zone" if item["zone"] == "*" else f"not in {item['zone']}"
        table.add_row(Text(str(item["size"]), "bold"), zone)
    return table if table.rows else Text("Every size is offered everywhere.")


def held_text(held: Iterable[Mapping[str, object]]) -> RenderableType:
    """Return the names that deleted objects hold, one a line."""
    table = Table.grid(padding=(0, 2))
    for item in held:
        left = item.get("left_s")
        span = duration(float(left)) if isinstance(left, int | float) else ""
        table.add_row(
            Text(str(item.get("name")), "bold"), str(item.get("of")), f"for {span} simulated", str(item.get("said"))
        )
    return table if table.rows else Text("No deleted object holds a name.")


def served_text(served: Iterable[Mapping[str, object]]) -> RenderableType:
    """Return the endpoints of `sandbox serve`, with a command to try for each."""
    lines: list[RenderableType] = [Text(SANDBOX_NOTE, style="cyan")]
    for entry in served:
        lines.append(Text.assemble((f"{entry.get('address')}", "bold"), f"  {entry.get('kind')}  {entry.get('name')}"))
        if entry.get("hint"):
            lines.append(Text(f"    {entry.get('hint')}", style="dim"))
    lines.append(Text("Ctrl-C stops them."))
    return Group(*lines)
