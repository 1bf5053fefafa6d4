"""Groups the plans of many cells and draws the comment and the page: `COUNT`; prints CPU seconds and peak memory.

The plans are of AWS cells of 255 resources: nearly all get another version on two nodes, a few differ, one would lose
its database, one failed. They come one by one, as previews do; making them up is not counted, holding what is kept is.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator

from benchmarks.memory import memory_of
from cellctl import guard
from cellctl.errors import EngineError
from cellctl.plan import Change, Plan, PropertyChange
from cellctl.pull_request.comment import comment
from cellctl.pull_request.grouping import Grouping
from cellctl.pull_request.page import page
from cellctl.pull_request.report import Report

RESOURCES = 255


def main(count: int) -> None:
    """Group and draw."""
    bare_mb = memory_of(os.getpid())["peak_mb"]
    grouping, taken = Grouping(), 0.0
    for plan in _plans(count):
        began = time.process_time()
        grouping.plan(plan, guard.judge(plan, guard.Case()))
        taken += time.process_time() - began
    began = time.process_time()
    grouping.error("broken", EngineError("the role cannot be assumed", hint="check cellctl.yaml"))
    report = Report(
        base="a" * 40, head="b" * 40, groups=grouping.groups(), failed=tuple(grouping.failed),
        unchanged=grouping.unchanged, sandbox=True,
    )  # fmt: skip
    drawn = comment(report), page(report)
    taken += time.process_time() - began
    numbers = {
        "cpu_s": taken,
        "groups": len(report.groups),
        "characters": len(drawn[0]),
        "peak_mb": memory_of(os.getpid())["peak_mb"],
        "bare_mb": bare_mb,
    }
    sys.stdout.write(json.dumps(numbers) + "\n")


def _plans(count: int) -> Iterator[Plan]:
    yield _plan("zz-old", [_change("zz-old", "aws:rds/instance:Instance", "sql", {"engine": ("se", "ee")})])
    for number in range(count - 11):
        name = f"customer-{number:04}"
        yield _plan(name, [_node(name, node, "2026.4.7100") for node in (1, 2)])
    for number in range(9):
        yield _plan(f"pilot-{number}", [_node(f"pilot-{number}", 1, f"2026.4.72{number:02}")])


def _node(cell: str, number: int, version: str) -> Change:
    return _change(cell, "cellctl:octopus:Node", f"node-{number}", {"version": ("2026.4.7000", version)})


def _change(cell: str, type_: str, role: str, changed: dict[str, tuple[str, str]]) -> Change:
    lost = type_.startswith("aws:rds")
    diff = tuple(
        PropertyChange(path=path, before=before, after=after, kind="update", replaces=lost)
        for path, (before, after) in changed.items()
    )
    return Change(
        urn=_urn(cell, type_, role), type=type_, name=f"{cell}-{role}", action="replace" if lost else "update",
        stateful=lost, diff=diff,
    )  # fmt: skip


def _plan(cell: str, changes: list[Change]) -> Plan:
    type_ = "aws:ec2/subnet:Subnet"
    still = [
        Change(urn=_urn(cell, type_, f"s{number}"), type=type_, name=f"{cell}-s{number}", action="same")
        for number in range(RESOURCES - len(changes))
    ]
    return Plan(cell=cell, cloud="aws", account="sandbox", operation="up", changes=(*still, *changes))


def _urn(cell: str, type_: str, role: str) -> str:
    return f"urn:pulumi:cell-{cell}::octopus-cells::cells:aws:Cell${type_}::{cell}-{role}"


if __name__ == "__main__":
    main(int(sys.argv[1]))
