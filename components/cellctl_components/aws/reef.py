"""Reef: shared capacity on AWS: a network, database hosts and gateways on which cells are placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pulumi
from pulumi_aws import route53

from cellctl_components.aws import firewall
from cellctl_components.aws.alarms import Alarms
from cellctl_components.aws.existing_network import ExistingNetwork, ExistingNetworkArgs
from cellctl_components.aws.file_gateway_host import FileGatewayHost, FileGatewayHostArgs
from cellctl_components.aws.in_account import secret_arn
from cellctl_components.aws.ingress import AccessLogs
from cellctl_components.aws.layout import GatewayLayout, HostLayout
from cellctl_components.aws.native_backups import NativeBackupsArgs
from cellctl_components.aws.network import TIERS, Network, NetworkArgs
from cellctl_components.aws.options import child
from cellctl_components.aws.reef_balancers import ReefBalancers, ReefBalancersArgs
from cellctl_components.aws.reef_layout import ReefEntry, ReefGateway, ReefLayout
from cellctl_components.aws.sealing_key import sealing_key
from cellctl_components.aws.share_set import ShareSet, ShareSetArgs
from cellctl_components.aws.sql_server_host import (
    HostGroups,
    SqlServerHost,
    SqlServerHostArgs,
    backups_of,
    host_groups,
)
from cellctl_components.aws.watches import AlarmsArgs, OwnMetrics
from cellctl_components.aws.watching.watcher import Watcher, WatcherArgs, watch_role


@dataclass(frozen=True, kw_only=True)
class ReefArgs:
    """What a reef is made of; as `CellArgs`, without nodes."""

    layout: ReefLayout
    account: str
    control: str
    gateway_image: pulumi.Input[str]
    operator: str = ""
    standing: bool = False
    logs: str = ""


class Reef(pulumi.ComponentResource):
    """A reef. It declares nothing of any cell: shares are born closed, and the members' group admits by being carried.

    Give providers `aws` and `cellctl` through `opts.providers`. `facts` are the stack's outputs: what the registry
    records. The parts called `place` are what `PlaceLayout` is made of.
    """

    def __init__(self, name: str, args: ReefArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:Reef", name, None, opts)
        self._name, self._args, self._layout = name, args, args.layout
        alias = args.layout.key_alias
        what = f"Data of {alias.removeprefix('alias/')}"
        site = args.layout.site
        self.key_arn: pulumi.Input[str] = (
            site.key
            if site and site.key
            else sealing_key(name, alias, what, args.account, args.layout.region, self).arn
        )
        self.network = self._network()
        self.zone = self._zone()
        groups = host_groups(f"{name}-sql", self._backup_args(), self.network.subnet_ids("data"), self)
        self.hosts = {host.identifier: self._host(number, host, groups) for number, host in _numbered(args.layout)}
        self.gateways = {gateway.label: self._gateway(gateway) for gateway in args.layout.gateways}
        self.shares = {gateway.label: self._shares(gateway) for gateway in args.layout.gateways}
        self.balancers = self._balancers(args.layout.entry) if args.layout.entry else None
        self.watcher = self._watcher()
        self.alarms = self._alarms()
        self.facts: Mapping[str, pulumi.Input[object]] = self._facts()
        self.register_outputs({"vpcId": self.network.vpc_id})

    def _network(self) -> Network | ExistingNetwork:
        layout = self._layout
        if layout.site and layout.site.network:
            return ExistingNetwork(
                f"{self._name}-network",
                ExistingNetworkArgs(
                    layout=layout.network,
                    site=layout.site,
                    region=layout.region,
                    owner=layout.cell,
                    groups=firewall.reef_groups(layout),
                    rules=firewall.reef_rules(layout, control=self._args.control, standing=self._args.standing),
                ),
                opts=child(self),
            )
        return Network(
            f"{self._name}-network",
            NetworkArgs(
                layout=layout.network,
                region=layout.region,
                account=self._args.account,
                rules=firewall.reef_rules(layout, control=self._args.control, standing=self._args.standing),
                key_arn=self.key_arn,
                groups=firewall.reef_groups(layout),
            ),
            opts=child(self),
        )

    def _zone(self) -> route53.Zone:
        return route53.Zone(
            f"{self._name}-zone",
            name=self._layout.zone,
            comment="Names of one reef's gateways",
            vpcs=[route53.ZoneVpcArgs(vpc_id=self.network.vpc_id)],
            force_destroy=False,
            opts=child(self),
        )

    def _backup_args(self) -> NativeBackupsArgs:
        layout, args = self._layout, self._args
        return NativeBackupsArgs(
            hosts=layout.hosts,
            region=layout.region,
            account=args.account,
            key_arn=self.key_arn,
            operator=args.operator,
            protected=layout.protected,
        )

    def _host(self, number: int, host: HostLayout, groups: HostGroups) -> SqlServerHost:
        layout = self._layout
        return SqlServerHost(
            f"{self._name}-sql-{number}",
            SqlServerHostArgs(
                layout=host,
                region=layout.region,
                account=self._args.account,
                subnet_ids=self.network.subnet_ids("data"),
                security_group_id=self.network.groups["database"].id,
                key_arn=self.key_arn,
                log_days=layout.network.log_days,
                protected=layout.protected,
                groups=groups,
            ),
            opts=child(self),
        )

    def _gateway(self, gateway: ReefGateway) -> FileGatewayHost:
        layout, network, host = self._layout, self.network, gateway.host
        return FileGatewayHost(
            f"{self._name}-{gateway.label}",
            FileGatewayHostArgs(
                layout=host,
                region=layout.region,
                zone_name=next(zone.name for zone in layout.network.zones if zone.letter == host.zone),
                subnet_id=network.node_subnet(host.zone),
                security_group_id=network.groups["gateway"].id,
                image=self._args.gateway_image,
                key_arn=self.key_arn,
                endpoint=network.storage_endpoint,
                zone_id=self.zone.zone_id,
                tags=layout.tags,
                log_days=layout.network.log_days,
                protected=layout.protected,
                join_secret=self._join_secret(host),
                opens_to="" if self._args.standing else self._args.control,
                # The appliance reaches its service before it is activated.
                after=[*network.rules.values(), *network.ways_to_storage],
            ),
            opts=child(self),
        )

    def _join_secret(self, host: GatewayLayout) -> str | None:
        return secret_arn(host.domain.secret, self._layout.region, self._args.account) if host.domain else None

    def _shares(self, gateway: ReefGateway) -> ShareSet:
        return ShareSet(
            f"{self._name}-{gateway.label}-shares",
            ShareSetArgs(
                shares=gateway.shares,
                protocol=gateway.host.protocol,
                role_name=gateway.host.role,
                region=self._layout.region,
                account=self._args.account,
                gateway_arn=self.gateways[gateway.label].gateway_arn,
                key_arn=self.key_arn,
                clients=(),
                in_domain=gateway.host.domain is not None,
                protected=self._layout.protected,
                operator=self._args.operator,
            ),
            opts=child(self),
        )

    def _balancers(self, entry: ReefEntry) -> ReefBalancers:
        network = self.network
        return ReefBalancers(
            f"{self._name}-ingress",
            ReefBalancersArgs(
                layout=entry,
                zone=self._layout.zone,
                subnet_ids=network.subnet_ids("ingress" if entry.internal else "public"),
                groups={"web": network.groups["web"].id, "polling": network.groups["polling"].id},
                protected=self._layout.protected,
                logs=AccessLogs.at(self._args.logs, self._layout.region, self._layout.cell),
            ),
            opts=child(self),
        )

    def _alarms(self) -> Alarms:
        layout = self._layout
        return Alarms(
            f"{self._name}-alarms",
            AlarmsArgs(
                layout=layout.alarms,
                key_arn=self.key_arn,
                databases={
                    f"sql-{number}": (self.hosts[host.identifier].instance.identifier, host.storage_gib)
                    for number, host in _numbered(layout)
                },
                gateways={one.label: (self.gateways[one.label].gateway_id, one.host.name) for one in layout.gateways},
                instances={one.label: self.gateways[one.label].instance.id for one in layout.gateways},
                region=layout.region,
                own=OwnMetrics(
                    namespace=layout.watch.namespace,
                    clock=self.watcher.clock,
                    databases={f"sql-{number}": host.identifier for number, host in _numbered(layout)},
                    gateways={one.label: self.gateways[one.label].gateway_id for one in layout.gateways},
                ),
            ),
            opts=child(self),
        )

    def _watcher(self) -> Watcher:
        layout, account = self._layout, self._args.account
        name = f"{self._name}-watch"
        return Watcher(
            name,
            WatcherArgs(
                layout=layout.watch,
                region=layout.region,
                account=account,
                key_arn=self.key_arn,
                runs_as=watch_role(name, layout.watch, layout.region, account, self),
                databases=[host.identifier for host in layout.hosts],
                gateways=[self.gateways[one.label].gateway_arn for one in layout.gateways],
                after=[host.instance for host in self.hosts.values()],
            ),
            opts=child(self),
        )

    def _facts(self) -> dict[str, pulumi.Input[object]]:
        layout, network = self._layout, self.network
        subnets, zones = self._subnets()
        # One way to the shares is open to cellctl, to try one; that they admit nobody else is what their gates prove.
        closed = [
            {"host": one.host.address, "port": 445 if one.host.protocol == "nfs" else 2049} for one in layout.gateways
        ]
        place = {
            "reef": layout.reef,
            "network": network.vpc_id,
            "cidr": layout.network.cidr,
            "subnets": subnets,
            "members": network.groups["members"].id,
            **({"zones": zones} if zones else {}),
        }
        return {
            "place": place,
            "maxCells": layout.max_cells,
            "hosts": [self._host_facts(host) for host in layout.hosts],
            "databaseBackups": backups_of(next(iter(self.hosts.values())), layout.region),
            "gateways": [self._gateway_facts(number, gateway) for number, gateway in enumerate(layout.gateways)],
            **({"balancers": self.balancers.facts()} if self.balancers else {}),
            "entries": {"closed": closed},
            "alarmTopic": self.alarms.topic_arn,
        }

    def _subnets(self) -> tuple[dict[str, dict[str, pulumi.Input[str]]], list[dict[str, str]]]:
        """Return ids by tier and letter; of a network that was there, also the reef's own block in each zone."""
        layout, network = self._layout.network, self.network
        if isinstance(network, Network):
            made: dict[str, dict[str, pulumi.Input[str]]] = {
                tier: {zone.letter: network.subnets[tier, zone.letter].id for zone in layout.zones} for tier in TIERS
            }
            return made, []
        assert self._layout.site is not None
        there: dict[str, dict[str, pulumi.Input[str]]] = {
            tier: {**ids} for tier, ids in self._layout.site.subnets.items()
        }
        return {**there, "public": there["ingress"]}, [asdict(zone) for zone in layout.zones]

    def _host_facts(self, host: HostLayout) -> dict[str, pulumi.Input[object]]:
        made = self.hosts[host.identifier]
        place = {
            "host": host.identifier,
            "server": made.address,
            "administrator_secret": made.administrator_secret,
        }
        return {
            "name": host.identifier,
            "kind": "rds",
            "size": host.instance_class,
            "haMode": "always_on" if host.multi_zone else "single",
            "endpoint": made.address,
            "port": host.port,
            "region": self._layout.region,
            "login": host.administrator,
            "passwordSecret": made.administrator_secret,
            "place": place,
        }

    def _gateway_facts(self, number: int, gateway: ReefGateway) -> dict[str, pulumi.Input[object]]:
        made, shares, host = self.gateways[gateway.label], self.shares[gateway.label], gateway.host
        place = {
            "gateway": host.host,
            "gateway_name": host.name,
            "gateway_id": made.gateway_id,
            "writer": shares.role.arn,
            "number": number * len(gateway.shares),
        }
        return {
            "name": host.name,
            "kind": "storage_gateway",
            "protocol": host.protocol,
            "zone": host.zone,
            "host": host.host,
            "address": host.address,
            "arn": made.gateway_arn,
            "instance": made.instance.id,
            "region": self._layout.region,
            "writer": shares.role.arn,
            "control": self._args.control,
            **({"joinSecret": self._join_secret(host)} if host.domain else {}),
            "place": place,
            "shares": [
                {"name": share.name, "arn": shares.shares[share.name].arn, "bucket": share.bucket}
                for share in gateway.shares
            ],
        }


def _numbered(layout: ReefLayout) -> list[tuple[int, HostLayout]]:
    return list(enumerate(layout.hosts, start=1))
