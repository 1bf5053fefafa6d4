"""Cell: one whole Octopus cell on Azure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import managedidentity, resources

from cellctl_components.azure import answering
from cellctl_components.azure.alarms import Alarms, AlarmsArgs, WatchedFiles
from cellctl_components.azure.bootstrap import BootFacts
from cellctl_components.azure.data_layout import BackupsLayout, QueueLayout
from cellctl_components.azure.diagnostics import log_workspace
from cellctl_components.azure.existing_network import ExistingNetwork
from cellctl_components.azure.file_backups import FileBackups, FileBackupsArgs
from cellctl_components.azure.file_shares import FileShares, FileSharesArgs
from cellctl_components.azure.ingress import Ingress, IngressArgs
from cellctl_components.azure.layout import AzureLayout
from cellctl_components.azure.network import Network, NetworkArgs
from cellctl_components.azure.nodes import Nodes, NodesArgs
from cellctl_components.azure.place import Grant, Place, lock, named, stateful
from cellctl_components.azure.placed_parts import (
    JoinedNetwork,
    PooledDatabase,
    PooledDatabaseArgs,
)
from cellctl_components.azure.polling_queue import PollingQueue, PollingQueueArgs
from cellctl_components.azure.sealing import Sealing
from cellctl_components.azure.secrets import (
    ADMINISTRATOR_PASSWORD,
    API_KEY,
    MASTER_KEY,
    Secrets,
    SecretsArgs,
)
from cellctl_components.azure.sql_server import Administrators, Owner, SqlServer, SqlServerArgs
from cellctl_components.azure.vault import may_read
from cellctl_components.azure.web_gateway import WebGateway, WebGatewayArgs
from cellctl_components.azure.web_gateway_layout import WebGatewayLayout
from cellctl_components.azure.zones import QUEUE_GROUP
from cellctl_components.octopus import ClusterArgs, Member

LOG_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class CellArgs:
    """What a Cell is made of: its layout, and what is true of the subscription.

    `control` is the CIDR that cellctl runs in, `operator` the object id of its principal (empty where a group of the
    subscription may already write secrets). `administrators` is the Entra group that administers databases,
    `directory_identity` the id of whom servers ask the directory as, `queue_role` that of the role that reads a queue's
    keys, `private_zones` that of the group of zones to link; `` where the subscription has none.
    """

    layout: AzureLayout
    subscription: str
    control: str
    operator: str
    administrators: Administrators
    directory_identity: str = ""
    queue_role: str = ""
    private_zones: str = ""


class Cell(pulumi.ComponentResource):
    """One customer's Octopus Server: network, secrets, database, files, load balancer, nodes, alarms."""

    def __init__(self, name: str, args: CellArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:Cell", name, None, opts)
        self._name, self._args, self._layout = name, args, args.layout
        self._inside = pulumi.ResourceOptions(parent=self)
        self.group = self._group()
        self._place = Place(
            resource_group=named(self.group, args.layout.names.resource_group),
            location=args.layout.region,
            subscription=args.subscription,
            tags=args.layout.tags,
            locked=args.layout.locked,
        )
        self.identity = self._identity()
        self.workspace = log_workspace(self, name, self._place, self._layout.names.workspace, days=LOG_DAYS)
        self.network = self._network()
        self.sealing = self._sealing()
        self.accounts = self._files()
        self.files, *self.apart = self.accounts
        self.backups = self._backups(args.layout.backups) if args.layout.backups else None
        self.secrets = self._secrets()
        self.database = self._database()
        self.queue = self._queue(args.layout.queue) if args.layout.queue else None
        self.web = self._web(args.layout.web) if args.layout.web else None
        self.ingress = self._ingress()
        self.nodes = self._nodes()
        self.alarms = self._alarms()
        self.outputs = self._outputs()
        self.register_outputs({"url": self.outputs["url"]})

    def _group(self) -> resources.ResourceGroup:
        return resources.ResourceGroup(
            f"{self._name}-group",
            resource_group_name=self._layout.names.resource_group,
            location=self._layout.region,
            tags=self._layout.tags,
            opts=stateful(self),
        )

    def _identity(self) -> managedidentity.UserAssignedIdentity:
        """Declare whom the nodes act as. Made again it has another client id, and the database would not know it."""
        identity = managedidentity.UserAssignedIdentity(
            f"{self._name}-identity",
            resource_group_name=self._place.resource_group,
            resource_name_=self._layout.names.identity,
            location=self._place.location,
            tags=self._place.tags,
            opts=stateful(self),
        )
        if self._place.locked:
            lock(self, f"{self._name}-identity", identity.id)
        return identity

    def _network(self) -> Network | ExistingNetwork | JoinedNetwork:
        layout = self._layout
        args = NetworkArgs(
            place=self._place,
            layout=layout.network,
            allow=layout.ingress.allow,
            control=self._args.control,
            queue_port=layout.queue.port if layout.queue else 0,
            grpc=layout.ingress.grpc,
            public=layout.ingress.exposure == "public",
            private_zones=self._args.private_zones,
        )
        if layout.place is not None:
            return JoinedNetwork(f"{self._name}-network", args, layout.place, self._inside)
        if layout.site is not None and layout.site.network:
            return ExistingNetwork(f"{self._name}-network", args, layout.site, self._inside)
        return Network(f"{self._name}-network", args, self._inside)

    def _nodes_grant(self) -> Grant:
        return Grant(principal=self.identity.principal_id, label=self._layout.names.identity)

    def _sealing(self) -> Sealing | None:
        site = self._layout.site
        if site is None or site.key is None:
            return None
        return Sealing(self._name, self._place, self._layout.names.sealing, site.key, self)

    def _files(self) -> list[FileShares]:
        """Declare the storage accounts: the one that every cell has, then those of kinds that are placed apart."""
        found: list[FileShares] = []
        for layout in self._layout.accounts:
            args = FileSharesArgs(
                place=self._place,
                layout=layout,
                endpoint=self.network.endpoint("file", after=found[-1].endpoint.endpoint if found else None),
                nodes=self._nodes_grant(),
                workspace=self.workspace.id,
                sealing=self.sealing,
                bypass="AzureServices" if self._layout.backups else "None",
            )
            name = f"{self._name}-files-{layout.label}" if layout.label else f"{self._name}-files"
            found.append(FileShares(name, args, self._inside))
        return found

    def _backups(self, layout: BackupsLayout) -> FileBackups:
        args = FileBackupsArgs(place=self._place, layout=layout, accounts=self.accounts, workspace=self.workspace.id)
        return FileBackups(f"{self._name}-backups", args, self._inside)

    def _secrets(self) -> Secrets:
        operator = self._args.operator
        args = SecretsArgs(
            place=self._place,
            vault=self._layout.names.vault,
            tenant=self._args.administrators.tenant,
            endpoint=self.network.endpoint("vault", after=self.accounts[-1].endpoint.endpoint),
            nodes=self._nodes_grant(),
            operator=Grant(principal=operator, label="operator") if operator else None,
            workspace=self.workspace.id,
        )
        return Secrets(f"{self._name}-secrets", args, self._inside)

    def _database(self) -> SqlServer | PooledDatabase:
        owner = Owner(
            identity=named(self.identity, self._layout.names.identity),
            client_id=self.identity.client_id,
            master_key_fingerprint=self.secrets.master_key_fingerprint,
            password_secret=self._password_reference(),
        )
        if self._layout.place:
            pooled = PooledDatabaseArgs(
                place=self._place,
                on=self._layout.place,
                layout=self._layout.database,
                owner=owner,
                workspace=self.workspace.id,
                sealing=self.sealing,
            )
            return PooledDatabase(f"{self._name}-database", pooled, self._inside)
        args = SqlServerArgs(
            place=self._place,
            layout=self._layout.database,
            administrators=self._args.administrators,
            owner=owner,
            directory_identity=self._args.directory_identity or None,
            endpoint=self.network.endpoint("sqlServer", after=self.secrets.endpoint.endpoint),
            workspace=self.workspace.id,
            sealing=self.sealing,
        )
        return SqlServer(f"{self._name}-database", args, self._inside)

    def _password_reference(self) -> str:
        """Return where the password is with which nodes open the database."""
        return f"https://{self._layout.names.vault}.vault.azure.net/secrets/{self._layout.database.password_secret}"

    def _queue(self, layout: QueueLayout) -> PollingQueue:
        args = PollingQueueArgs(
            place=self._place,
            layout=layout,
            endpoint=self.network.endpoint(QUEUE_GROUP, after=self._last_endpoint()),
            nodes=self._nodes_grant(),
            role=self._args.queue_role,
        )
        return PollingQueue(f"{self._name}-queue", args, self._inside)

    def _last_endpoint(self) -> pulumi.Resource:
        own = self.database if isinstance(self.database, SqlServer) else self.secrets
        return own.endpoint.endpoint

    def _web(self, layout: WebGatewayLayout) -> WebGateway:
        site = self._layout.site
        assert site is not None, "looked at before the first run"
        args = WebGatewayArgs(
            place=self._place,
            layout=layout,
            host=self._layout.ingress.host,
            nodes=self._layout.nodes,
            subnet_id=self.network.subnet_id(self._layout.network.gateway_subnet),
            vault_id=site.certificate_vault,
            reader=self._nodes_grant(),
            workspace=self.workspace.id,
        )
        return WebGateway(f"{self._name}-web", args, self._inside)

    def _ingress(self) -> Ingress:
        args = IngressArgs(
            place=self._place,
            layout=self._layout.ingress,
            nodes=self._layout.nodes,
            network_id=self.network.network_id,
            subnet_id=self.network.ingress_subnet_id,
            site=self._layout.site,
            queued=self._layout.queue is not None,
            web=self.web,
        )
        return Ingress(f"{self._name}-ingress", args, self._inside)

    def _nodes(self) -> Nodes:
        args = NodesArgs(
            place=self._place,
            nodes=self._layout.nodes,
            subnet_id=self.network.subnet_id,
            pool_ids=self.ingress.pool_ids,
            identity_id=self.identity.id,
            boot=self._boot_facts(),
            ready=[
                *self.network.links,
                *(part for files in self.accounts for part in (files.tree, files.role)),
                *self.secrets.roles,
                self.secrets.administrator,
                self.database.access,
                *(self.queue.ready if self.queue else ()),
                *([self.web.nodes_role] if self.web else self._certificate()),
            ],
            cluster=self._cluster,
            os=self._layout.nodes_os,
            group_id=self.network.nodes_group_id,
            grpc=self._layout.ingress.grpc,
        )
        return Nodes(f"{self._name}-node", args, self._inside)

    def _certificate(self) -> Iterator[pulumi.Resource]:
        """Let nodes read the web's certificate, where the file says which secret it is."""
        secret = self._layout.ingress.certificate_secret
        if secret:
            yield may_read(self, f"{self._name}-certificate", self._place, self._nodes_grant(), secret=secret)

    def _cluster(self, members: Sequence[Member]) -> ClusterArgs:
        layout, vault = self._layout, f"https://{self._layout.names.vault}.vault.azure.net/secrets"
        licence = layout.licence_secret
        return ClusterArgs(
            region=layout.region,
            port=443,
            scheme="https",
            tls_name=layout.ingress.host,
            version=layout.octopus_version,
            username=layout.administrator,
            email=layout.email,
            password_secret=self.secrets.administrator_password,
            api_key_secret=f"{vault}/{API_KEY}",
            licence_secret=licence if not licence or licence.startswith("https://") else f"{vault}/{licence}",
            members=members,
            os=layout.nodes_os,
        )

    def _boot_facts(self) -> BootFacts:
        layout = self._layout
        return BootFacts(
            cell=layout.cell,
            host=layout.ingress.host,
            octopus_version=layout.octopus_version,
            vault_host=f"{layout.names.vault}.vault.azure.net",
            sql_host=self.database.host,
            database=layout.database.name,
            file_host=layout.storage.host,
            storage_account_id=self.files.account.id,
            identity_client_id=self.identity.client_id,
            shares={
                share.kind: rf"\\{account.host}\{share.name}" for account in layout.accounts for share in account.shares
            },
            accounts={files.layout.host: files.account.id for files in self.apart} or None,
            master_key_secret=MASTER_KEY,
            administrator=layout.administrator,
            email=layout.email,
            administrator_password_secret=ADMINISTRATOR_PASSWORD,
            certificate=layout.ingress.certificate,
            sql_login=layout.database.login or None,
            sql_password_secret=layout.database.password_secret or None,
            queue_host=layout.queue.host if layout.queue else None,
            queue_port=layout.queue.port if layout.queue else None,
            queue_id=self.queue.database.id if self.queue else None,
        )

    def _alarms(self) -> Alarms:
        layout = self._layout
        args = AlarmsArgs(
            place=self._place,
            email=layout.email,
            load_balancer=self.ingress.load_balancer_id,
            probed=self.web is None or layout.queue is not None or layout.ingress.grpc,
            web_gateway=self.web.gateway_id if self.web else None,
            web_nodes=sum(node.role != "worker" for node in layout.nodes),
            database=self.database.database.id,
            files=_watched(self.files),
            apart={files.layout.label: _watched(files) for files in self.apart},
            backups=self.backups.vault.id if self.backups else None,
            machines=self.nodes.machine_ids,
            nat_gateways={
                subnet.zone: self.network.nat_gateways[subnet.name].id
                for subnet in layout.network.node_subnets
                if subnet.name in self.network.nat_gateways
            },
        )
        return Alarms(f"{self._name}-alarms", args, self._inside)

    def _outputs(self) -> dict[str, pulumi.Input[object]]:
        """Return what people and `verify` read (shapes: `cellctl.verify`); references to secrets, never values."""
        layout = self._layout
        return {
            "url": f"https://{layout.ingress.host}",
            "host": layout.ingress.host,
            "ingressAddress": self.ingress.entry,
            "nodes": answering.nodes(layout),
            "entries": answering.entries(layout),
            **answering.addresses(layout),
            **({"pollingAddress": self.ingress.polling_entry} if self.web else {}),
            "database": {
                "server": self.database.host,
                "port": 1433,
                "name": self.database.access.database,
                "kind": "azure-sql",
                "region": layout.region,
                **(
                    {"login": layout.database.login, "passwordSecret": self._password_reference()}
                    if layout.database.login
                    else {"identity": named(self.identity, layout.names.identity)}
                ),
            },
            "files": {"host": self.files.host, **answering.files(layout)},
            "administrator": {
                "username": layout.administrator,
                "passwordSecret": self.secrets.administrator_password,
            },
            "apiKeySecret": self.nodes.cluster.administrator.api_key_secret,
            "masterKeySecret": self.secrets.master_key,
            "resourceGroup": layout.names.resource_group,
        }


def _watched(files: FileShares) -> WatchedFiles:
    return WatchedFiles(
        service=files.service_id,
        shares={share.name: share.size_gib for share in files.layout.shares},
        measured=files.layout.media == "SSD",
    )
