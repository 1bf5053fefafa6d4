"""What another team may have in an account before a cell comes: a network with ways out, a private zone, a key."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass, field

from cellctl.errors import UsageError
from cellctl.state.values import Struct, Value
from cellctl_provider.protocol import ProviderError
from cellctl_sandbox import azure_grounds
from cellctl_sandbox.clouds.configuration import unconfigured
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.records import Tenancy
from cellctl_sandbox.deposits import create

_ZONES = "abc"
_ANYWHERE = "0.0.0.0/0"
_SEALING = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]


@dataclass
class _Ground:
    """Makes objects of one account and region that no program made."""

    database: Database
    place: Tenancy
    now_s: float
    name: str
    subnets: dict[str, list[str]] = field(default_factory=dict)

    def make(self, service: str, kind: str, **inputs: Value) -> str:
        token = f"aws:{service}/{kind[0].lower()}{kind[1:]}:{kind}"
        return create(self.database, self.place, token, dict(inputs), self.now_s).id

    def network(self, cidr: str, zones: str) -> str:
        tags: Struct = {"Name": self.name}
        vpc = self.make("ec2", "Vpc", cidrBlock=cidr, enableDnsSupport=True, enableDnsHostnames=True, tags=tags)
        internet = self.make("ec2", "InternetGateway", vpcId=vpc, tags=tags)
        outside = self.make("ec2", "RouteTable", vpcId=vpc, tags=tags)
        self.make("ec2", "Route", routeTableId=outside, destinationCidrBlock=_ANYWHERE, gatewayId=internet)
        parts = [str(one) for one in ipaddress.IPv4Network(cidr).subnets(prefixlen_diff=4)]
        tables: list[Value] = []
        for number, letter in enumerate(zones):
            public = self._subnet(vpc, "public", letter, parts[number], outside)
            tables += [self._private(vpc, letter, parts[4 + number], public)]
            tables += [self._closed(vpc, letter, parts[8 + number])]
        service = f"com.amazonaws.{self.place.region}.s3"
        self.make("ec2", "VpcEndpoint", vpcId=vpc, serviceName=service, vpcEndpointType="Gateway", routeTableIds=tables)
        return vpc

    def _subnet(self, vpc: str, tier: str, letter: str, cidr: str, table: str) -> str:
        tags: Struct = {"Name": f"{self.name}-{tier}-{letter}"}
        zone = f"{self.place.region}{letter}"
        subnet = self.make("ec2", "Subnet", vpcId=vpc, cidrBlock=cidr, availabilityZone=zone, tags=tags)
        self.make("ec2", "RouteTableAssociation", subnetId=subnet, routeTableId=table)
        self.subnets.setdefault(tier, []).append(subnet)
        return subnet

    def _private(self, vpc: str, letter: str, cidr: str, public: str) -> str:
        address = self.make("ec2", "Eip", domain="vpc")
        nat = self.make("ec2", "NatGateway", allocationId=address, subnetId=public)
        table = self.make("ec2", "RouteTable", vpcId=vpc)
        self.make("ec2", "Route", routeTableId=table, destinationCidrBlock=_ANYWHERE, natGatewayId=nat)
        self._subnet(vpc, "private", letter, cidr, table)
        return table

    def _closed(self, vpc: str, letter: str, cidr: str) -> str:
        table = self.make("ec2", "RouteTable", vpcId=vpc)
        self._subnet(vpc, "data", letter, cidr, table)
        return table

    def key(self) -> str:
        account, region = self.place.account, self.place.region
        root: Struct = {"AWS": f"arn:aws:iam::{account}:root"}
        services: Struct = {"Service": [f"logs.{region}.amazonaws.com", "cloudwatch.amazonaws.com"]}
        statements: list[Value] = [
            {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"},
            {"Effect": "Allow", "Principal": services, "Action": [*_SEALING], "Resource": "*"},
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        found = self.make("kms", "Key", description=f"Data of {self.name}", enableKeyRotation=True, policy=policy)
        return f"arn:aws:kms:{region}:{account}:key/{found}"


def lay(
    database: Database, now_s: float, *, name: str, region: str, cidr: str, zones: int, domain: str, key: bool,
    cloud: str = "aws",
) -> dict[str, object]:  # fmt: skip
    """Make a network of two or three zones, and what else is wanted; return what a cell file says of it.

    `{"network": {"existing": {…}}, "ingress": {"zone": …}, "protection": {"key": …}}`, the last two where wanted. Its
    nodes' subnets go out through NAT gateways, its databases' have no way out, and all reach S3 by an endpoint.

    Raises:
        UsageError: The range is none, or the simulated cloud refuses it.
    """
    ground = _Ground(database, Tenancy(package="aws", account=unconfigured("aws").account, region=region), now_s, name)
    try:
        if cloud == "azure":
            cidr = str(ipaddress.IPv4Network(cidr))
            return azure_grounds.lay(database, now_s, name=name, region=region, cidr=cidr, domain=domain, key=key)
        vpc = ground.network(str(ipaddress.IPv4Network(cidr)), _ZONES[:zones])
        existing: dict[str, object] = {
            "id": vpc,
            "subnets": ground.subnets["private"],
            "databaseSubnets": ground.subnets["data"],
        }
        found: dict[str, object] = {"network": {"existing": existing}}
        if domain:
            vpcs: list[Value] = [{"vpcId": vpc, "vpcRegion": region}]
            found["ingress"] = {"zone": ground.make("route53", "Zone", name=domain, vpcs=vpcs)}
        if key:
            found["protection"] = {"key": ground.key()}
    except (ProviderError, ValueError) as error:
        message = error.message if isinstance(error, ProviderError) else str(error)
        raise UsageError(message, hint="say another --cidr or --region", code="no_network") from error
    return found
