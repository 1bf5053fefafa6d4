"""ExistingNetwork: a cell or reef in a network that was there before. It owns there what it alone needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import ec2

from cellctl_components.aws import security_groups
from cellctl_components.aws.firewall import S3, Group, Rule
from cellctl_components.aws.layout import NetworkLayout, SiteLayout, Zone
from cellctl_components.aws.options import child


@dataclass(frozen=True, kw_only=True)
class ExistingNetworkArgs:
    """What it is made of. `groups` and `rules` are those of `firewall`; `owner` names the stack.

    `before` is what must outlive a group.
    """

    layout: NetworkLayout
    site: SiteLayout
    region: str
    owner: str
    groups: Sequence[Group]
    rules: Sequence[Rule]
    before: Mapping[Group, Sequence[pulumi.Resource]] = field(default_factory=dict)


class ExistingNetwork(pulumi.ComponentResource):
    """What `Network` says, of a VPC that others own: no VPC, subnet, route or endpoint of theirs is declared.

    Its own are its security groups, a block of addresses in each zone's subnet that AWS gives to nobody else, and,
    unless the file names one, an endpoint of Storage Gateway: another cell's would go with that cell. `ways_out` are
    the blocks: machines with fixed addresses come after them.
    """

    vpc_id: pulumi.Input[str]
    storage_endpoint: pulumi.Input[str]

    def __init__(self, name: str, args: ExistingNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:Network", name, None, opts)
        self._name, self._args, self._layout, self._site = name, args, args.layout, args.site
        self.vpc_id = args.site.network
        self.groups = security_groups.declare(
            self, name, args.layout.name, self.vpc_id, args.groups, before=args.before
        )
        self.rules = security_groups.admit(self, name, self.groups, args.rules, {S3: args.site.storage})
        self._blocks = {zone.letter: self._block(zone) for zone in self._layout.zones}
        self.ways_out: list[pulumi.Resource] = [*self._blocks.values()]
        self.ways_to_storage = self.ways_out
        self.storage_endpoint = args.site.endpoint or self._endpoint().dns_entries[0].dns_name
        self.register_outputs({"vpcId": self.vpc_id})

    def subnet_ids(self, tier: str) -> Sequence[pulumi.Input[str]]:
        """Return the ids of a tier's subnets, one for each of its zones."""
        ids = self._site.subnets["ingress" if tier == "public" else tier]
        return [ids[letter] for letter in sorted(ids)]

    def node_subnet(self, letter: str) -> pulumi.Input[str]:
        """Return the id of the nodes' subnet in a zone, once the stack's addresses in it are its own."""
        return self._blocks[letter].subnet_id

    def _block(self, zone: Zone) -> ec2.SubnetCidrReservation:
        return ec2.SubnetCidrReservation(
            f"{self._name}-nodes-{zone.letter}",
            subnet_id=self._site.subnets["nodes"][zone.letter],
            cidr_block=zone.nodes,
            reservation_type="explicit",
            # Whose it is: a look-up after a run that was killed finds it again by this.
            description=self._args.owner,
            opts=child(self),
        )

    def _endpoint(self) -> ec2.VpcEndpoint:
        return ec2.VpcEndpoint(
            f"{self._name}-storagegateway",
            vpc_id=self.vpc_id,
            service_name=f"com.amazonaws.{self._args.region}.storagegateway",
            vpc_endpoint_type="Interface",
            subnet_ids=self.subnet_ids("ingress"),
            security_group_ids=[self.groups["endpoints"].id],
            private_dns_enabled=False,
            tags={"Name": f"{self._layout.name}-storagegateway"},
            opts=child(self),
        )
