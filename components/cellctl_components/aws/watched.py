"""What of a cell is watched: which of its parts have alarms, and what its watcher looks at."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from cellctl_components.aws.existing_network import ExistingNetwork
from cellctl_components.aws.file_gateway_host import FileGatewayHost
from cellctl_components.aws.ingress import Ingress
from cellctl_components.aws.joined_network import JoinedNetwork
from cellctl_components.aws.layout import WEB_PORT, AwsLayout
from cellctl_components.aws.network import Network
from cellctl_components.aws.nodes import Nodes
from cellctl_components.aws.polling_queue import PollingQueue
from cellctl_components.aws.watches import AlarmsArgs, EntryWatched, OwnMetrics
from cellctl_components.aws.watching.watcher import Watcher, WatcherArgs, WatchRole


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The parts of a cell. On a reef it has neither database `host` nor `gateway`, and most cells have no `queue`."""

    layout: AwsLayout
    account: str
    key_arn: pulumi.Input[str]
    runs_as: WatchRole
    network: Network | ExistingNetwork | JoinedNetwork
    ingress: Ingress
    nodes: Nodes
    database: pulumi.Input[str] | None
    gateway: FileGatewayHost | None
    queue: PollingQueue | None

    def looks(self) -> WatcherArgs:
        """Return what the watcher looks at. It begins when Octopus has the key it asks with."""
        layout, administrator = self.layout, self.nodes.cluster.administrator
        return WatcherArgs(
            layout=layout.watch,
            region=layout.region,
            account=self.account,
            key_arn=self.key_arn,
            runs_as=self.runs_as,
            databases=[] if self.database is None else [layout.database.identifier],
            gateways=[] if self.gateway is None else [self.gateway.gateway_arn],
            nodes=[f"{node.address}:{WEB_PORT}" for node in layout.nodes.items],
            api_key_secret=administrator.api_key_secret,
            subnet_ids=self.network.subnet_ids(layout.watch.tier)[:2],
            security_group_id=self.network.groups["watch"].id,
            after=[administrator],
        )

    def alarms(self, watcher: Watcher) -> AlarmsArgs:
        """Return what has alarms."""
        layout, ingress, gateway, queue = self.layout, self.ingress, self.gateway, self.queue
        database = {} if self.database is None else {"sql": (self.database, layout.database.storage_gib)}
        nodes = {f"node-{key}": instance.id for key, instance in self.nodes.instances.items()}
        return AlarmsArgs(
            layout=layout.alarms,
            key_arn=self.key_arn,
            databases=database,
            gateways={"gateway": (gateway.gateway_id, layout.gateway.name)} if gateway else {},
            instances={**({"gateway": gateway.instance.id} if gateway else {}), **nodes},
            region=layout.region,
            entry=EntryWatched(
                balancer=ingress.web.suffix,
                web_target=ingress.web_target.arn_suffix,
                polling_balancer=ingress.polling.suffix,
                shared=layout.entry is not None,
                polling_targets={key: target.arn_suffix for key, target in ingress.polling_groups.items()},
                certificate=ingress.certificate_arn,
            ),
            queues={"queue": queue.group.member_clusters} if queue else {},
            buckets=list(dict.fromkeys(share.bucket for share in layout.shares if share.kind)),
            own=OwnMetrics(
                namespace=layout.watch.namespace,
                clock=watcher.clock,
                databases=dict.fromkeys(database, layout.database.identifier),
                gateways={"gateway": gateway.gateway_id} if gateway else {},
                nodes=True,
            ),
        )
