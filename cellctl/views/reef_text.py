"""Reefs, their capacity, and what quotas carry, as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cellctl.views.text import SANDBOX_NOTE, count

if TYPE_CHECKING:
    from cellctl.placement import Quota
    from cellctl.registry.reef_view import Part
    from cellctl.run.accounts import QuotaFit
    from cellctl.run.reefs import ReefStatus

_ACCOUNTS = "storage.storage-accounts"
_STYLES = {"in_service": "green", "cordoned": "yellow", "planned": "dim", "retired": "dim"}
_BINDING = {
    "cells": "its own limit",
    "databases": "databases",
    "shares": "shares",
    "web": "places on load balancers of web",
    "polling": "places on load balancers of polling",
    "quota": "a quota of the account",
    "reef": "the reef, which is not in service",
}


def reefs_text(found: Sequence[ReefStatus]) -> RenderableType:
    """Return a block for each reef."""
    if not found:
        return Text("There are no reefs here. Make one: cellctl reef up --cloud aws r1")
    return Group(*(line for status in found for line in _reef(status)))


def _reef(status: ReefStatus) -> Iterator[RenderableType]:
    known = status.known
    state = known.state if known else "never brought up"
    title = Text.assemble((status.name, "bold"), f" · {status.cloud} · {status.region} · account {status.account} · ")
    title.append(state.replace("_", " "), style=_STYLES.get(state, "dim"))
    if status.account == "sandbox":
        title.append(f" · {SANDBOX_NOTE}", style="cyan")
    yield title
    if known is None:
        yield Text(f"  cellctl reef up {status.name}", style="dim")
        return
    listed = f": {', '.join(known.cells)}" if known.cells else ""
    yield Text(f"  {len(known.cells)} of {count(known.max_cells, 'cell')}{listed}")
    yield Text(f"  {count(known.free, 'more cell')} fit; then {_BINDING[known.binding]} run out", style="bold")
    if status.low:
        flags = " ".join(f"--{name} 1" for name in status.low)
        yield Text(f"  low (under {status.low_water}): cellctl reef expand {status.name} {flags}", style="yellow")
    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False)
    for column in ("  part", "state", "free", "bound", "held", "kind"):
        table.add_column(column, no_wrap=column != "kind")
    for part in (*known.hosts, *known.gateways, *known.balancers):
        table.add_row(*_part(part))
    yield table
    if known.own_files:
        yield Text("  files: each cell brings its own storage account", style="dim")
    tight = [
        quota
        for quota in known.quotas
        if quota.limit - quota.used < 10 * quota.per_cell or (known.own_files and quota.key == _ACCOUNTS)
    ]
    for quota in sorted(tight, key=_left):
        yield Text(f"  quota {quota.key}: {quota.used} of {quota.limit} used, a cell takes {quota.per_cell}", "yellow")


def quotas_text(found: Sequence[QuotaFit], cells: int, placement: str, account: str = "") -> RenderableType:
    """Return a table of quotas, what breaks first on top; of an account with what is in use and what is not known."""
    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False)
    columns = ("quota", "limit" if account else "default", *(["in use"] if account else []))
    for column in (*columns, f"{count(cells, 'cell')} need", ""):
        table.add_column(column, no_wrap=column != "quota", overflow="fold")  # where it is narrow, a name breaks
    for fit in sorted(found, key=lambda one: (one.breaks_at or cells + 1, one.quota)):
        word = Text(f"breaks at cell {fit.breaks_at}", style="bold red") if fit.breaks_at else Text("fits", "green")
        used = ("?" if fit.used is None else str(fit.used),) if account else ()
        default = "*" if account and fit.because.startswith("the d") else ""
        table.add_row(fit.quota, f"{fit.limit}{default}", *used, str(fit.needed), word)
    broken = [fit.breaks_at for fit in found if fit.breaks_at]
    where = {"reef": "on reefs", "shared": "on reefs with shared load balancers"}.get(placement, "of their own")
    where += f" more in account {account}" if account else ""
    all_fit = f"{count(cells, 'cell')} {where} fit every {'' if account else 'default '}quota."
    first = f"Without a raise there is room for {count(min(broken, default=1) - 1, 'cell')} {where} in one region."
    return Group(table, *_unasked(found, account), Text(first if broken else all_fit, style="bold"))


def _unasked(found: Sequence[QuotaFit], account: str) -> list[Text]:
    """Return a line for each reason why a number is a default, and what could not be counted."""
    if not account:
        return []
    starred = any(fit.because.startswith("the d") for fit in found)
    doubts = sorted({fit.doubt for fit in found if fit.doubt})
    note = [Text("* the default, not what this account has", style="yellow")] if starred else []
    return [*note, *(Text(f"  not known: {doubt}", style="dim") for doubt in doubts)]


def _left(quota: Quota) -> int:
    return (quota.limit - quota.used) // quota.per_cell


def _part(part: Part) -> tuple[str | Text, ...]:
    free, bound = part.slots.get("available", 0), part.slots.get("bound", 0) + part.slots.get("reserved", 0)
    held = sum(part.slots.values()) - free - bound
    kept = f" ({part.reserve} more for restores)" if part.reserve else ""
    state = Text(part.state.replace("_", " "), style=_STYLES.get(part.state, ""))
    return f"  {part.name}", state, f"{free}{kept}", str(bound), str(held or "–"), part.detail
