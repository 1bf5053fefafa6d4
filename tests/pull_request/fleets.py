"""Plans and reports of many cells, for tests of grouping and rendering. Nothing runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

from cellctl import guard
from cellctl.errors import EngineError
from cellctl.facts.downtimes import downtime
from cellctl.plan import Action, Change, Diagnostic, Plan, PropertyChange
from cellctl.pull_request.comment import comment
from cellctl.pull_request.grouping import Grouping
from cellctl.pull_request.report import Gone, Report

SAME = 60  # resources that stay as they are, as in a real cell


def change(cell: str, type_: str, role: str, action: Action, *, stateful: bool = False, **diff: tuple[object, object]):
    name = f"cell-{cell}-{role}"
    rows = [
        PropertyChange(
            path=path.replace("__", "."), before=before, after=after, kind="update", replaces=action == "replace"
        )  # type: ignore[arg-type]
        for path, (before, after) in diff.items()
    ]
    urn = f"urn:pulumi:cell-{cell}::octopus-cells::cells:aws:Cell${type_}::{name}"
    means, why = downtime("aws", type_, action, [item.path for item in rows])
    return Change(
        urn=urn, type=type_, name=name, action=action, stateful=stateful, diff=tuple(rows), downtime=means,
        downtime_why=why,
    )  # fmt: skip


def plan(cell: str, *changes: Change, same: int = SAME, errored: str = "") -> Plan:
    still = [change(cell, "aws:ec2/subnet:Subnet", f"subnet-{number}", "same") for number in range(same)]
    said = (Diagnostic(severity="error", message=errored),) if errored else ()
    return Plan(
        cell=cell, cloud="aws", account="sandbox", operation="up", changes=(*still, *changes), diagnostics=said,
        errored=bool(errored), complete=not errored,
    )  # fmt: skip


def upgrade(cell: str, version: str = "2026.4.7100", *, same: int = SAME) -> Plan:
    nodes = [
        replace(
            change(cell, "cellctl:octopus:Node", role, "update", version=("2026.4.7000", version)),
            expected_s=420.0,
            expected_from="history",
        )
        for role in ("node-1", "node-2")
    ]
    return plan(cell, *nodes, same=same)


def losing(cell: str, *, same: int = SAME) -> Plan:
    row = change(
        cell, "aws:rds/instance:Instance", "sql", "replace", stateful=True, engine=("sqlserver-se", "sqlserver-ee")
    )
    node = f"urn:pulumi:cell-{cell}::octopus-cells::cellctl:octopus:Node::cell-{cell}-node-1"
    row = replace(row, needed_by=(node,), expected_s=5400.0, expected_from="facts", monthly_usd=(410.0, 930.0))
    return plan(cell, row, same=same)


def fleet(count: int = 297) -> Iterator[Plan | tuple[str, Exception]]:
    """Yield the results of the issue's example: 287 alike, 9 that differ, 1 that loses its database, and failures."""
    yield losing("zz-old")
    for number in range(count - 10):
        yield upgrade(f"customer-{number:04}")
    for number in range(9):
        yield upgrade(f"pilot-{number}", version=f"2026.4.72{number:02}")
    yield "broken", EngineError("the account's role cannot be assumed", hint="check accounts.prod.preview.role")


def report(results: Iterator[Plan | tuple[str, Exception]], **more: object) -> Report:
    found = Grouping()
    for result in results:
        if isinstance(result, Plan):
            found.plan(result, guard.judge(result, guard.Case()))
        else:
            found.error(*result)  # type: ignore[arg-type]
    return Report(
        base="a" * 40, head="b" * 40, groups=found.groups(), failed=tuple(found.failed), unchanged=found.unchanged,
        sandbox=True, **more,
    )  # type: ignore[arg-type]  # fmt: skip


def example() -> str:
    """Return the comment that the docs show."""
    gone = (Gone(cell="acme", file="cells/acme.yaml", kind="removed"),)
    return comment(report(fleet(), gone=gone))


if __name__ == "__main__":
    sys.stdout.write(example())
