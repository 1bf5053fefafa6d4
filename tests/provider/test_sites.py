"""A look at a network, zone and key of an AWS account, against moto: what is seen is what the rules read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from moto import mock_aws

from cellctl.errors import EngineError, GuardError
from cellctl.spec import CellSpec
from cellctl.spec.account import AccountSpec
from cellctl_components.aws import site
from cellctl_components.aws.account import account_layout
from cellctl_provider.aws.sites import FederatedSites, look, way_out

ACCOUNT, REGION = "123456789012", "eu-west-1"
SERVICES = [f"logs.{REGION}.amazonaws.com", "cloudwatch.amazonaws.com"]


class Kept(boto3.Session):
    """Makes a client of each service once: reading EC2's model is most of a look's time."""

    def client(self, service_name: str, **more: object) -> object:  # type: ignore[override]
        made = self.__dict__.setdefault("made", {})
        if service_name not in made:
            made[service_name] = super().client(service_name, **more)  # type: ignore[arg-type]
        return made[service_name]


@pytest.fixture(scope="module")
def account() -> Iterator[boto3.Session]:
    with mock_aws():
        yield Kept(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)


class Network:
    """A network over two zones as another team has it, made with the calls that such a team makes."""

    def __init__(self, session: boto3.Session) -> None:
        self.ec2, self.names = session.client("ec2"), session.client("route53")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
            self.ec2.modify_vpc_attribute(VpcId=self.vpc, **{attribute: {"Value": True}})
        internet = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=internet, VpcId=self.vpc)
        public = [self.subnet(letter, number) for number, letter in enumerate("ab")]
        self.tables = [self.table(public[0], GatewayId=internet)]
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = self.ec2.create_nat_gateway(SubnetId=public[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
        self.nodes = [self.subnet(letter, 10 + number) for number, letter in enumerate("ab")]
        self.tables += [self.table(one, NatGatewayId=nat) for one in self.nodes]
        self.data = [self.subnet(letter, 20 + number) for number, letter in enumerate("ab")]
        self.ec2.create_vpc_endpoint(
            VpcId=self.vpc,
            ServiceName=f"com.amazonaws.{REGION}.s3",
            VpcEndpointType="Gateway",
            RouteTableIds=self.tables,
        )

    def subnet(self, letter: str, number: int) -> str:
        made = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.1.{number}.0/24", AvailabilityZone=REGION + letter)
        return str(made["Subnet"]["SubnetId"])

    def table(self, subnet: str, **target: str) -> str:
        table = str(self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"])
        self.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **target)
        self.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        return table

    def zone(self, name: str) -> str:
        made = self.names.create_hosted_zone(
            Name=name, CallerReference=name, VPC={"VPCRegion": REGION, "VPCId": self.vpc},
            HostedZoneConfig={"PrivateZone": True},
        )  # fmt: skip
        return str(made["HostedZone"]["Id"]).rpartition("/")[2]

    def endpoint(self, ports: range) -> str:
        group = self.ec2.create_security_group(GroupName="endpoints", Description="x", VpcId=self.vpc)["GroupId"]
        rule = {"IpProtocol": "tcp", "FromPort": ports[0], "ToPort": ports[-1], "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        made = self.ec2.create_vpc_endpoint(
            VpcId=self.vpc, ServiceName=f"com.amazonaws.{REGION}.storagegateway", VpcEndpointType="Interface",
            SubnetIds=self.nodes, SecurityGroupIds=[group], PrivateDnsEnabled=False,
        )  # fmt: skip
        return str(made["VpcEndpoint"]["VpcEndpointId"])


def key_of(session: boto3.Session, *services: str) -> str:
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    own = {"Effect": "Allow", "Principal": {"Service": [*services]}, "Action": "kms:*", "Resource": "*"}
    made = session.client("kms").create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [root, own]}))
    return str(made["KeyMetadata"]["Arn"])


def spec(net: Network, /, **body: object) -> CellSpec:
    existing = {"id": net.vpc, "subnets": net.nodes, "databaseSubnets": net.data}
    given = {"cloud": "aws", "account": "prod", "region": REGION, "network": {"existing": existing}, **body}
    return CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": given})


def settle(session: boto3.Session, one: CellSpec, *, exists: bool = False) -> dict[str, object]:
    return site.settle(one, lambda asked: look(session, ACCOUNT, asked), exists=exists)  # type: ignore[return-value]


def codes(session: boto3.Session, one: CellSpec) -> set[str]:
    with pytest.raises(GuardError) as caught:
        settle(session, one)
    return {item.code for item in caught.value.objections}


def whole(account: boto3.Session) -> CellSpec:
    """Return a cell that names everything that a look is about."""
    network = Network(account)
    endpoint, zone = network.endpoint(range(443, 2223)), network.zone("corp.example.com")
    existing = {
        "id": network.vpc,
        "subnets": network.nodes,
        "databaseSubnets": network.data,
        "gatewayEndpoint": endpoint,
    }
    return spec(
        network,
        network={"existing": existing},
        ingress={"host": "acme.corp.example.com", "zone": zone},
        protection={"key": key_of(account, *SERVICES)},
    )


class Watched(Kept):
    """Remembers which actions it called, and is refused one of them."""

    def __init__(self, **more: str) -> None:
        super().__init__(**more)
        self.called: set[str] = set()
        self.denied = ""
        self.events.register("before-call", self._call)

    def _call(self, model: OperationModel, **_: object) -> None:
        action = f"{model.service_model.signing_name}:{model.name}"
        self.called.add(action)
        if action == self.denied:
            raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, model.name)


def test_each_permission_of_a_look_is_one_that_the_roles_have_and_that_it_needs(account: boto3.Session) -> None:
    one = whole(account)
    session = Watched(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)
    settle(session, one)
    assert len(session.called) > 10
    assert session.called <= {*account_layout(AccountSpec.of("prod", cloud="aws", region=REGION)).looks}
    for action in sorted(session.called):
        session.denied = action
        with pytest.raises(EngineError) as refused:
            settle(session, one)
        assert refused.value.code == "site_unseen"


def test_a_network_that_fits_is_seen_whole(account: boto3.Session) -> None:
    one = whole(account)
    found = settle(account, one)
    assert (found["cidr"], found["zone"], found["associate"]) == ("10.1.0.0/16", one.spec.ingress.zone, False)
    assert [row["letter"] for row in found["zones"]] == ["a", "b"]  # type: ignore[attr-defined]
    assert str(found["storage"]).startswith("pl-")
    assert found["endpoint"]


def test_what_is_taken_in_a_subnet_is_left_alone(account: boto3.Session) -> None:
    network = Network(account)
    before = [row["nodes"] for row in settle(account, spec(network))["zones"]]  # type: ignore[attr-defined]
    first = before[0].partition("/")[0].rpartition(".")
    taken = f"{first[0]}.{int(first[2]) + 3}"
    network.ec2.create_network_interface(SubnetId=network.nodes[0], PrivateIpAddress=taken)
    network.ec2.create_subnet_cidr_reservation(
        SubnetId=network.nodes[1], Cidr=before[1], ReservationType="explicit", Description="cell-other"
    )
    after = [row["nodes"] for row in settle(account, spec(network))["zones"]]  # type: ignore[attr-defined]
    assert not {*before} & {*after}


def breaks_dns(network: Network) -> None:
    network.ec2.modify_vpc_attribute(VpcId=network.vpc, EnableDnsHostnames={"Value": False})


def loses_its_way_out(network: Network) -> None:
    network.ec2.delete_route(RouteTableId=network.tables[1], DestinationCidrBlock="0.0.0.0/0")


def has_such_a_zone(network: Network) -> None:
    network.zone("acme.octopus.internal")


def has_such_a_group(network: Network) -> None:
    network.ec2.create_security_group(GroupName="cell-acme-nodes", Description="x", VpcId=network.vpc)


def has_such_a_cell(network: Network) -> None:
    def described(parsed: dict[str, list[dict[str, str]]], **_more: object) -> None:
        for row in parsed["SubnetIpv4CidrReservations"]:
            row["Description"] = "cell-acme"  # moto forgets what it was told

    network.ec2.meta.events.register("after-call.ec2.GetSubnetCidrReservations", described, unique_id="told")
    network.ec2.create_subnet_cidr_reservation(
        SubnetId=network.nodes[0], Cidr="10.1.10.64/28", ReservationType="explicit", Description="cell-acme"
    )


@pytest.mark.parametrize(
    ("done", "code"),
    [
        (breaks_dns, "dns_off"),
        (loses_its_way_out, "no_way_out"),
        (has_such_a_zone, "zone_taken"),
        (has_such_a_group, "names_taken"),
        (has_such_a_cell, "names_taken"),
    ],
)
def test_what_the_account_has_otherwise_is_seen(
    account: boto3.Session, done: Callable[[Network], None], code: str
) -> None:
    network = Network(account)
    settle(account, spec(network))
    done(network)
    try:
        assert codes(account, spec(network)) == {code}
    finally:
        network.ec2.meta.events.unregister("after-call.ec2.GetSubnetCidrReservations", unique_id="told")


def test_an_endpoint_that_does_not_admit_the_nodes_and_a_zone_with_such_records(account: boto3.Session) -> None:
    network = Network(account)
    endpoint, zone = network.endpoint(range(443, 444)), network.zone("corp.example.com")
    record = {"Name": "files.acme.corp.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.1.1.1"}]}
    network.names.change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    )
    existing = {"id": network.vpc, "subnets": network.nodes, "gatewayEndpoint": endpoint}
    ingress = {"host": "acme.corp.example.com", "zone": zone}
    assert codes(account, spec(network, network={"existing": existing}, ingress=ingress)) == {
        "endpoint_closed",
        "record_taken",
    }


def test_what_is_not_there_is_missing_and_not_an_error(account: boto3.Session) -> None:
    existing = {"id": "vpc-0123456789abcdef0", "subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]}
    gone = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000000"
    body = {"cloud": "aws", "account": "prod", "region": REGION, "network": {"existing": existing}}
    body |= {"ingress": {"zone": "Z0123456789ABCDEFGHIJ"}, "protection": {"key": gone}}
    one = CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body})
    assert codes(account, one) == {"network_missing", "zone_missing", "key_missing"}


def test_a_key_that_is_off_or_whose_policy_lacks_a_service(account: boto3.Session) -> None:
    network, key = Network(account), key_of(account, SERVICES[0])
    account.client("kms").disable_key(KeyId=key.rpartition("/")[2])
    assert codes(account, spec(network, protection={"key": key})) == {"key_unusable", "key_policy"}


def test_an_account_that_refuses_is_no_missing_network() -> None:
    class Denied(boto3.Session):
        def client(self, service_name: str, **more: object) -> object:  # type: ignore[override]
            from botocore.exceptions import ClientError

            class Refuses:
                def __getattr__(self, name: str) -> Callable[..., object]:
                    def call(**_words: object) -> object:
                        raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, name)

                    return call

            return Refuses()

    with pytest.raises(EngineError) as caught:
        look(Denied(region_name=REGION), ACCOUNT, {"network": "vpc-1", "subnets": ["a"], "region": REGION})
    assert caught.value.code == "site_unseen"
    with pytest.raises(EngineError, match="no role") as caught:
        FederatedSites("").look(ACCOUNT, {"region": REGION})
    assert caught.value.code == "site_unseen"


@pytest.mark.parametrize(
    ("route", "out"),
    [
        ({"NatGatewayId": "nat-1"}, "nat"),
        ({"GatewayId": "igw-1"}, "internet"),
        ({"TransitGatewayId": "tgw-1"}, "transit"),
        ({"NetworkInterfaceId": "eni-1"}, "machine"),
        ({"NatGatewayId": "nat-1", "State": "blackhole"}, "blackhole"),
        ({"VpcPeeringConnectionId": "pcx-1"}, ""),
    ],
)
def test_how_a_route_leads_out(route: dict[str, str], out: str) -> None:
    local = {"DestinationCidrBlock": "10.0.0.0/8", "GatewayId": "local"}
    assert way_out({"Routes": [local, {"DestinationCidrBlock": "0.0.0.0/0", **route}]}) == out
