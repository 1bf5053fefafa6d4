"""The sentences that comment, check, page and command line share: the verdict, and what becomes of a cell."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator

from cellctl.listing import some
from cellctl.pull_request.report import ChangeRow, Gone, Group, Report
from cellctl.views.text import count, duration

SANDBOX = "sandbox: nothing real would be created"
_DATA_WORDS = (
    (("rds instance", "sql database", "sql server", "celldatabase"), "database"),
    (("share", "bucket", "storageaccount", "filegateway", "gateway"), "files"),
    (("vault", "key", "secret"), "keys"),
)
_VERBS = {"replace": "REPLACE", "delete": "DELETE"}
_MOST_LOSSES = 2  # so that a verdict fits wherever a forge shows one


def marker(home: str) -> str:
    """Return the hidden first line by which the comment of this home is found again; holds no foreign text."""
    return f"<!-- cellctl:pr-preview:{hashlib.sha256(home.encode()).hexdigest()[:12]} -->"


def verdict(report: Report) -> str:
    """Return one line: `287 cells: same 2 changes; 9 differ; 1 would REPLACE its database; 1 refused`."""
    parts = [*_changing(report), *_losing(report)]
    down = sum(len(group.cells) for group in report.groups if group.level == "outage")
    if down:
        parts.append(f"{down} with an outage")
    refused = {item.cell for item in report.refusals}
    if refused:
        parts.append(f"{len(refused)} refused")
    broken = len({item.cell for item in report.failed} - refused)
    if broken:
        parts.append(f"{broken} could not be previewed")
    if not parts:
        left = count(report.unchanged, "cell")
        parts.append(f"no cell would change ({left} looked at)" if report.unchanged else "no cell is touched")
    return "; ".join(parts)


def _changing(report: Report) -> list[str]:
    safe = [group for group in report.groups if not group.refusals and group.level not in ("loses data", "nothing")]
    if not safe:
        return []
    largest = max(safe, key=lambda group: len(group.cells))
    number = len(largest.cells)
    same = "same " if number > 1 else ""
    what = count(largest.total, "change") if largest.total else "only how cellctl keeps it in its state"
    parts = [f"{count(number, 'cell')}: {same}{what}"]
    others = sum(len(group.cells) for group in safe) - number
    if others:
        parts.append(f"{others} differ" if others > 1 else "1 differs")
    return parts


def _losing(report: Report) -> list[str]:
    found: Counter[str] = Counter()
    for group in report.groups:
        if group.level == "loses data":
            found[loss_words(group)] += len(group.cells)
    named = [f"{number} would {what}" for what, number in found.most_common(_MOST_LOSSES)]
    others = sum(number for _, number in found.most_common()[_MOST_LOSSES:])
    return [*named, *([f"{others} would lose other data"] if others else [])]


def loss_words(group: Group) -> str:
    """Return `REPLACE its database`."""
    lost = [row for row in group.changes if row.loses_data]
    verb = "REPLACE" if any(row.action == "replace" for row in lost) else "DELETE"
    things = list(dict.fromkeys(data_word(row) for row in lost if _VERBS.get(row.action) == verb))
    return f"{verb} its {' and '.join(things[:3]) or 'data'}"


def data_word(row: ChangeRow) -> str:
    """Return what people call what a resource holds: `database`, `files`, `keys`, else `data`."""
    low = row.type.lower()
    return next((word for types, word in _DATA_WORDS if any(type_ in low for type_ in types)), "data")


def consequences(row: ChangeRow, quote: Callable[[str], str] = str) -> Iterator[str]:
    """Yield what follows from one change: whether people notice, how long it takes, what it costs, who needs it."""
    if row.downtime in ("outage", "brief"):
        yield "OUTAGE" if row.downtime == "outage" else "a minute or two"
    if row.expected_s:
        yield f"usually {duration(row.expected_s)}{' here' if row.expected_from == 'history' else ''}"
    cost = usd(row.monthly_usd)
    if cost:
        yield f"{cost} USD a month"
    if row.needed_by:
        yield f"needed by {some(row.needed_by, 3, quote)}"


def usd(monthly: tuple[float, float]) -> str:
    """Return by how much a month's cost changes: `+1,234`, `-30`, `` where it stays."""
    change = round(monthly[1] - monthly[0])
    return f"{change:+,}" if change else ""


def cost_words(report: Report) -> str:
    """Return what all cells together would cost more or less; `` where no price is known, or nothing changes."""
    sides = [group.monthly_usd for group in report.groups]
    change = usd((sum(before for before, _ in sides), sum(after for _, after in sides)))
    if not change:
        return ""
    word = "less" if change[0] == "-" else "more"
    return f"All of it costs about {change[1:]} USD a month {word}: list prices, without what is paid by use."


def gone_words(item: Gone, quote: Callable[[str], str] = str) -> str:
    """Return what becomes of a cell whose file is gone, its name first; `quote` makes foreign words harmless."""
    name, down = quote(item.cell), quote(f"cellctl down {item.cell}")
    if item.kind == "decommissioned":
        return f"{name} keeps running until {down}; its file goes as metadata.decommission has announced"
    if item.kind == "renamed":
        return (
            f"{name} keeps running and is no longer described; use {down}. {quote(item.to)} would be a new, empty "
            "cell: a cell's name never changes, so set metadata.name back"
        )
    return (
        f"{name} keeps running and is no longer described; use {down}. Its file may go once "
        "metadata.decommission: true is in the base"
    )
