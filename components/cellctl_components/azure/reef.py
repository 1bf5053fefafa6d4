"""Reef: shared capacity on Azure: a network and database hosts on which cells are placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import resources

from cellctl_components.azure import facts
from cellctl_components.azure.diagnostics import log_workspace
from cellctl_components.azure.existing_network import ExistingNetwork
from cellctl_components.azure.network import Network, NetworkArgs
from cellctl_components.azure.place import Place, named, stateful
from cellctl_components.azure.reef_alarms import ReefAlarms, ReefAlarmsArgs
from cellctl_components.azure.reef_layout import PoolLayout, ReefLayout
from cellctl_components.azure.sealing import Sealing
from cellctl_components.azure.sql_pool import SqlPool, SqlPoolArgs
from cellctl_components.azure.sql_server import Administrators

LOG_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class ReefArgs:
    """What a reef is made of; as `CellArgs`, without nodes and secrets."""

    layout: ReefLayout
    subscription: str
    control: str
    administrators: Administrators
    directory_identity: str = ""
    private_zones: str = ""


class Reef(pulumi.ComponentResource):
    """A reef. It declares nothing of any cell, and no storage account: those are the cells' own.

    Give providers `azure-native` and `cellctl` through `opts.providers`. `facts` are the stack's outputs: what the
    registry records. The parts called `place` are what `PlaceLayout` is made of.
    """

    def __init__(self, name: str, args: ReefArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:Reef", name, None, opts)
        self._name, self._args, self._layout = name, args, args.layout
        self._inside = pulumi.ResourceOptions(parent=self)
        self.group = self._group()
        self._place = Place(
            resource_group=named(self.group, args.layout.resource_group),
            location=args.layout.region,
            subscription=args.subscription,
            tags=args.layout.tags,
            locked=args.layout.protected,
        )
        self.sealing = (
            Sealing(name, self._place, args.layout.sealing, args.layout.key, self) if args.layout.key else None
        )
        self.workspace = log_workspace(self, name, self._place, args.layout.workspace, days=LOG_DAYS)
        self.network = self._network()
        self.hosts = self._hosts()
        self.alarms = ReefAlarms(
            f"{name}-alarms",
            ReefAlarmsArgs(
                place=self._place,
                pools={label: host.pool.id for label, host in self.hosts.items()},
                nat_gateways={
                    subnet.zone: self.network.nat_gateways[subnet.name].id
                    for subnet in args.layout.network.node_subnets
                    if subnet.name in self.network.nat_gateways
                },
            ),
            self._inside,
        )
        self.facts: Mapping[str, pulumi.Input[object]] = self._facts()
        self.register_outputs({"networkId": self.network.network_id})

    def _group(self) -> resources.ResourceGroup:
        return resources.ResourceGroup(
            f"{self._name}-group",
            resource_group_name=self._layout.resource_group,
            location=self._layout.region,
            tags=self._layout.tags,
            opts=stateful(self),
        )

    def _network(self) -> Network | ExistingNetwork:
        """Declare the network. Any cell may come with a queue, gRPC or a gateway: all is ready for them."""
        args = NetworkArgs(
            place=self._place,
            layout=self._layout.network,
            allow=self._layout.allow,
            control=self._args.control,
            queue_port=facts.queue()[1],
            grpc=True,
            mixed=True,
            public=not self._layout.internal,
            private_zones=self._args.private_zones,
        )
        if self._layout.site is not None:
            return ExistingNetwork(f"{self._name}-network", args, self._layout.site, self._inside)
        return Network(f"{self._name}-network", args, self._inside)

    def _hosts(self) -> dict[str, SqlPool]:
        """Declare the hosts, each endpoint after the one before: two at once in one subnet are refused."""
        made: dict[str, SqlPool] = {}
        before: pulumi.Resource | None = None
        for host in self._layout.hosts:
            args = SqlPoolArgs(
                place=self._place,
                layout=host,
                administrators=self._args.administrators,
                directory_identity=self._args.directory_identity or None,
                endpoint=self.network.endpoint("sqlServer", after=before),
                workspace=self.workspace.id,
                sealing=self.sealing,
            )
            made[host.label] = SqlPool(f"{self._name}-{host.label}", args, self._inside)
            before = made[host.label].endpoint.endpoint
        return made

    def _facts(self) -> dict[str, pulumi.Input[object]]:
        layout, network, site = self._layout, self.network, self._layout.site
        place: dict[str, pulumi.Input[object]] = {
            "reef": layout.reef,
            "resource_group": layout.resource_group,
            "network": network.network_id,
            "cidr": layout.network.cidr,
            "zones": {group: linked.zone_id for group, linked in network.zones.items()}
            | dict(site.zones if site else {}),
            **({"gateways": layout.network.gateway_cidr} if layout.network.gateway_cidr else {}),
            **({"subnets": dict(site.subnets), "ranges": dict(site.ranges)} if site else {}),
            "allow": list(layout.allow),
            "internal": layout.internal,
        }
        return {
            "place": place,
            "maxCells": layout.max_cells,
            "hosts": [self._host_facts(host) for host in layout.hosts],
            "gateways": [],
            "alarmGroup": self.alarms.group.id,
            "resourceGroup": layout.resource_group,
        }

    def _host_facts(self, host: PoolLayout) -> dict[str, pulumi.Input[object]]:
        made, name = self.hosts[host.label], f"{self._name}-{host.label}"
        return {
            "name": name,
            "kind": "azure_sql",
            "size": host.size,
            "haMode": host.mode,
            "endpoint": made.host,
            "port": 1433,
            "region": self._layout.region,
            "place": {
                "host": name,
                "server": made.host,
                "pool": made.pool.id,
                "number": host.first,
                **({"passwords": True} if host.passwords else {}),
            },
        }
