"""JoinedNetwork: a cell in the network of its reef. It declares its own security groups there, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from cellctl_components.aws import security_groups
from cellctl_components.aws.firewall import Group, Rule
from cellctl_components.aws.layout import NetworkLayout, PlaceLayout


@dataclass(frozen=True, kw_only=True)
class JoinedNetworkArgs:
    """What a JoinedNetwork is made of. `groups` and `rules` are `firewall.groups(...)` and `firewall.rules(...)`.

    `before` is what must outlive a group.
    """

    layout: NetworkLayout
    place: PlaceLayout
    groups: Sequence[Group]
    rules: Sequence[Rule]
    before: Mapping[Group, Sequence[pulumi.Resource]] = field(default_factory=dict)


class JoinedNetwork(pulumi.ComponentResource):
    """The part of a reef's network that is one cell's: what `Network` says of it, without owning it.

    No rule of a shared group is touched: nodes carry the reef's group of members besides their own.
    """

    def __init__(self, name: str, args: JoinedNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:Network", name, None, opts)
        self._place, self._layout = args.place, args.layout
        self.vpc_id: pulumi.Input[str] = args.place.network
        self.groups = security_groups.declare(
            self, name, args.layout.name, args.place.network, args.groups, before=args.before
        )
        entry = args.place.entry
        shared = {"web": entry.web_group, "polling": entry.polling_group} if entry else None
        self.rules = security_groups.admit(self, name, self.groups, args.rules, {}, others=shared)
        self.ways_out: list[pulumi.Resource] = []
        self.register_outputs({"vpcId": self.vpc_id})

    def subnet_ids(self, tier: str) -> Sequence[pulumi.Input[str]]:
        """Return the ids of a tier's subnets, one for each zone."""
        return [self._place.subnets[tier][zone.letter] for zone in self._layout.zones]

    def node_subnet(self, letter: str) -> pulumi.Input[str]:
        """Return the id of the nodes' subnet in a zone."""
        return self._place.subnets["nodes"][letter]
