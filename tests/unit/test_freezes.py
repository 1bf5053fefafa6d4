"""Freezes, locks against deletion and maintenance windows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Literal

import pytest

from cellctl.guard import Case, Freeze, judge
from cellctl.guard.freezes import within
from cellctl.plan import Action, Change, Plan

FREEZE = Freeze(reason="year end", owner="ops", since=date(2026, 12, 20), until=date(2027, 1, 3))
WINDOW = "Sun 02:00-04:00 UTC"


def plan(
    action: Action = "update",
    operation: Literal["up", "down", "refresh"] = "up",
    type_: str = "t:m:T",
    downtime: Literal["", "none", "brief", "outage"] = "",
) -> Plan:
    change = Change(urn="u", type=type_, name="n", action=action, downtime=downtime)
    return Plan(cell="acme", cloud="aws", account="sandbox", operation=operation, changes=(change,))


def refused(made: Plan, *freezes: Freeze, at: str = "2026-12-24T12:00", **more: object) -> list[str]:
    now = datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp()
    case = Case(freezes=freezes, now=now, delete_data=True, **more)  # type: ignore[arg-type]
    return [item.code for item in judge(made, case)]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-12-19T23:59", []),
        ("2026-12-20T00:00", ["frozen"]),
        ("2027-01-03T23:59", ["frozen"]),
        ("2027-01-04T00:00", []),
    ],
)
def test_a_freeze_lasts_from_its_first_to_its_last_day(at: str, said: list[str]) -> None:
    assert refused(plan(), FREEZE, at=at) == said
    assert refused(plan("same"), FREEZE, at=at) == []


def test_a_freeze_is_of_the_cells_it_names_and_can_be_overridden() -> None:
    gold = Freeze(reason="r", owner="o", labels={"tier": "gold"}, cell="ac*")
    assert refused(plan(), gold) == []
    assert refused(plan(), gold, labels={"tier": "gold", "ring": "1"}) == ["frozen"]
    assert refused(plan(), Freeze(reason="r", owner="o", cell="bert")) == []
    assert refused(plan(), FREEZE, override=frozenset({"frozen"})) == []


def test_a_freeze_of_down_is_a_lock_against_deletion() -> None:
    lock = Freeze(reason="legal hold", owner="legal", operations=("down",))
    assert refused(plan("delete", "down"), lock) == ["frozen"]
    assert refused(plan(), lock) == []
    assert refused(plan("update", "refresh"), FREEZE) == ["frozen"]


@pytest.mark.parametrize(
    ("window", "at", "inside"),
    [
        (WINDOW, "2026-11-29T02:00", True),
        (WINDOW, "2026-11-29T03:59", True),
        (WINDOW, "2026-11-29T04:00", False),
        (WINDOW, "2026-11-28T03:00", False),
        ("Sun 23:00-01:00 UTC", "2026-11-29T23:30", True),
        ("Sun 23:00-01:00 UTC", "2026-11-30T00:59", True),
        ("Sun 23:00-01:00 UTC", "2026-11-30T01:00", False),
        ("", "2026-11-29T03:00", False),
    ],
)
def test_a_window_is_weekly_and_may_pass_midnight(window: str, at: str, inside: bool) -> None:
    assert within(window, datetime.fromisoformat(at).replace(tzinfo=UTC)) is inside


@pytest.mark.parametrize(
    ("made", "before", "after", "said"),
    [
        (plan("update"), {}, {}, []),
        (plan("create"), {}, {}, []),
        (plan("replace"), {}, {}, ["outside_window"]),
        (plan("delete"), {}, {}, ["outside_window"]),
        (plan("replace", type_="pulumi:providers:aws"), {}, {}, []),
        (
            plan("update"),
            {"octopus": {"version": "2026.4.1"}},
            {"octopus": {"version": "2026.4.2"}},
            ["outside_window"],
        ),
        (plan("update"), {"nodes": {"size": "small"}}, {"nodes": {"size": "large"}}, ["outside_window"]),
        (plan("update"), {"nodes": {"size": "small"}}, {"nodes": {"size": "small"}}, []),
        (plan("update", downtime="brief"), {}, {}, ["outside_window"]),
        (plan("update", downtime="outage"), {}, {}, ["outside_window"]),
        (plan("update", downtime="none"), {}, {}, []),
    ],
)
def test_only_what_interrupts_people_waits_for_the_window(
    made: Plan, before: dict[str, object], after: dict[str, object], said: list[str]
) -> None:
    demand = Freeze(reason="contract", owner="ops", outside_window=True)
    told = {"recorded_spec": before, "wanted_spec": after, "window": WINDOW}
    assert refused(made, demand, at="2026-11-27T12:00", **told) == said
    assert refused(made, demand, at="2026-11-29T03:00", **told) == []
    assert refused(made, demand, at="2026-11-27T12:00", override=frozenset({"outside_window"}), **told) == []
