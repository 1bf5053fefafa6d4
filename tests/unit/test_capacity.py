"""Sizes that a plan asks for, against the zones in which an account is offered them; and what counts for a quota."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cellctl.facts.offers import offers
from cellctl.guard import Case, Offer, Size, lacking, needs, sizes, split
from cellctl.guard.capacity import offered
from cellctl.plan import Action, Change, Declared, Plan, PropertyChange
from cellctl.state.values import UNKNOWN

INSTANCE, RDS, SUBNET = "aws:ec2/instance:Instance", "aws:rds/instance:Instance", "aws:ec2/subnet:Subnet"
MACHINE = "azure-native:compute:VirtualMachine"


def declared(type_: str, name: str, parent: str = "nodes", **inputs: object) -> Declared:
    urn = f"urn:pulumi:cell-acme::octopus-cells::{type_}::{name}"
    return Declared(urn=urn, type=type_, name=name, parent=parent, inputs=inputs)  # type: ignore[arg-type]


def plan(items: list[Declared], action: Action = "create", cloud: str = "aws", path: str = "") -> Plan:
    diff = (PropertyChange(path=path, before="a", after="b", kind="update"),) if path else ()
    changes = tuple(Change(urn=item.urn, type=item.type, name=item.name, action=action, diff=diff) for item in items)
    return Plan(cell="acme", cloud=cloud, account="prod", operation="up", changes=changes)


SUBNETS = [declared(SUBNET, f"s{zone}", availabilityZone=f"eu-west-1{zone}") for zone in "abc"]
ZONES = ("eu-west-1a", "eu-west-1b", "eu-west-1c")
NODES = [declared(INSTANCE, f"node-{number}", instanceType="m6i.large") for number in (1, 2)]
GATEWAY = declared(INSTANCE, "gateway", parent="gateway", instanceType="m6i.large")
SQL = declared(RDS, "sql", instanceClass="db.m6i.large", engine="sqlserver-se", multiAz=True)
TWO = Size(kind="machine", name="m6i.large", zones=ZONES, least=2)
BOTH = Size(kind="database", name="db.m6i.large", engine="sqlserver-se", zones=ZONES, least=2)


def test_machines_are_spread_over_the_cells_zones_and_a_database_is_in_two() -> None:
    everything = [*SUBNETS, *NODES, GATEWAY, SQL]
    assert sizes(plan(everything), everything) == (TWO, BOTH)  # the gateway's one may stand where a node does
    many = [*SUBNETS, *(replace(NODES[0], urn=f"{NODES[0].urn}{number}") for number in range(9))]
    assert sizes(plan(many), many) == (replace(TWO, least=3),)
    alone = [replace(SQL, inputs={**SQL.inputs, "multiAz": False})]
    assert sizes(plan(alone), alone) == (replace(BOTH, zones=(), least=1),)  # somebody else's subnets


def test_machines_on_azure_name_their_own_zone() -> None:
    items = [
        declared(MACHINE, f"node-{number}", hardwareProfile={"vmSize": "Standard_D4s_v5"}, zones=[zone])
        for number, zone in enumerate("121")
    ]
    one = Size(kind="machine", name="Standard_D4s_v5", zones=("1",))
    assert sizes(plan(items, cloud="azure"), items) == (one, replace(one, zones=("2",)))


def test_only_what_is_made_replaced_or_resized_asks() -> None:
    items = [*SUBNETS, *NODES]
    assert sizes(plan(items, "replace"), items) == (TWO,)
    assert sizes(plan(items, "update", path="instanceType"), items) == (TWO,)
    assert sizes(plan(items, "update", path="tags.a"), items) == ()
    assert sizes(plan(items, "same"), items) == ()
    assert sizes(replace(plan(items), operation="down"), items) == ()
    unknown = [declared(INSTANCE, "n", instanceType=UNKNOWN)]
    assert sizes(plan(unknown), unknown) == ()


def objections(size: Size, zones: str, doubt: str = "", account: str = "prod") -> list[tuple[str, str, str]]:
    offer = Offer(zones=frozenset(f"eu-west-1{zone}" for zone in zones), doubt=doubt)
    found = offered(replace(plan([]), account=account), Case(offers={size: offer}))
    return [(item.code, item.reason, item.remedy) for item in found]


def test_a_size_that_too_few_zones_offer_is_refused() -> None:
    assert objections(TWO, "abc") == objections(TWO, "ac") == []
    ((code, reason, remedy),) = objections(TWO, "b")
    assert code == "size_not_offered"
    assert reason == (
        "m6i.large is needed in 2 of the zones eu-west-1a, eu-west-1b, eu-west-1c, and account prod is offered it in "
        "eu-west-1b"
    )
    assert "another size" in remedy
    ((_, reason, _),) = objections(BOTH, "")
    assert "db.m6i.large for sqlserver-se is needed" in reason
    assert reason.endswith("and account prod is not offered it there")
    ((_, reason, remedy),) = objections(replace(TWO, zones=("1",), least=1), "a", account="sandbox")
    assert reason.startswith("m6i.large is needed in zone 1, ")
    assert remedy == "cellctl sandbox withhold --clear m6i.large"
    anywhere = replace(TWO, zones=(), least=1)
    assert objections(anywhere, "b") == []
    ((_, reason, _),) = objections(anywhere, "")
    assert reason == "m6i.large is needed, and account prod is offered it in no zone of this region"


def test_what_nobody_could_ask_is_let_pass_and_the_caller_may_override() -> None:
    assert objections(TWO, "", doubt="AccessDenied") == []
    case = Case(offers={TWO: Offer()}, override=frozenset({"size_not_offered"}))
    stands, taken = split(plan([]), case)
    assert (stands, [item.code for item in taken]) == ((), ["size_not_offered"])
    assert taken[0].flag == "--override size_not_offered"


def test_a_zone_that_lacks_a_size_is_said_where_others_are_enough() -> None:
    (said,) = lacking({TWO: frozenset(ZONES[:2]), BOTH: frozenset(ZONES)})
    assert said.startswith("m6i.large is not offered in eu-west-1c")
    assert [*lacking({TWO: frozenset()})] == []  # that is refused


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_the_facts_on_sizes_are_sound(cloud: str) -> None:
    assert {sized.kind for sized in offers(cloud).sizes} <= {"machine", "database"}


@pytest.mark.parametrize(("deletes_first", "count"), [(False, 2), (True, 0)])
def test_a_replacement_counts_for_a_quota_while_both_objects_are_there(deletes_first: bool, count: int) -> None:
    items = [declared("aws:ec2/vpc:Vpc", f"v{number}") for number in (1, 2)]
    made = plan(items, "replace")
    changes = tuple(replace(change, deletes_first=deletes_first) for change in made.changes)
    found = needs(replace(made, changes=changes), items)
    assert {need.quota: number for need, number in found.items()}.get("ec2.vpcs", 0) == count
