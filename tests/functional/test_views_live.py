"""The live view: frames fit the terminal, show the tree, and say what is slow."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from cellctl.events import (
    Event,
    Moment,
    PlanReady,
    ResourceDone,
    ResourceFailed,
    ResourceStarted,
    RunStarted,
)
from cellctl.plan import Change, Failure, Plan, PropertyChange
from cellctl.views.live import LiveView, frame
from cellctl.views.plan_text import plan_text
from cellctl.views.progress import Progress

STACK = "urn:pulumi:cell-acme::octopus-cells::pulumi:pulumi:Stack::octopus-cells-cell-acme"
COMPONENTS = ("Network", "SqlServerHost", "FileGatewayHost", "ShareSet", "Nodes", "Ingress", "Secrets", "Alarms")


def _urn(component: str, index: int) -> str:
    return (
        f"urn:pulumi:cell-acme::octopus-cells::cells:aws:{component}$aws:ec2/thing:Thing::{component.lower()}-{index}"
    )


def _plan(per_component: int) -> Plan:
    changes = [Change(urn=STACK, type="pulumi:pulumi:Stack", name="s", action="create", custom=False)]
    for component in COMPONENTS:
        parent = f"urn:pulumi:cell-acme::octopus-cells::cells:aws:{component}::acme"
        changes.append(
            Change(urn=parent, type=f"cells:aws:{component}", name="acme", action="create", parent=STACK, custom=False)
        )
        for index in range(per_component):
            urn = _urn(component, index)
            changes.append(
                Change(
                    urn=urn,
                    type="aws:ec2/thing:Thing",
                    name=urn.rpartition("::")[2],
                    action="create",
                    parent=parent,
                    expected_s=600.0,
                )
            )
    return Plan(cell="acme", cloud="aws", account="sandbox", operation="up", changes=tuple(changes))


def _started(component: str, index: int, at: float) -> ResourceStarted:
    urn = _urn(component, index)
    return ResourceStarted(
        moment=Moment(at=at, simulated_at=at * 100),
        urn=urn,
        type="aws:ec2/thing:Thing",
        name=urn.rpartition("::")[2],
        action="create",
        expected_s=600.0,
    )


def _done(component: str, index: int, at: float) -> ResourceDone:
    urn = _urn(component, index)
    return ResourceDone(
        moment=Moment(at=at, simulated_at=at * 100),
        urn=urn,
        type="aws:ec2/thing:Thing",
        name=urn.rpartition("::")[2],
        action="create",
    )


def _progress(events: list[Event], per_component: int = 12) -> Progress:
    progress = Progress()
    progress.take(PlanReady(moment=Moment(at=0.0, simulated_at=0.0), plan=_plan(per_component)))
    progress.take(RunStarted(moment=Moment(at=0.0, simulated_at=0.0), phase="apply"))
    for event in events:
        progress.take(event)
    return progress


def _draw(progress: Progress, width: int, height: int, note: str = "") -> list[str]:
    lines: list[Text] = frame(
        progress, title="acme · aws", sandbox=True, wall_s=4.0, note=note, width=width, height=height
    )
    return [line.plain for line in lines]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50), (40, 8), (20, 4)])
def test_a_frame_never_leaves_the_terminal(width: int, height: int) -> None:
    events: list[Event] = [_started(component, index, 1.0) for component in COMPONENTS for index in range(12)]
    lines = _draw(_progress(events), width, height)
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)


def test_the_head_counts_what_is_done_in_both_times() -> None:
    lines = _draw(_progress([_started("Network", 0, 1.0), _done("Network", 0, 2.0)]), 120, 24)
    assert "1 of 96" in lines[0]
    assert "simulated 3:20" in lines[0]
    assert "real 0:04" in lines[0]


def test_what_runs_stands_below_its_component_with_elapsed_and_expected_time() -> None:
    lines = _draw(_progress([_started("Nodes", 3, 1.0), _done("Network", 0, 3.0)]), 120, 40)
    at = next(i for i, line in enumerate(lines) if "● nodes" in line)
    assert "nodes-3" in lines[at + 1]
    assert "3:20 of ~10:00" in lines[at + 1]


def test_what_is_slower_than_usual_is_named() -> None:
    lines = _draw(_progress([_started("Nodes", 3, 1.0), _done("Network", 0, 30.0)]), 120, 40)
    assert lines[-1].startswith("slower than usual: nodes-3")


def test_finished_components_share_a_line_when_there_is_no_room() -> None:
    events: list[Event] = []
    for component in COMPONENTS[:5]:
        for index in range(12):
            events += [_started(component, index, 1.0), _done(component, index, 2.0)]
    events += [_started("Ingress", index, 3.0) for index in range(12)]
    lines = _draw(_progress(events), 80, 12)
    assert any("✔ network, sql server host" in line for line in lines)
    assert any("ingress-0" in line for line in lines)


def test_a_failure_stays_visible_with_its_message() -> None:
    urn = _urn("Nodes", 3)
    failed = ResourceFailed(
        moment=Moment(at=3.0, simulated_at=300.0),
        urn=urn,
        type="aws:ec2/thing:Thing",
        name="nodes-3",
        action="create",
        failure=Failure(code="capacity", message="no capacity in eu-west-1a", urn=urn),
    )
    lines = _draw(_progress([_started("Nodes", 3, 1.0), failed]), 120, 40)
    assert any("✘ nodes-3" in line and "no capacity" in line for line in lines)


def test_a_note_replaces_the_last_line() -> None:
    lines = _draw(_progress([_started("Nodes", 3, 1.0)]), 80, 24, note="Ctrl-C: finishing what is under way")
    assert lines[-1] == "Ctrl-C: finishing what is under way"


def test_a_view_that_is_opened_again_leaves_what_stands_above_it():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, height=24)
    view = LiveView(console, cell="acme", cloud="aws", account="sandbox")
    view.open()
    view.close()
    console.print("the plan\nApply this plan? [y/N]")
    before = len(screen.getvalue())
    view.open()
    view.close()
    drawn = screen.getvalue()[before:]
    assert "acme" in drawn
    assert "\x1b[1A" not in drawn[: drawn.index("acme")]


@pytest.mark.parametrize(
    "rule",
    [{"zone": 1, "name": "n3", "a": {"b": 1, "name": "x"}}, {"name": "n3", "a": {"name": "x", "b": 1}, "zone": 1}],
)
def test_a_nested_value_is_printed_name_first_whatever_its_order(rule):
    diff = (PropertyChange(path="rules[0]", before="", after=rule, kind="change"),)
    change = Change(urn="urn", type="aws:ec2/thing:Thing", name="thing", action="update", diff=diff)
    console = Console(file=io.StringIO(), width=120)
    console.print(plan_text(Plan(cell="acme", cloud="aws", account="sandbox", operation="up", changes=(change,))))
    assert isinstance(console.file, io.StringIO)
    assert '"" → {"name": "n3", "a": {"name": "x", "b": 1}' in console.file.getvalue()


def test_the_last_line_leaves_room_for_what_the_terminal_echoes():
    progress = Progress()
    lines = frame(progress, title="acme", sandbox=True, wall_s=1.0, note="n" * 200, width=80, height=24)
    assert lines[-1].cell_len <= 80 - len("^C") - 1


def test_a_removal_is_shown_by_component_from_its_first_moment():
    plan = _plan(2)
    progress = Progress()
    moment = Moment(at=1.0, simulated_at=1.0)
    progress.take(PlanReady(moment=moment, plan=plan))
    progress.take(_started("Network", 0, 2.0))
    progress.take(RunStarted(moment=moment, phase="destroy", total=16))
    progress.take(_started("Nodes", 1, 3.0))
    assert progress.totals() == (0, 16)
    assert [item.name for item in progress.running()] == ["nodes-1"]
    text = "\n".join(str(line) for line in _lines(progress))
    assert "around it" not in text


def _lines(progress: Progress) -> list[Text]:
    return frame(progress, title="acme", sandbox=True, wall_s=1.0, note="", width=80, height=24)


def test_many_changes_alike_share_a_line_and_details_spell_them_out():
    rules = [
        Change(
            urn=f"rule-{at}", type="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", name=f"in-{at}",
            action="replace", diff=(_moved("securityGroupId", replaces=True), _moved("description")),
        )
        for at in range(9)
    ]  # fmt: skip
    kept = Change(
        urn="db",
        type="aws:rds/instance:Instance",
        name="sql",
        action="replace",
        stateful=True,
        diff=(_moved("dbName"),),
    )
    plan = Plan(cell="acme", cloud="aws", account="sandbox", operation="up", changes=(*rules, kept))
    short, whole = _drawn(plan_text(plan)), _drawn(plan_text(plan, details=True))
    assert "Plan: 10 to REPLACE" in short
    assert "± 9 vpc SecurityGroupIngressRule  securityGroupId: in-0, in-1" in short
    assert "± sql  rds Instance  holds data\n      dbName: a → b" in short  # what holds data is never summed up
    assert "`--details` spells out every change." in short
    assert all(f"± in-{at} " in whole for at in range(9))
    assert "description: a → b" in whole


def _moved(path: str, *, replaces: bool = False) -> PropertyChange:
    return PropertyChange(path=path, before="a", after="b", kind="update", replaces=replaces)


def _drawn(text: RenderableType) -> str:
    console = Console(width=100, file=io.StringIO(), color_system=None)
    with console.capture() as captured:
        console.print(text)
    return captured.get()
