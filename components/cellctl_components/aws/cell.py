"""Cell: one customer's highly available Octopus Server on AWS: all of it its own, or placed on a reef."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from cellctl_components import resources as cellctl
from cellctl_components.aws import answering, firewall
from cellctl_components.aws.alarms import Alarms
from cellctl_components.aws.bootstrap import Boot
from cellctl_components.aws.existing_network import ExistingNetwork, ExistingNetworkArgs
from cellctl_components.aws.file_gateway_host import FileGatewayHost, FileGatewayHostArgs
from cellctl_components.aws.in_account import secret_arn
from cellctl_components.aws.ingress import AccessLogs, Ingress, IngressArgs
from cellctl_components.aws.joined_network import JoinedNetwork, JoinedNetworkArgs
from cellctl_components.aws.layout import AwsLayout, PlaceLayout, QueueLayout, SiteLayout
from cellctl_components.aws.network import Network, NetworkArgs
from cellctl_components.aws.nodes import NodeReferences, Nodes, NodesArgs
from cellctl_components.aws.options import child, stateful
from cellctl_components.aws.placed_files import PlacedFiles, PlacedFilesArgs
from cellctl_components.aws.polling_queue import PollingQueue, PollingQueueArgs
from cellctl_components.aws.queue_members import QueueMembersArgs, queue_members
from cellctl_components.aws.secrets import Secrets, SecretsArgs
from cellctl_components.aws.share_set import ShareSet, ShareSetArgs
from cellctl_components.aws.sql_server_host import SqlServerHost, SqlServerHostArgs, backups_of
from cellctl_components.aws.watched import Watched
from cellctl_components.aws.watching.watcher import Watcher, watch_role


@dataclass(frozen=True, kw_only=True)
class CellArgs:
    """What a cell is made of.

    `account` is the account's id, `control` the range where cellctl runs, `operator` the ARN of the role with which it
    works, empty if its buckets need not know. `gateway_image` and `node_image` are AMI ids; the first ones a cell sees
    stay, until an operation replaces the machine. With `standing` a rule for a gateway's port 80 stays, as once.
    """

    layout: AwsLayout
    account: str
    control: str
    gateway_image: pulumi.Input[str]
    node_image: pulumi.Input[str]
    operator: str = ""
    standing: bool = False
    logs: str = ""


@dataclass(frozen=True, kw_only=True)
class _Sql:
    """Where the cell's database goes, and what must exist before it can be made there."""

    address: pulumi.Input[str]
    administrator_secret: pulumi.Input[str]
    after: Sequence[pulumi.Resource]
    host: SqlServerHost | None = None


@dataclass(frozen=True, kw_only=True)
class _Files:
    """Where the cell's files go. `ready` are there before a node mounts them."""

    gateway_id: pulumi.Input[str]
    writer: pulumi.Input[str]
    ready: Sequence[pulumi.Resource]
    host: FileGatewayHost | None = None


class Cell(pulumi.ComponentResource):
    """A cell. Order: key and secrets, network, database host and gateway side by side, then shares, database, nodes.

    On a reef it declares neither network nor host nor gateway: its database, its client list and its nodes alone.

    Give providers `aws` and `cellctl` through `opts.providers`. `facts` are the stack's outputs: what people and
    `cellctl verify` need, never a secret.
    """

    def __init__(self, name: str, args: CellArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:Cell", name, None, opts)
        self._name, self._args, self._layout = name, args, args.layout
        self.secrets = self._secrets()
        self._watches_as = watch_role(f"{name}-watch", args.layout.watch, args.layout.region, args.account, self)
        self.network = self._network()
        self.ingress = self._ingress()
        self._sql = self._sql_of(args.layout.place) if args.layout.place else self._sql_server()
        self._files = self._files_of(args.layout.place) if args.layout.place else self._gateway()
        self.database = self._database()
        self.queue = self._queue(args.layout.queue) if args.layout.queue else None
        self.nodes = self._nodes()
        if self.queue:
            told = QueueMembersArgs.of(args.layout, self.nodes, self.queue, self._files.gateway_id, self._files.ready)
            queue_members(f"{name}-queue", told, self)
        watched = self._watched()
        self.watcher = Watcher(f"{name}-watch", watched.looks(), opts=child(self))
        self.alarms = Alarms(f"{name}-alarms", watched.alarms(self.watcher), opts=child(self))
        self.facts: Mapping[str, pulumi.Input[object]] = self._facts()
        self.register_outputs({"url": self.facts["url"]})

    def _secrets(self) -> Secrets:
        layout = self._layout
        return Secrets(
            f"{self._name}-secrets",
            SecretsArgs(
                layout=layout.secrets,
                region=layout.region,
                account=self._args.account,
                guest=layout.gateway.protocol == "smb" and layout.directory is None,
                protected=layout.protected,
                key_arn=layout.site.key if layout.site else "",
            ),
            opts=child(self),
        )

    def _network(self) -> Network | ExistingNetwork | JoinedNetwork:
        layout = self._layout
        if layout.place:
            return self._joined(layout.place)
        if layout.site and layout.site.network:
            return self._existing(layout.site)
        return Network(
            f"{self._name}-network",
            NetworkArgs(
                layout=layout.network,
                region=layout.region,
                account=self._args.account,
                groups=firewall.groups(layout),
                rules=self._rules(),
                before=self._watches_as.before,
                key_arn=self.secrets.key_arn,
            ),
            opts=child(self),
        )

    def _joined(self, place: PlaceLayout) -> JoinedNetwork:
        layout, groups = self._layout.network, firewall.groups(self._layout)
        args = JoinedNetworkArgs(
            layout=layout, place=place, groups=groups, rules=self._rules(), before=self._watches_as.before
        )
        return JoinedNetwork(f"{self._name}-network", args, opts=child(self))

    def _rules(self) -> tuple[firewall.Rule, ...]:
        return firewall.rules(self._layout, control=self._args.control, standing=self._args.standing)

    def _existing(self, site: SiteLayout) -> ExistingNetwork:
        layout = self._layout
        return ExistingNetwork(
            f"{self._name}-network",
            ExistingNetworkArgs(
                layout=layout.network,
                site=site,
                region=layout.region,
                owner=f"cell-{layout.cell}",
                groups=firewall.groups(layout),
                rules=self._rules(),
                before=self._watches_as.before,
            ),
            opts=child(self),
        )

    def _ingress(self) -> Ingress:
        layout, network, entry = self._layout, self.network, self._layout.entry
        return Ingress(
            f"{self._name}-ingress",
            IngressArgs(
                layout=layout.ingress,
                nodes=layout.nodes.items,
                vpc_id=network.vpc_id,
                subnet_ids=network.subnet_ids("ingress" if layout.ingress.internal else "public"),
                web_group_id=entry.web_group if entry else network.groups["web"].id,
                polling_group_id=entry.polling_group if entry else network.groups["polling"].id,
                grpc_port=layout.grpc_port,
                entry=entry,
                zone_id=layout.site.zone if layout.site else "",
                associate=bool(layout.site and layout.site.associate),
                logs=AccessLogs.at(self._args.logs, layout.region, f"cell-{layout.cell}"),
            ),
            opts=child(self),
        )

    def _sql_of(self, place: PlaceLayout) -> _Sql:
        return _Sql(address=place.server, administrator_secret=place.administrator_secret, after=())

    def _sql_server(self) -> _Sql:
        layout = self._layout
        label = next(rule.label for rule in firewall.database_rules(layout, control=self._args.control)[1:])
        host = SqlServerHost(
            f"{self._name}-sql",
            SqlServerHostArgs(
                layout=layout.database,
                region=layout.region,
                account=self._args.account,
                subnet_ids=self.network.subnet_ids("data"),
                security_group_id=self.network.groups["database"].id,
                key_arn=self.secrets.key_arn,
                log_days=layout.network.log_days,
                protected=layout.protected,
                operator=self._args.operator,
            ),
            opts=child(self),
        )
        after = [self.network.rules[label]]
        return _Sql(address=host.address, administrator_secret=host.administrator_secret, after=after, host=host)

    def _files_of(self, place: PlaceLayout) -> _Files:
        layout = self._layout
        files = PlacedFiles(
            f"{self._name}-shares",
            PlacedFilesArgs(
                place=place,
                protocol=layout.gateway.protocol,
                region=layout.region,
                clients=[node.address for node in layout.nodes.items],
                zone_id=self.ingress.zone_id,
                host=layout.gateway.host,
                users=layout.directory.users if layout.directory else None,
            ),
            opts=child(self),
        )
        return _Files(gateway_id=place.gateway_id, writer=place.writer, ready=[files.record, *files.access])

    def _gateway(self) -> _Files:
        layout, gateway, network = self._layout, self._layout.gateway, self.network
        assert not isinstance(network, JoinedNetwork)
        control, standing = self._args.control, self._args.standing
        own = firewall.gateway_rules(layout, control=control, standing=standing)
        ways = [network.rules[rule.label] for rule in own]  # the appliance reaches its service before it is activated
        host = FileGatewayHost(
            f"{self._name}-gateway",
            FileGatewayHostArgs(
                layout=gateway,
                region=layout.region,
                zone_name=next(zone.name for zone in layout.network.zones if zone.letter == gateway.zone),
                subnet_id=network.node_subnet(gateway.zone),
                security_group_id=network.groups["gateway"].id,
                image=self._args.gateway_image,
                key_arn=self.secrets.key_arn,
                endpoint=network.storage_endpoint,
                zone_id=self.ingress.zone_id,
                tags=layout.tags,
                guest_secret=guest.arn if (guest := self.secrets.guest_secret) else None,
                log_days=layout.network.log_days,
                protected=layout.protected,
                opens_to="" if standing else control,
                after=[*ways, *network.ways_to_storage],
            ),
            opts=child(self),
        )
        shares = self._shares(host)
        ready = [host.record, *shares.access.values()]
        return _Files(gateway_id=host.gateway_id, writer=shares.role.arn, ready=ready, host=host)

    def _shares(self, host: FileGatewayHost) -> ShareSet:
        layout = self._layout
        return ShareSet(
            f"{self._name}-shares",
            ShareSetArgs(
                shares=layout.shares,
                protocol=layout.gateway.protocol,
                role_name=layout.gateway.role,
                region=layout.region,
                account=self._args.account,
                gateway_arn=host.gateway_arn,
                key_arn=self.secrets.key_arn,
                clients=[node.address for node in layout.nodes.items],
                protected=layout.protected,
                operator=self._args.operator,
            ),
            opts=child(self),
        )

    def _database(self) -> cellctl.CellDatabase:
        layout, database = self._layout, self._layout.database
        return cellctl.CellDatabase(
            f"{self._name}-database",
            engine="rds",
            region=layout.region,
            server=self._sql.address,
            port=database.port,
            database=database.name,
            administrator=database.administrator,
            administrator_secret=self._sql.administrator_secret,
            login=database.login,
            login_secret=self.secrets.login_secret.arn,
            # Known only once the master key is in the secret store: no data before its key.
            master_key_fingerprint=self.secrets.master_key.fingerprint,
            accept_data_loss=not layout.protected,
            opts=stateful(self, *self._sql.after),
        )

    def _queue(self, layout: QueueLayout) -> PollingQueue:
        return PollingQueue(
            f"{self._name}-queue",
            PollingQueueArgs(
                layout=layout,
                subnet_ids=self.network.subnet_ids("data"),
                security_group_id=self.network.groups["queue"].id,
                key_arn=self.secrets.key_arn,
                recovery_days=self._layout.secrets.recovery_days,
            ),
            opts=child(self),
        )

    def _nodes(self) -> Nodes:
        layout, secrets, network = self._layout, self.secrets, self.network
        guest, queue = secrets.guest_secret, self.queue
        return Nodes(
            f"{self._name}-nodes",
            NodesArgs(
                layout=layout.nodes,
                boot=Boot.of(layout),
                references=NodeReferences(
                    server=self._sql.address,
                    login_secret=secrets.login_secret.arn,
                    key_secret=secrets.master_key.reference,
                    administrator_secret=secrets.administrator_secret.arn,
                    guest_secret=guest.arn if guest else "",
                    directory_secret=self._secret(layout.directory.secret) if layout.directory else "",
                    gateway_id=self._files.gateway_id,
                    queue=queue.address if queue else "",
                    queue_secret=queue.secret.arn if queue else "",
                ),
                subnet_ids={zone.letter: network.node_subnet(zone.letter) for zone in layout.network.zones},
                security_group_ids=[network.groups["nodes"].id, *([layout.place.members] if layout.place else [])],
                image=self._args.node_image,
                key_arn=secrets.key_arn,
                web_target=self.ingress.web_target.arn,
                polling_targets={key: target.arn for key, target in self.ingress.polling_targets.items()},
                api_key_secret=secrets.api_key_secret.arn,
                licence_secret=self._secret(layout.octopus.licence),
                grpc_target=self.ingress.grpc_target.arn if self.ingress.grpc_target else None,
                after=[
                    self.database,
                    secrets.administrator_password,
                    *self._files.ready,
                    *([queue.group, queue.token] if queue else []),
                    *network.ways_out,
                    *network.rules.values(),
                ],
            ),
            opts=child(self),
        )

    def _watched(self) -> Watched:
        host = self._sql.host
        return Watched(
            layout=self._layout,
            account=self._args.account,
            key_arn=self.secrets.key_arn,
            runs_as=self._watches_as,
            network=self.network,
            ingress=self.ingress,
            nodes=self.nodes,
            database=host.instance.identifier if host else None,
            gateway=self._files.host,
            queue=self.queue,
        )

    def _facts(self) -> dict[str, pulumi.Input[object]]:
        layout, host = self._layout, self._layout.ingress
        return {
            "url": f"https://{host.host}",
            "webAddress": self.ingress.web.dns_name,
            "nodes": answering.nodes(layout),
            # A balancer that faces the internet is not looked at: cellctl's public address need not be allowed there.
            "entries": answering.entries(layout) if host.internal else {},
            "pollAddresses": [f"https://{host.polling_host}:{port}" for port in answering.polling_ports(layout)],
            "pollingAddress": self.ingress.polling.dns_name,
            **({"grpcAddress": f"{host.polling_host}:{layout.grpc_port}"} if host.grpc_target else {}),
            "database": {
                **answering.database(layout),
                "server": self._sql.address,
                "passwordSecret": self.secrets.login_secret.arn,
                "haMode": self.database.ha_mode,
            },
            "administrator": {
                "username": layout.octopus.administrator,
                "passwordSecret": self.secrets.administrator_secret.arn,
            },
            "apiKeySecret": self.nodes.cluster.administrator.api_key_secret,
            "masterKeySecret": self.secrets.master_key.reference,
            "files": {
                "host": layout.gateway.host,
                "protocol": layout.gateway.protocol,
                "gateway": self._files.gateway_id,
                "region": layout.region,
                "writer": self._files.writer,
                "shares": {share.kind: answering.where(share) for share in layout.shares if share.kind},
            },
            "buckets": {share.name: share.bucket for share in layout.shares},
            **({"databaseBackups": backups_of(sql, layout.region)} if (sql := self._sql.host) else {}),
            "alarmTopic": self.alarms.topic_arn,
        }

    def _secret(self, reference: str) -> str:
        return secret_arn(reference, self._layout.region, self._args.account)
