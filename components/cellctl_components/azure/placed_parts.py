"""What a cell on a reef has in the reef's network and pool: who may reach its nodes, and a database of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network, sql

from cellctl_components.azure.data_layout import DatabaseLayout
from cellctl_components.azure.diagnostics import send_logs
from cellctl_components.azure.endpoint import EndpointArgs
from cellctl_components.azure.layout import PlaceLayout
from cellctl_components.azure.network import NetworkArgs, node_rules, security_group
from cellctl_components.azure.place import Place, guarding, lock, named, stateful
from cellctl_components.azure.private_names import LinkedZone
from cellctl_components.azure.sealing import Sealing
from cellctl_components.azure.sql_server import DATABASE_TROUBLES, Owner, cell_access, kept_for_long, no_own_indexes


class JoinedNetwork(pulumi.ComponentResource):
    """A cell's part of its reef's network: a group of its own, which its nodes' interfaces carry.

    The reef's group bounds who may reach any cell, this one who may reach this one; a packet must pass both. Subnets,
    zones and ways out are the reef's, and no run of a cell changes them.
    """

    def __init__(
        self, name: str, args: NetworkArgs, on: PlaceLayout, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("cells:azure:Network", name, None, opts)
        self._on, self._layout = on, args.layout
        self.zones: dict[str, LinkedZone] = {}
        self.links: list[pulumi.Resource] = []
        self.nat_gateways: Mapping[str, network.NatGateway] = {}
        group = security_group(self, f"{name}-nodes-nsg", args.place, args.layout.nodes_group, node_rules(args))
        self.nodes_group_id: pulumi.Output[str] | None = group.id
        self.network_id = pulumi.Output.from_input(on.network)
        self.ingress_subnet_id = self.subnet_id(args.layout.ingress_subnet)
        self.register_outputs({"networkId": self.network_id})

    def subnet_id(self, subnet: str) -> pulumi.Output[str]:
        """Return the id of a subnet of the reef's network."""
        there = self._on.subnets.get(subnet)
        return pulumi.Output.from_input(there) if there else pulumi.Output.concat(self._on.network, "/subnets/", subnet)

    def endpoint(self, group: str, after: pulumi.Resource | None = None) -> EndpointArgs:
        """Return where the private endpoint of a service goes: into the reef's subnet, named in the reef's zone."""
        subnet = self.subnet_id(self._layout.endpoint_subnet)
        return EndpointArgs(subnet_id=subnet, zone_id=self._on.zones[group], after=after)


@dataclass(frozen=True, kw_only=True)
class PooledDatabaseArgs:
    """What a PooledDatabase is made of; `owner` and `workspace` as of `SqlServerArgs`.

    `sealing` is whose key seals this database alone; the server's does without it.
    """

    place: Place
    on: PlaceLayout
    layout: DatabaseLayout
    owner: Owner
    workspace: pulumi.Input[str]
    sealing: Sealing | None = None


class PooledDatabase(pulumi.ComponentResource):
    """A database of one cell in its reef's elastic pool, with its own backups and its own owner. The server stays."""

    host: pulumi.Output[str]

    def __init__(self, name: str, args: PooledDatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:SqlServer", name, None, opts)
        self._name, self._args = name, args
        self.host = pulumi.Output.from_input(args.on.server)
        self.database = self._database()
        backups = self._backups()
        server, database = args.layout.server, named(self.database, args.layout.name)
        no_own_indexes(self, name, args.on.resource_group, server, database)
        long_term = kept_for_long(self, name, args.on.resource_group, server, self.database, args.layout)
        logs = send_logs(self, f"{name}-logs", self.database.id, args.workspace, DATABASE_TROUBLES)
        self.access = cell_access(
            self, name, args.place.location, args.layout, args.owner, self.database, host=self.host, after=()
        )
        if args.place.locked:
            lock(self, name, self.database.id, backups, logs, self.access, *((long_term,) if long_term else ()))
        self.register_outputs({"host": self.host})

    def _database(self) -> sql.Database:
        args, layout, sealing = self._args, self._args.layout, self._args.sealing
        # A database that was restored keeps these for ever: taking one out would replace it (azure.md 2.3).
        kept = ["createMode", "sourceDatabaseId", "restorePointInTime", "restorableDroppedDatabaseId"]
        return sql.Database(
            f"{self._name}-database",
            resource_group_name=args.on.resource_group,
            server_name=args.layout.server,
            database_name=layout.name,
            location=args.place.location,
            # Size, tier and zones are the pool's: Azure refuses a SKU of its own beside a pool.
            elastic_pool_id=args.on.pool,
            collation=layout.collation,
            requested_backup_storage_redundancy=layout.backup_redundancy,
            max_size_bytes=layout.max_size_bytes,
            read_scale="Disabled",
            # A key of its own (learn.microsoft.com, customer-managed keys at the database level), whose newer versions
            # it turns to by itself.
            encryption_protector=sealing.key.uri if sealing else None,
            encryption_protector_auto_rotation=True if sealing else None,
            identity=sql.DatabaseIdentityArgs(
                type=sql.DatabaseIdentityType.USER_ASSIGNED, user_assigned_identities=[sealing.identity_id]
            )
            if sealing
            else None,
            tags=args.place.tags,
            opts=stateful(self, ignore=[*kept, *(["encryptionProtector"] if sealing else [])]),
        )

    def _backups(self) -> sql.BackupShortTermRetentionPolicy:
        args = self._args
        return sql.BackupShortTermRetentionPolicy(
            f"{self._name}-backups",
            resource_group_name=args.on.resource_group,
            server_name=args.layout.server,
            database_name=named(self.database, args.layout.name),
            policy_name="default",
            retention_days=args.layout.retention_days,
            diff_backup_interval_in_hours=12,
            opts=guarding(self, self.database),
        )
