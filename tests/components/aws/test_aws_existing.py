"""What a cell or reef declares in a network, with a zone and key, that were there before it: its own alone."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cellctl.clouds import AccountFacts, Wanted, declaring, load
from cellctl_components.aws import site

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "unit"))
from test_aws_site import DATA, KEY, NODES, PUBLIC, VPC, ZONE, reef, seen, settled, spec, with_all

if TYPE_CHECKING:
    from conftest import Recording

ACCOUNT = AccountFacts(id="123456789012", sandbox=True)
NOT_OURS = (
    "ec2/vpc:", "ec2/subnet:", "ec2/routeTable", "ec2/route:", "ec2/internetGateway:", "ec2/natGateway:", "ec2/eip:",
    "ec2/defaultSecurityGroup:", "ec2/flowLog:", "ec2/vpcDhcp",
)  # fmt: skip


def program(one: object, found: dict[str, object]) -> Callable[[], None]:
    level = "reef" if one.kind == "Reef" else "cell"  # type: ignore[attr-defined]
    wanted = Wanted(level=level, spec=one.to_json(), site=found)  # type: ignore[attr-defined,arg-type]
    return declaring(load("aws"), wanted, ACCOUNT)


@pytest.fixture(scope="module")
def kept() -> dict[str, Recording]:
    return {}


@pytest.fixture
def cell(record: Callable[[Callable[[], None]], Recording], kept: dict[str, Recording]) -> Recording:
    if "cell" not in kept:
        kept["cell"] = record(program(spec(), settled(spec(), {**seen(), "endpoint": None})))
    return kept["cell"]


@pytest.fixture
def whole(record: Callable[[Callable[[], None]], Recording], kept: dict[str, Recording]) -> Recording:
    if "whole" not in kept:
        kept["whole"] = record(program(with_all(), settled(with_all(), seen())))
    return kept["whole"]


def test_nothing_of_the_network_is_declared(cell: Recording, whole: Recording) -> None:
    for recording in (cell, whole):
        assert not [item.type for item in recording.resources if any(kind in item.type for kind in NOT_OURS)]
        (network,) = recording.of("cells:aws:Network")
        kinds = {item.type for item in recording.resources if item.parent.endswith(f"::{network.name}")}
        assert kinds <= {
            "aws:ec2/securityGroup:SecurityGroup",
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
            "aws:ec2/subnetCidrReservation:SubnetCidrReservation",
            "aws:ec2/vpcEndpoint:VpcEndpoint",
        }
        assert {item.inputs["vpcId"] for item in recording.of("aws:ec2/securityGroup:SecurityGroup")} == {VPC}


def test_rules_belong_to_the_cells_own_groups(whole: Recording) -> None:
    own = {f"{item.name}-id" for item in whole.of("aws:ec2/securityGroup:SecurityGroup")}
    rules = [item for item in whole.resources if "GroupIngressRule" in item.type or "GroupEgressRule" in item.type]
    assert rules
    assert {item.inputs["securityGroupId"] for item in rules} <= own
    lists = {item.inputs["prefixListId"] for item in rules if item.inputs.get("prefixListId")}
    assert lists == {"pl-1"}


def test_everything_is_in_the_subnet_of_its_purpose(whole: Recording) -> None:
    balancers = whole.of("aws:lb/loadBalancer:LoadBalancer")
    assert [item.inputs["subnets"] for item in balancers] == [PUBLIC, PUBLIC]
    assert whole.of("aws:rds/subnetGroup:SubnetGroup")[0].inputs["subnetIds"] == DATA
    machines = whole.of("aws:ec2/networkInterface:NetworkInterface")
    assert {item.inputs["subnetId"] for item in machines} == {*NODES}
    blocks = {item.inputs["subnetId"]: item for item in whole.of("aws:ec2/subnetCidrReservation:SubnetCidrReservation")}
    assert {*blocks} == {*NODES}
    for item in blocks.values():
        assert (item.inputs["reservationType"], item.inputs["description"]) == ("explicit", "cell-acme")
    for item in machines:
        waits = {one.rpartition("::")[2] for one in item.dependencies}
        assert blocks[item.inputs["subnetId"]].name in waits, item.name


def test_an_endpoint_of_its_own_unless_one_is_named(cell: Recording, whole: Recording) -> None:
    assert not whole.of("aws:ec2/vpcEndpoint:VpcEndpoint")
    (own,) = cell.of("aws:ec2/vpcEndpoint:VpcEndpoint")
    assert own.inputs["serviceName"] == "com.amazonaws.eu-west-1.storagegateway"
    assert own.inputs["privateDnsEnabled"] is False
    assert own.inputs["subnetIds"] == NODES
    (gateway,) = whole.of("cellctl:aws:FileGateway")
    assert gateway.inputs["vpcEndpoint"] == "vpce-1.storagegateway"


def test_a_zone_and_a_key_that_are_there_are_used_and_not_declared(cell: Recording, whole: Recording) -> None:
    assert cell.of("aws:route53/zone:Zone")
    assert cell.of("aws:kms/key:Key")
    for token in (
        "aws:route53/zone:Zone",
        "aws:route53/zoneAssociation:ZoneAssociation",
        "aws:kms/key:Key",
        "aws:kms/alias:Alias",
    ):
        assert not whole.of(token)
    assert {item.inputs["zoneId"] for item in whole.of("aws:route53/record:Record")} == {ZONE}
    keys = Counter(
        value
        for item in whole.resources
        for name, value in item.inputs.items()
        if name
        in ("kmsKeyId", "kmsKeyArn", "kmsMasterKeyId", "masterUserSecretKmsKeyId", "performanceInsightsKmsKeyId")
    )
    assert set(keys) == {KEY}
    assert keys[KEY] > 20


def test_a_private_zone_is_let_see_a_network_of_the_cells_own(
    record: Callable[[Callable[[], None]], Recording],
) -> None:
    alone = spec(network={"cidr": "10.64.0.0/20"}, ingress={"host": "a.corp.example.com", "zone": ZONE})
    found = settled(alone, {"zone": {**seen()["zone"], "networks": ["vpc-9"]}})  # type: ignore[dict-item]
    recording = record(program(alone, found))
    (seen_by,) = recording.of("aws:route53/zoneAssociation:ZoneAssociation")
    assert seen_by.inputs["zoneId"] == ZONE
    for item in recording.of("aws:route53/record:Record"):
        if item.name.startswith("acme-ingress"):
            assert any(one.endswith(f"::{seen_by.name}") for one in item.dependencies)


def test_a_reef_in_an_existing_network_tells_its_cells_where_their_blocks_are(
    record: Callable[[Callable[[], None]], Recording],
) -> None:
    found = seen()
    for number, name in enumerate(NODES):
        found["subnets"][name]["cidr"] = f"10.1.{number * 16}.0/20"  # type: ignore[index]
    recording = record(program(reef(), settled(reef(), found)))
    assert not [item.type for item in recording.resources if any(kind in item.type for kind in NOT_OURS)]
    place = recording.outputs["place"]
    assert place["network"] == VPC  # type: ignore[index]
    zones = site.zones_of(place)  # type: ignore[arg-type]
    blocks = [item.inputs["cidrBlock"] for item in recording.of("aws:ec2/subnetCidrReservation:SubnetCidrReservation")]
    assert sorted(zone.nodes for zone in zones) == sorted(blocks)
    assert place["subnets"]["public"] == place["subnets"]["ingress"]  # type: ignore[index]
