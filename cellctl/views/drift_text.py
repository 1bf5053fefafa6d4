"""What differs between cells and their clouds: as text for people, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from cellctl.drift import CLASSES, Cluster, Drift, DriftClass, DriftReport, clusters
from cellctl.errors import CellctlError
from cellctl.views.text import count

if TYPE_CHECKING:
    from cellctl.state.values import Struct, Value

FORMAT_VERSION = "1"
Found = Mapping[str, DriftReport | CellctlError]
_WORDS: Mapping[DriftClass, str] = {
    "human_edit": "changed by somebody",
    "customer_owned": "owned by others",
    "cloud_automation": "changed by the cloud itself",
    "provider_noise": "noise",
}
_MOST_CELLS = 6


def drift_text(found: Found, *, details: bool = False) -> RenderableType:
    """Return what differs; several cells by what they have alike. With `details` what rules explain is listed too."""
    reports = [report for report in found.values() if isinstance(report, DriftReport)]
    parts: list[RenderableType] = []
    if len(reports) > 1:
        parts += [_cluster(cluster, len(reports)) for cluster in clusters(reports)]
    for name, report in found.items():
        if isinstance(report, CellctlError):
            parts.append(Text(f"{name}: {report.summary}", style="red"))
        else:
            parts.append(_headline(report))
            parts += _cell(report, edits=len(reports) == 1, details=details)
    edited = [report.cell for report in reports if report.of("human_edit")]
    if edited:
        parts.append(Text(f"Take it back    cellctl up {edited[0]} --refresh all"))
        parts.append(Text(f"Keep it         cellctl refresh {edited[0]}, after the cell's file says the same"))
        parts.append(Text("Not a mistake   a rule under `drift` in cellctl.yaml says whose it is, and until when"))
    return Group(*parts)


def drift_json(found: Found) -> Struct:
    """Return all of it: `cells` (each with `drifts`, or with `error`) and `clusters` of edits that cells have alike."""
    reports = [report for report in found.values() if isinstance(report, DriftReport)]
    return {
        "format_version": FORMAT_VERSION,
        "cells": [_cell_json(name, report) for name, report in found.items()],
        "clusters": [
            {"cells": list(cluster.cells), "example": _drift_json(cluster.example)} for cluster in clusters(reports)
        ],
    }


def _headline(report: DriftReport) -> Text:
    text = Text.assemble((report.cell, "bold"), f" · {report.cloud} · account {report.account} · ")
    text.append(f"{count(report.looked, 'object')} read")
    for drift_class in CLASSES:
        if some := report.of(drift_class):
            style = "yellow" if drift_class == "human_edit" else ""
            text.append(f" · {len(some)} {_WORDS[drift_class]}", style=style)
    if report.unread:
        text.append(f" · {len(report.unread)} not read", style="red")
    elif not report.drifts:
        text.append(" · no drift", style="green")
    return text


def _cell(report: DriftReport, *, edits: bool, details: bool) -> Iterable[Text]:
    for message in report.unread:
        yield Text(f"  not read: {message}", style="red")
    for item in report.drifts:
        if (item.drift_class == "human_edit" and edits) or details:
            yield _line(item)


def _line(item: Drift) -> Text:
    mark = {"human_edit": "!", "customer_owned": "o", "cloud_automation": "c", "provider_noise": "~"}[item.drift_class]
    text = Text(f"  {mark} {item.name} ({_short_type(item.type)}) ", style="yellow" if mark == "!" else "dim")
    text.append("is gone from the cloud" if item.gone else f"{item.path}: {_value(item.before)} → {_value(item.after)}")
    if item.stateful:
        text.append(" · holds data", style="red")
    said = ", ".join(part for part in (item.owner, item.reason) if part)
    return text.append(f" ({said})", style="dim") if said else text


def _cluster(cluster: Cluster, of: int) -> Text:
    names = ", ".join(cluster.cells[:_MOST_CELLS]) + (" …" if len(cluster.cells) > _MOST_CELLS else "")
    text = Text(f"{len(cluster.cells)} of {of} cells ", style="bold")
    text.append(f"({names})\n")
    return text.append(_line(cluster.example))


def _short_type(type_: str) -> str:
    parts = type_.split(":")
    return f"{parts[1].split('/')[0]} {parts[-1]}" if len(parts) == 3 else type_


def _value(value: Value) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _cell_json(name: str, report: DriftReport | CellctlError) -> Struct:
    if isinstance(report, CellctlError):
        return {"cell": name, "error": {"code": report.code, "message": report.summary, "hint": report.hint}}
    drifts: Sequence[Value] = [_drift_json(item) for item in report.drifts]
    return {
        "cell": report.cell,
        "cloud": report.cloud,
        "account": report.account,
        "looked": report.looked,
        "drifts": list(drifts),
        "unread": list(report.unread),
    }


def _drift_json(item: Drift) -> Struct:
    return {
        "urn": item.urn,
        "type": item.type,
        "name": item.name,
        "stateful": item.stateful,
        "gone": item.gone,
        "path": item.path,
        "before": item.before,
        "after": item.after,
        "class": item.drift_class,
        "owner": item.owner,
        "reason": item.reason,
    }
