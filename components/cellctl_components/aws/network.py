"""Network: the cell's own VPC, its subnets in every zone, ways out, endpoints, and who may talk to whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import cloudwatch, ec2, iam

from cellctl_components.aws import policies, security_groups
from cellctl_components.aws.firewall import ANYWHERE, GROUPS, S3, Group, Rule
from cellctl_components.aws.layout import NetworkLayout, Zone
from cellctl_components.aws.options import child

TIERS = ("public", "ingress", "nodes", "data")


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What a Network is made of: `groups` and `rules` are those of `firewall`; `key_arn` seals the flow logs.

    `before` is what must outlive a group.
    """

    layout: NetworkLayout
    region: str
    account: str
    rules: Sequence[Rule]
    key_arn: pulumi.Input[str]
    groups: Sequence[Group] = GROUPS
    before: Mapping[Group, Sequence[pulumi.Resource]] = field(default_factory=dict)


class Network(pulumi.ComponentResource):
    """A VPC over two or three zones.

    `subnets` are by tier and letter (`("nodes", "a")`), `groups` by name; `storage_endpoint` is the DNS name through
    which the gateway reaches its service, with private DNS off, as the service demands. `ways_out` are what nodes and
    the gateway need before they boot, and as long as they live: their subnets' tables and the routes in them.
    `ways_to_storage` are what the gateway needs besides.
    """

    vpc_id: pulumi.Output[str]
    storage_endpoint: pulumi.Output[str]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:Network", name, None, opts)
        self._name, self._args, self._layout = name, args, args.layout
        self.vpc = self._vpc()
        self.vpc_id = self.vpc.id
        self.subnets = {(tier, zone.letter): self._subnet(tier, zone) for zone in self._layout.zones for tier in TIERS}
        self.ways_out: list[pulumi.Resource] = []
        self._route_public()
        self._private_tables = self._route_private()
        self.groups = security_groups.declare(
            self, name, self._layout.name, self.vpc_id, args.groups, before=args.before
        )
        self.s3_endpoint = self._s3_endpoint()
        lists = {S3: self.s3_endpoint.prefix_list_id}
        self.rules = security_groups.admit(self, name, self.groups, args.rules, lists)
        self._storage_endpoint = self._gateway_endpoint()
        self.storage_endpoint = self._storage_endpoint.dns_entries[0].dns_name
        self.ways_to_storage: list[pulumi.Resource] = [self.s3_endpoint, *self.ways_out]
        self._flow_log()
        self.register_outputs({"vpcId": self.vpc_id, "storageEndpoint": self.storage_endpoint})

    def subnet_ids(self, tier: str) -> Sequence[pulumi.Input[str]]:
        """Return the ids of a tier's subnets, one for each zone."""
        return [self.subnets[tier, zone.letter].id for zone in self._layout.zones]

    def node_subnet(self, letter: str) -> pulumi.Input[str]:
        """Return the id of the nodes' subnet in a zone."""
        return self.subnets["nodes", letter].id

    def _vpc(self) -> ec2.Vpc:
        network = ec2.Vpc(
            f"{self._name}-vpc",
            cidr_block=self._layout.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": self._layout.name},
            opts=child(self),
        )
        # The group every VPC is born with is emptied, so that nothing works by accident.
        ec2.DefaultSecurityGroup(f"{self._name}-default-group", vpc_id=network.id, opts=child(self))
        return network

    def _subnet(self, tier: str, zone: Zone) -> ec2.Subnet:
        return ec2.Subnet(
            f"{self._name}-{tier}-{zone.letter}",
            vpc_id=self.vpc.id,
            availability_zone=zone.name,
            cidr_block=str(getattr(zone, tier)),
            map_public_ip_on_launch=False,
            tags={"Name": f"{self._layout.name}-{tier}-{zone.letter}"},
            opts=child(self),
        )

    def _table(self, label: str) -> ec2.RouteTable:
        return ec2.RouteTable(
            f"{self._name}-{label}",
            vpc_id=self.vpc.id,
            tags={"Name": f"{self._layout.name}-{label}"},
            opts=child(self),
        )

    def _associate(self, tier: str, letter: str, table: ec2.RouteTable) -> ec2.RouteTableAssociation:
        return ec2.RouteTableAssociation(
            f"{self._name}-{tier}-{letter}",
            subnet_id=self.subnets[tier, letter].id,
            route_table_id=table.id,
            opts=child(self),
        )

    def _route_public(self) -> None:
        gateway = ec2.InternetGateway(
            f"{self._name}-internet", vpc_id=self.vpc.id, tags={"Name": self._layout.name}, opts=child(self)
        )
        table = self._table("public")
        route = ec2.Route(
            f"{self._name}-public-internet",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=gateway.id,
            opts=child(self),
        )
        ways = {zone.letter: self._associate("public", zone.letter, table) for zone in self._layout.zones}
        self._nats = {letter: self._nat(letter, gateway, route, ways[letter]) for letter in self._layout.nat_zones}

    def _nat(self, letter: str, internet: ec2.InternetGateway, *ways: pulumi.Resource) -> ec2.NatGateway:
        address = ec2.Eip(
            f"{self._name}-nat-{letter}",
            domain="vpc",
            tags={"Name": f"{self._layout.name}-nat-{letter}"},
            opts=child(self, internet),
        )
        return ec2.NatGateway(
            f"{self._name}-nat-{letter}",
            allocation_id=address.allocation_id,
            subnet_id=self.subnets["public", letter].id,
            tags={"Name": f"{self._layout.name}-{letter}"},
            opts=child(self, internet, *ways),
        )

    def _route_private(self) -> list[ec2.RouteTable]:
        """One table for each zone: its own NAT gateway, or the only one. The database's subnets have no way out."""
        tables = []
        for zone in self._layout.zones:
            table = self._table(f"private-{zone.letter}")
            nat = self._nats.get(zone.letter) or self._nats[self._layout.nat_zones[0]]
            self._associate("ingress", zone.letter, table)
            self.ways_out += [
                self._way_out(zone.letter, table, nat),
                self._associate("nodes", zone.letter, table),
            ]
            tables.append(table)
        closed = self._table("data")
        for zone in self._layout.zones:
            self._associate("data", zone.letter, closed)
        return [*tables, closed]

    def _way_out(self, letter: str, table: ec2.RouteTable, nat: ec2.NatGateway) -> ec2.Route:
        return ec2.Route(
            f"{self._name}-private-{letter}-nat",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            nat_gateway_id=nat.id,
            opts=child(self),
        )

    def _s3_endpoint(self) -> ec2.VpcEndpoint:
        return ec2.VpcEndpoint(
            f"{self._name}-s3",
            vpc_id=self.vpc.id,
            service_name=f"com.amazonaws.{self._args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in self._private_tables],
            tags={"Name": f"{self._layout.name}-s3"},
            opts=child(self),
        )

    def _gateway_endpoint(self) -> ec2.VpcEndpoint:
        return ec2.VpcEndpoint(
            f"{self._name}-storagegateway",
            vpc_id=self.vpc.id,
            service_name=f"com.amazonaws.{self._args.region}.storagegateway",
            vpc_endpoint_type="Interface",
            subnet_ids=self.subnet_ids("ingress"),
            security_group_ids=[self.groups["endpoints"].id],
            private_dns_enabled=False,
            tags={"Name": f"{self._layout.name}-storagegateway"},
            opts=child(self),
        )

    def _flow_log(self) -> None:
        group = cloudwatch.LogGroup(
            f"{self._name}-flow-logs",
            name=self._layout.flow_log_group,
            retention_in_days=self._layout.log_days,
            kms_key_id=self._args.key_arn,
            opts=child(self),
        )
        role = iam.Role(
            f"{self._name}-flow-logs",
            name=self._layout.flow_log_role,
            path="/cells/",
            assume_role_policy=policies.trust("vpc-flow-logs.amazonaws.com", account=self._args.account),
            force_detach_policies=True,
            opts=child(self),
        )
        permission = iam.RolePolicy(
            f"{self._name}-flow-logs",
            name="write-flow-logs",
            role=role.id,
            policy=group.arn.apply(policies.write_logs),
            opts=child(self),
        )
        ec2.FlowLog(
            f"{self._name}-flow-logs",
            vpc_id=self.vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=600,
            opts=child(self, permission),
        )
