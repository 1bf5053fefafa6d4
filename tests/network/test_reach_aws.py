"""Who reaches whom on AWS: every hop by itself, over objects as a program declares them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cellctl.state.values import Struct, Value
from cellctl_sandbox.estate import Estate
from cellctl_sandbox.network.aws import AwsNetwork
from cellctl_sandbox.network.aws_names import instance_place
from cellctl_sandbox.network.reachability import CONTROL
from cellctl_sandbox.network.verdict import Place, Verdict
from cellctl_sandbox.standins.cloud_view import CloudObject

ALL = "0.0.0.0/0"
VISITOR = Place(what="a visitor", address="203.0.113.9")


def made(kind: str, id: str, **properties: Value) -> CloudObject:
    return CloudObject(type=f"aws:{kind}", id=id, properties={**properties}, cell="acme", region="eu-west-1")


def machine(id: str, address: str, subnet: str, *groups: str) -> CloudObject:
    tags: Struct = {"Name": id}
    found: Struct = {"privateIp": address, "subnetId": subnet, "vpcSecurityGroupIds": [*groups], "tags": tags}
    return made("ec2/instance:Instance", id, **found)


def ingress(id: str, group: str, port: int, **peer: Value) -> CloudObject:
    return made("vpc/securityGroupIngressRule:SecurityGroupIngressRule", id, securityGroupId=group, ipProtocol="tcp",
                fromPort=port, toPort=port, **peer)  # fmt: skip


def egress(id: str, group: str, **peer: Value) -> CloudObject:
    kind = "vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    return made(kind, id, securityGroupId=group, ipProtocol="-1", **peer)


def account() -> dict[str, CloudObject]:
    """Two nodes and a database in a VPC with a NAT gateway, a private zone and an endpoint of S3."""
    found = [
        made("ec2/vpc:Vpc", "vpc-1", cidrBlock="10.64.0.0/20", enableDnsSupport=True, enableDnsHostnames=True,
             mainRouteTableId="rtb-main"),
        made("ec2/subnet:Subnet", "subnet-n", vpcId="vpc-1", cidrBlock="10.64.8.0/24", region="eu-west-1"),
        made("ec2/subnet:Subnet", "subnet-p", vpcId="vpc-1", cidrBlock="10.64.0.0/24", region="eu-west-1"),
        made("ec2/subnet:Subnet", "subnet-d", vpcId="vpc-1", cidrBlock="10.64.12.0/24", region="eu-west-1"),
        made("ec2/internetGateway:InternetGateway", "igw-1", vpcId="vpc-1"),
        made("ec2/eip:Eip", "eipalloc-1"),
        made("ec2/natGateway:NatGateway", "nat-1", subnetId="subnet-p", allocationId="eipalloc-1"),
        made("ec2/routeTable:RouteTable", "rtb-n", vpcId="vpc-1"),
        made("ec2/routeTable:RouteTable", "rtb-p", vpcId="vpc-1"),
        made("ec2/routeTableAssociation:RouteTableAssociation", "assoc-n", subnetId="subnet-n", routeTableId="rtb-n"),
        made("ec2/routeTableAssociation:RouteTableAssociation", "assoc-p", subnetId="subnet-p", routeTableId="rtb-p"),
        made("ec2/route:Route", "route-n", routeTableId="rtb-n", destinationCidrBlock=ALL, natGatewayId="nat-1"),
        made("ec2/route:Route", "route-p", routeTableId="rtb-p", destinationCidrBlock=ALL, gatewayId="igw-1"),
        made("ec2/vpcEndpoint:VpcEndpoint", "vpce-s3", vpcId="vpc-1", vpcEndpointType="Gateway", prefixListId="pl-s3",
             serviceName="com.amazonaws.eu-west-1.s3", routeTableIds=["rtb-n"]),
        made("ec2/securityGroup:SecurityGroup", "sg-n", vpcId="vpc-1"),
        made("ec2/securityGroup:SecurityGroup", "sg-d", vpcId="vpc-1"),
        made("ec2/securityGroup:SecurityGroup", "sg-g", vpcId="vpc-1"),
        egress("out-n", "sg-n", cidrIpv4="0.0.0.0/0"),
        egress("out-g", "sg-g", prefixListId="pl-s3"),
        ingress("in-n", "sg-n", 8080, referencedSecurityGroupId="sg-n"),
        ingress("in-n-control", "sg-n", 8080, cidrIpv4="10.255.0.0/24"),
        ingress("in-d", "sg-d", 1433, referencedSecurityGroupId="sg-n"),
        machine("n1", "10.64.8.21", "subnet-n", "sg-n"),
        machine("n2", "10.64.8.22", "subnet-n", "sg-n"),
        machine("gw", "10.64.8.10", "subnet-n", "sg-g"),
        made("rds/subnetGroup:SubnetGroup", "group-d", name="group-d", subnetIds=["subnet-d"]),
        made("rds/instance:Instance", "db-1", identifier="sql", address="sql.x.eu-west-1.rds.amazonaws.com",
             dbSubnetGroupName="group-d", vpcSecurityGroupIds=["sg-d"]),
        made("route53/zone:Zone", "Z1", name="acme.internal", vpcs=[{"vpcId": "vpc-1"}]),
        made("route53/record:Record", "Z1_files", zoneId="Z1", name="files.acme.internal", type="A",
             records=["10.64.8.22"]),
    ]  # fmt: skip
    return {item.id: item for item in found}


def reach(objects: dict[str, CloudObject], source: str | Place, name: str, port: int) -> Verdict:
    estate = Estate(list(objects.values()), 0.0)
    place = source if isinstance(source, Place) else instance_place(estate, objects[source])
    return AwsNetwork(estate).reach(place, name, port)


SQL = "sql.x.eu-west-1.rds.amazonaws.com"


@pytest.mark.parametrize(
    ("source", "name", "port"),
    [
        ("n1", SQL, 1433),
        ("n1", "files.acme.internal", 8080),
        ("n1", "service:secretsmanager:eu-west-1", 443),
        ("n1", "download.octopusdeploy.com", 443),
        ("gw", "service:s3:eu-west-1", 443),
        (CONTROL, "10.64.8.21", 8080),
    ],
)
def test_what_the_account_allows_is_open(source: str | Place, name: str, port: int) -> None:
    assert reach(account(), source, name, port) == Verdict(outcome="open")


@pytest.mark.parametrize(
    ("gone", "source", "name", "port", "outcome", "hop"),
    [
        ("in-d", "n1", SQL, 1433, "timeout", "no ingress rule on sg-d admits 10.64.8.21 to port 1433/tcp"),
        ("out-n", "n1", SQL, 1433, "timeout", "no egress rule on sg-n"),
        ("in-n", "n1", "10.64.8.22", 8080, "timeout", "no ingress rule on sg-n"),
        ("in-n-control", CONTROL, "10.64.8.21", 8080, "timeout", "no ingress rule on sg-n admits 10.255.0.4"),
        ("route-n", "n1", "download.octopusdeploy.com", 443, "timeout", "no route from subnet-n"),
        ("assoc-n", "n1", "download.octopusdeploy.com", 443, "timeout", "(table rtb-main)"),
        ("route-p", "n1", "download.octopusdeploy.com", 443, "timeout", "nat-1 cannot reach the internet"),
        ("nat-1", "n1", "download.octopusdeploy.com", 443, "timeout", "nat-1, which does not exist"),
        ("igw-1", "n1", "download.octopusdeploy.com", 443, "timeout", "has no route to an internet gateway"),
        ("vpce-s3", "gw", "service:s3:eu-west-1", 443, "timeout", "no egress rule on sg-g"),
        ("Z1_files", "n1", "files.acme.internal", 8080, "no_name", "has no record for files.acme.internal"),
        ("Z1", "n1", "files.acme.internal", 8080, "no_name", "no zone of vpc-1 holds"),
    ],
)  # fmt: skip
def test_a_missing_hop_is_named(  # noqa: PLR0917  a row of a table
    gone: str, source: str | Place, name: str, port: int, outcome: str, hop: str
) -> None:
    objects = account()
    del objects[gone]
    verdict = reach(objects, source, name, port)
    assert verdict.outcome == outcome
    assert hop in verdict.why


def test_a_zone_counts_in_its_networks_only_and_where_the_network_resolves_names() -> None:
    objects = account()
    elsewhere: Struct = {"vpcId": "vpc-2"}
    objects["Z1"] = replace(objects["Z1"], properties={**objects["Z1"].properties, "vpcs": [elsewhere]})
    assert "is not associated with vpc-1" in reach(objects, "n1", "files.acme.internal", 8080).why
    objects = account()
    objects["vpc-1"].properties["enableDnsHostnames"] = False
    assert "enableDnsHostnames is off" in reach(objects, "n1", "files.acme.internal", 8080).why


def test_nobody_comes_from_the_internet_without_a_route_and_unknown_addresses_do_not_answer() -> None:
    objects = account()
    objects["open"] = ingress("open", "sg-n", 8080, cidrIpv4="0.0.0.0/0")
    assert "has no route to an internet gateway" in reach(objects, VISITOR, "10.64.8.21", 8080).why
    assert "nothing has the address" in reach(objects, CONTROL, "10.64.8.99", 22).why


@pytest.mark.parametrize("target", ["transitGatewayId", "vpcPeeringConnectionId", "networkInterfaceId"])
def test_a_way_that_is_not_simulated_is_told_and_never_open(target: str) -> None:
    objects = account()
    route = {key: value for key, value in objects["route-n"].properties.items() if key != "natGatewayId"}
    objects["route-n"] = replace(objects["route-n"], properties={**route, target: "x-1"})
    verdict = reach(objects, "n1", "download.octopusdeploy.com", 443)
    assert verdict.outcome == "timeout"
    assert f"leads to a {target}, which the simulated network does not know" in verdict.why
