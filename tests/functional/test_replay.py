"""A run that was recorded is shown again: every event comes back, and a record that is cut or wrong is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from warm import client

from cellctl.errors import UsageError
from cellctl.events import (
    Event,
    Heartbeat,
    Moment,
    PlanReady,
    ResourceDone,
    ResourceFailed,
    ResourceProgress,
    ResourceStarted,
    RunStarted,
    Said,
)
from cellctl.plan import Change, Diagnostic, Failure, Outcome, Plan, PropertyChange
from cellctl.views.jsonl import JsonlView, summary_json
from cellctl.views.recorded import recorded

AT = Moment(at=1795900000.5, simulated_at=60.0)
LATER = Moment(at=1795900100.0, simulated_at=None)
URN = "urn:pulumi:cell-acme::octopus-cells::aws:rds/instance:Instance::acme-sql-instance"
CHANGE = Change(
    urn=URN, type="aws:rds/instance:Instance", name="acme-sql-instance", action="update", stateful=True,
    diff=(PropertyChange(path="allocatedStorage", before=200, after=300, kind="update"),), expected_s=60.0,
)  # fmt: skip
PLAN = Plan(cell="acme", cloud="aws", account="sandbox", operation="up", changes=(CHANGE,))
ABOUT = {"urn": URN, "type": CHANGE.type, "name": CHANGE.name}
FAILED = Failure(code="quota", message="no more storage", hint="ask for more", urn=URN)
EVENTS: tuple[Event, ...] = (
    RunStarted(moment=AT, phase="preview"),
    Said(moment=AT, diagnostic=Diagnostic(severity="warning", message="the file is old")),
    PlanReady(moment=AT, plan=PLAN),
    RunStarted(moment=AT, phase="apply", total=1),
    ResourceStarted(moment=AT, **ABOUT, action="update", expected_s=60.0),
    ResourceProgress(moment=AT, urn=URN, message="modifying"),
    Heartbeat(moment=AT, running=(URN,)),
    ResourceDone(moment=LATER, **ABOUT, action="update", elapsed_s=40.0),
    ResourceFailed(moment=LATER, **ABOUT, action="update", failure=FAILED),
)
OUTCOME = Outcome(
    cell="acme", cloud="aws", account="sandbox", operation="up", result="failed",
    changes={"create": 0, "update": 1, "replace": 0, "delete": 0, "same": 0}, failures=(FAILED,), simulated_s=40.0,
    wall_s=100.0, checks=("it answers",), retained=("the vault for 90 days",), accepted_losses=("urn: none",),
)  # fmt: skip


def record(*events: Event, outcome: Outcome | None = OUTCOME) -> list[str]:
    lines: list[str] = []
    view = JsonlView(lambda line: lines.append(line + "\n"), cell="acme", operation="up")
    for event in events:
        view.event(event)
    return [*lines, *([json.dumps(summary_json(outcome)) + "\n"] if outcome else [])]


def test_every_event_comes_back_as_it_was() -> None:
    found = list(recorded(record(*EVENTS)))
    assert [item.event for item in found[:-1]] == list(EVENTS)
    ended = found[-1].outcome
    assert ended is not None
    assert (ended.result, ended.changes, ended.failures) == ("failed", OUTCOME.changes, (FAILED,))
    kept = ("checks", "retained", "accepted_losses")
    assert [getattr(ended, name) for name in kept] == [getattr(OUTCOME, name) for name in kept]
    assert {(item.cell, item.operation) for item in found} == {("acme", "up")}


def test_what_a_later_version_adds_is_passed_over() -> None:
    head = {"cell": "acme", "operation": "up", "at": "2026-11-28T00:00:00+00:00", "simulated_at": None}
    new = json.dumps({"kind": "resource.moved", **head, "more": 1})
    (found,) = recorded([new + "\n"])
    assert (found.event, found.outcome) == (None, None)


@pytest.mark.parametrize(
    "wrong", ["words", "[1]", '{"kind": "summary"}', '{"kind":"run.started","cell":"a","operation":"up"}']
)
def test_a_line_that_is_none_is_told_by_its_number(wrong: str) -> None:
    lines = record(*EVENTS)
    lines[3] = wrong + "\n"
    with pytest.raises(UsageError, match="line 4 is none"):
        list(recorded(lines))


def test_the_command_shows_plan_progress_and_end(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    file.write_text("".join(record(*EVENTS)))
    shown = client.cellctl("replay", str(file), "--output", "plain", cwd=tmp_path)  # 99 s as recorded: it waits 2
    assert shown.returncode == 0, shown.stderr
    for words in (
        "allocatedStorage",
        "acme-sql-instance",
        "no more storage",
        "ask for more",
        "To go on: cellctl up acme",
    ):
        assert words in shown.stderr, words
    file.write_text("".join(record(*EVENTS[:5], outcome=None))[:-20])
    cut = client.cellctl("replay", str(file), "--speed", "0", cwd=tmp_path)
    assert (cut.returncode, "without a summary: its run was killed" in cut.stderr) == (0, True)
    for wrong in ("cells", "missing.jsonl"):
        (tmp_path / "cells").mkdir(exist_ok=True)
        refused = client.cellctl("replay", wrong, cwd=tmp_path)
        assert (refused.returncode, "cannot be read" in refused.stderr) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells", "run.jsonl"]
