"""What follows from a change: who depends on it, whether people notice, how long it takes; and the Plan's schema."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from pydantic import ValidationError
from rich.console import Console

from cellctl import facts
from cellctl.facts.downtimes import _interruptions, downtime
from cellctl.home import Home
from cellctl.plan import Action, Change, Plan, PropertyChange, plan_hash
from cellctl.run import consequences
from cellctl.run.options import RunOptions
from cellctl.run.target import of_spec
from cellctl.spec import CellSpec
from cellctl.state.backend import Loaded
from cellctl.state.checkpoint import Checkpoint
from cellctl.state.resources import ResourceState
from cellctl.views.plan_json import plan_json
from cellctl.views.plan_schema import PlanDocument, plan_schema
from cellctl.views.plan_text import plan_text
from cellctl.views.saved_plan import plan_of

ROOT = Path(__file__).resolve().parents[2]
RDS, VPC, NODE = "aws:rds/instance:Instance", "aws:ec2/vpc:Vpc", "cellctl:octopus:Node"


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:cell-acme::octopus-cells::{type_}::{name}"


def change(type_: str, name: str, action: Action, *paths: str, stateful: bool = False) -> Change:
    diff = tuple(PropertyChange(path=path, before=1, after=2, kind="update") for path in paths)
    return Change(
        urn=urn(type_, name), type=type_, name=name, action=action, stateful=stateful, diff=diff, expected_s=600.0
    )


def planned(*changes: Change) -> Plan:
    draft = Plan(cell="acme", cloud="aws", account="sandbox", operation="up", changes=changes)
    return replace(draft, hash=plan_hash(draft))


@pytest.mark.parametrize(
    ("type_", "action", "paths", "means"),
    [
        (RDS, "update", ["instanceClass"], "brief"),
        (RDS, "update", ["tags.team"], "none"),
        (RDS, "replace", [], "outage"),
        (NODE, "update", ["version"], "outage"),
        (NODE, "update", ["taskCap"], "none"),
        (VPC, "create", [], "none"),
        (VPC, "replace", [], ""),
    ],
)
def test_people_notice_what_the_facts_say(type_: str, action: str, paths: list[str], means: str) -> None:
    found, why = downtime("aws", type_, action, paths)
    assert (found, bool(why)) == (means, means in ("brief", "outage"))


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_every_type_of_the_table_is_one_of_the_facts(cloud: str) -> None:
    assert [one.type for one in _interruptions(cloud) if facts.of(one.type) is None] == []
    assert downtime("elsewhere", RDS, "replace", []) == ("", "")


def test_a_change_says_who_depends_on_it_and_how_long_it_took_here(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    spec = CellSpec.minimal("acme", cloud="aws", account="sandbox", region="eu-west-1")
    target = of_spec(home, spec, RunOptions())
    rows = (
        ResourceState(urn=urn(VPC, "net"), type=VPC, custom=True),
        ResourceState(urn=urn("aws:ec2/subnet:Subnet", "a"), type="s", custom=True, dependencies=(urn(VPC, "net"),)),
        ResourceState(urn=urn("cells:aws:Network", "n"), type="c", custom=False, dependencies=(urn(VPC, "net"),)),
    )
    loaded = Loaded(checkpoint=Checkpoint(stack="cell-acme", resources=rows))
    plan = planned(change(VPC, "net", "replace"), change(RDS, "sql", "update", "instanceClass"))
    first = consequences.told(plan, target, loaded)
    assert first.hash == plan.hash == plan_hash(first)
    net, sql = first.changes
    assert net.needed_by == (urn("aws:ec2/subnet:Subnet", "a"),)
    assert (sql.downtime, sql.expected_s, sql.expected_from) == ("brief", 600.0, "facts")
    crowd = tuple(replace(rows[1], urn=urn(rows[1].type, f"a{number}")) for number in range(23))
    crowded = Loaded(checkpoint=Checkpoint(stack="cell-acme", resources=(rows[0], *crowd)))
    many = consequences.told(plan, target, crowded).changes[0]
    assert (len(many.needed_by), many.needed_by_more) == (20, 3)
    for seconds in (100.0, 300.0):
        home.took("sandbox", [(RDS, "update", seconds)])
    assert consequences.told(plan, target, loaded).changes[1].expected_from == "facts"  # twice is no habit
    home.took("sandbox", [(RDS, "update", 200.0)])
    home.took("prod", [(RDS, "update", 9.0)] * 3)
    (_, sql) = consequences.told(plan, target, None).changes
    assert (sql.expected_s, sql.expected_from, sql.needed_by) == (200.0, "history", ())
    home.took("sandbox", [(RDS, "update", 50.0)] * 40)
    assert home.usual_s("sandbox") == {(RDS, "update"): 50.0}  # the latest thirty


def test_the_plan_leads_with_what_one_would_be_woken_up_for() -> None:
    outage = replace(change(NODE, "node-1", "update", "version"), downtime="outage", downtime_why="all nodes stop")
    lost = change(RDS, "sql", "replace", stateful=True)
    shown = StringIO()
    Console(file=shown, width=120).print(plan_text(planned(outage, replace(outage, name="node-2"), lost)))
    lines = shown.getvalue().splitlines()
    assert [line.strip() for line in lines[1:3]] == [
        "! DATA: this replaces or deletes sql, which holds data.",
        "! OUTAGE: all nodes stop (node-1, node-2).",
    ]
    shown = StringIO()
    Console(file=shown, width=120).print(plan_text(planned(change(VPC, "net", "create"))))
    assert "!" not in shown.getvalue()


def test_the_plan_says_what_depends_on_a_change_and_how_long_it_usually_takes() -> None:
    needing = tuple(urn("aws:ec2/instance:Instance", f"node-{number}") for number in range(1, 5))
    sql = replace(change(RDS, "sql", "replace", stateful=True), needed_by=needing, needed_by_more=17)
    net = replace(change(VPC, "net", "update", "tags.x"), needed_by=needing[:1], expected_s=None)
    shown = drawn(planned(sql, net))
    assert "usually takes 10:00 · needed by 21: node-1, node-2, node-3, …" in shown
    assert "      needed by 1: node-1\n" in shown
    assert "The slowest step usually takes 10:00" in shown
    many = [replace(change(VPC, f"net-{number}", "update", "tags.x"), expected_s=70.0) for number in range(4)]
    assert "usually takes 1:10 each: net-0, net-1, net-2, net-3" in drawn(planned(*many))
    assert "usually" not in drawn(planned(replace(change(VPC, "net", "update", "tags.x"), expected_s=0.4)))


def drawn(plan: Plan) -> str:
    shown = StringIO()
    Console(file=shown, width=120).print(plan_text(plan))
    return shown.getvalue()


def test_the_published_schema_is_that_of_what_is_written() -> None:
    sql = replace(change(RDS, "sql", "replace", "engine", stateful=True), needed_by=("urn:x",), downtime="outage")
    plan = planned(replace(sql, monthly_usd=(1.5, 3.25)), change(VPC, "net", "create"))
    document = json.loads(json.dumps(plan_json(plan)))
    PlanDocument.model_validate(document)
    assert plan_of(document) == plan
    for broken in ({**document, "more": 1}, {key: value for key, value in document.items() if key != "hash"}):
        with pytest.raises(ValidationError):
            PlanDocument.model_validate(broken)
    written = json.loads((ROOT / "schemas" / "plan-v1.json").read_text(encoding="utf-8"))
    assert written == plan_schema()
    assert set(written["properties"]) == set(document)
