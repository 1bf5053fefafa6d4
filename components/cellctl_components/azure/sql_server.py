"""SqlServer: the cell's logical server with its one database, reachable inside the network only."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import sql

from cellctl_components.azure.layout import DatabaseLayout
from cellctl_components.azure.place import Place, dying_with, stateful


@dataclass(frozen=True, kw_only=True)
class Administrators:
    """The Entra group that administers the server: SQL logins are switched off, so no password exists anywhere.

    `group` is the object id, `name` its display name. A group, because both cellctl and people need it.
    """

    tenant: str
    group: str
    name: str


@dataclass(frozen=True, kw_only=True)
class SqlServerArgs:
    """What a SqlServer is made of."""

    place: Place
    layout: DatabaseLayout
    administrators: Administrators


class SqlServer(pulumi.ComponentResource):
    """A logical server and a database with point-in-time backups."""

    host: pulumi.Output[str]

    def __init__(self, name: str, args: SqlServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:SqlServer", name, None, opts)
        self._name, self._args = name, args
        self.server = self._server()
        self.database = self._database()
        self.backups = self._backups()
        self.host = self.server.fully_qualified_domain_name
        self.register_outputs({"host": self.host})

    def _server(self) -> sql.Server:
        args = self._args
        return sql.Server(
            f"{self._name}-server",
            resource_group_name=args.place.resource_group,
            server_name=args.layout.server,
            location=args.place.location,
            version="12.0",
            minimal_tls_version="1.2",
            public_network_access="Disabled",
            restrict_outbound_network_access="Disabled",
            administrators=sql.ServerExternalAdministratorArgs(
                administrator_type="ActiveDirectory",
                principal_type="Group",
                login=args.administrators.name,
                sid=args.administrators.group,
                tenant_id=args.administrators.tenant,
                azure_ad_only_authentication=True,
            ),
            tags=args.place.tags,
            # Any edit of this block, even of the display name, would delete the server with all its databases
            # (pulumi/docs 13845); later changes go through their own resource types.
            opts=stateful(self, ignore=["administrators"]),
        )

    def _database(self) -> sql.Database:
        args, layout = self._args, self._args.layout
        return sql.Database(
            f"{self._name}-database",
            resource_group_name=args.place.resource_group,
            server_name=self.server.name,
            database_name=layout.name,
            location=args.place.location,
            sku=sql.SkuArgs(name=layout.sku, tier=layout.tier, family=layout.family, capacity=layout.vcores),
            collation=layout.collation,
            zone_redundant=layout.zone_redundant,
            requested_backup_storage_redundancy=layout.backup_redundancy,
            max_size_bytes=layout.max_size_bytes,
            read_scale="Disabled",
            license_type="LicenseIncluded",
            tags=args.place.tags,
            # A database that was restored keeps these for ever: taking one out would replace it (azure.md 2.3).
            opts=stateful(
                self, ignore=["createMode", "sourceDatabaseId", "restorePointInTime", "restorableDroppedDatabaseId"]
            ),
        )

    def _backups(self) -> sql.BackupShortTermRetentionPolicy:
        return sql.BackupShortTermRetentionPolicy(
            f"{self._name}-backups",
            resource_group_name=self._args.place.resource_group,
            server_name=self.server.name,
            database_name=self.database.name,
            policy_name="default",
            retention_days=self._args.layout.retention_days,
            diff_backup_interval_in_hours=12,
            opts=dying_with(self, self.database),
        )
