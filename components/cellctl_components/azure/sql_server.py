"""SqlServer: the cell's logical server with its one database, reachable inside the network only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import sql

from cellctl_components.azure.data_layout import DatabaseLayout
from cellctl_components.azure.diagnostics import send_logs
from cellctl_components.azure.endpoint import EndpointArgs, Target, private_endpoint
from cellctl_components.azure.failover_partner import FailoverPartner
from cellctl_components.azure.logical_server import ADMINISTERED, audit, logical_server, protector
from cellctl_components.azure.place import Place, child, guarding, lock, named, stateful
from cellctl_components.azure.sealing import Sealing
from cellctl_components.resources import CellDatabase

DATABASE_TROUBLES = ("Errors", "Timeouts", "Blocks", "Deadlocks")
"""Log categories of a database."""

ADVISORS = ("CreateIndex", "DropIndex")
"""Advisors of Azure SQL that would change indexes by themselves."""


@dataclass(frozen=True, kw_only=True)
class Administrators:
    """The Entra group that administers the server. Unless a cell asks for passwords none exists anywhere.

    `group` is the object id, `name` its display name. A group, because both cellctl and people need it.
    """

    tenant: str
    group: str
    name: str


def no_own_indexes(
    parent: pulumi.ComponentResource,
    name: str,
    group: pulumi.Input[str],
    server: pulumi.Input[str],
    database: pulumi.Input[str],
) -> list[sql.DatabaseAdvisor]:
    """Keep Azure from changing indexes by itself: Octopus owns its schema, and its upgrades fail on surprises.

    Source: reference/octopus.md 2.5 and P21.
    """
    return [
        sql.DatabaseAdvisor(
            f"{name}-{advisor.lower()}",
            resource_group_name=group,
            server_name=server,
            database_name=database,
            advisor_name=advisor,
            auto_execute_status=sql.AutoExecuteStatus.DISABLED,
            opts=child(parent),
        )
        for advisor in ADVISORS
    ]


def kept_for_long(  # noqa: PLR0917  where the database is
    parent: pulumi.ComponentResource,
    name: str,
    group: pulumi.Input[str],
    server: pulumi.Input[str],
    database: sql.Database,
    layout: DatabaseLayout,
) -> sql.LongTermRetentionPolicy | None:
    """Declare `NAME-long-term` where a cell keeps backups of weeks, months or years; they outlive the server."""
    kept = layout.long_term
    if kept is None:
        return None
    return sql.LongTermRetentionPolicy(
        f"{name}-long-term",
        resource_group_name=group,
        server_name=server,
        database_name=named(database, layout.name),
        policy_name="default",
        weekly_retention=kept.weekly,
        monthly_retention=kept.monthly,
        yearly_retention=kept.yearly,
        week_of_year=1,
        opts=guarding(parent, database),
    )


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The managed identity that is db_owner: its display name, unique in the tenant, and its client id.

    Both are needed: one for `CREATE USER … FROM EXTERNAL PROVIDER`, the other for the way without the directory, and
    to notice an identity that was made again under the same name (reference/azure.md 4). `master_key_fingerprint`
    makes the key exist before the database admits anybody. `password_secret` is where the password is kept (made there
    if there is none) of the user that owns the database instead, where its layout names one.
    """

    identity: pulumi.Input[str]
    client_id: pulumi.Input[str]
    master_key_fingerprint: pulumi.Input[str]
    password_secret: pulumi.Input[str] = ""


@dataclass(frozen=True, kw_only=True)
class SqlServerArgs:
    """What a SqlServer is made of.

    `directory_identity` is the id of an identity that may read the directory; without one the graph-free way is used.
    """

    place: Place
    layout: DatabaseLayout
    administrators: Administrators
    owner: Owner
    endpoint: EndpointArgs
    workspace: pulumi.Input[str]
    directory_identity: pulumi.Input[str] | None = None
    sealing: Sealing | None = None


class SqlServer(pulumi.ComponentResource):
    """A logical server and a database with point-in-time backups."""

    host: pulumi.Output[str]

    def __init__(self, name: str, args: SqlServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:SqlServer", name, None, opts)
        self._name, self._args = name, args
        self.server = self._server()
        self.database = self._database()
        self.backups = self._backups()
        self.advisors = no_own_indexes(
            self, name, args.place.resource_group, self._server_name(), named(self.database, args.layout.name)
        )
        self.long_term = kept_for_long(
            self, name, args.place.resource_group, self._server_name(), self.database, args.layout
        )  # fmt: skip
        self.protector = (
            protector(self, name, args.place, self.server, server_name=args.layout.server, sealing=args.sealing)
            if args.sealing
            else None
        )
        self.partner = FailoverPartner(f"{name}-partner", args, self.database, self) if args.layout.failover else None
        target = Target(name=args.layout.server, id=self.server.id, group="sqlServer")
        self.endpoint = private_endpoint(self, name, args.place, args.endpoint, target)
        self.audit = audit(self, name, args.place, self.server, args.layout.server)
        self.logs = self._logs()
        # The public name, never the one of the private zone: TLS and login routing want it.
        self.host = named(self.server, f"{args.layout.server}.database.windows.net")
        self.access = self._access()
        if args.place.locked:
            kept: list[pulumi.Resource] = [one for one in (self.long_term, self.protector) if one is not None]
            group = [self.partner.group] if self.partner else []
            below = [self.backups, self.endpoint.zone_group, self.audit, *self.logs, self.access, *kept, *group]
            lock(self, name, self.server.id, *below)
        self.register_outputs({"host": self.host})

    def _server(self) -> sql.Server:
        args, sealing = self._args, self._args.sealing
        identities = [
            one for one in (sealing.identity_id if sealing else None, args.directory_identity) if one is not None
        ]
        return logical_server(
            self._name,
            args.layout.server,
            place=args.place,
            administrators=args.administrators,
            opts=stateful(self, ignore=[*ADMINISTERED, *(["keyId"] if sealing else [])]),
            identities=identities,
            passwords=bool(args.layout.login),
            key_uri=sealing.key.uri if sealing else None,
        )

    def _database(self) -> sql.Database:
        args, layout = self._args, self._args.layout
        return sql.Database(
            f"{self._name}-database",
            resource_group_name=args.place.resource_group,
            server_name=self._server_name(),
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
            server_name=self._server_name(),
            database_name=named(self.database, self._args.layout.name),
            policy_name="default",
            retention_days=self._args.layout.retention_days,
            diff_backup_interval_in_hours=12,
            opts=guarding(self, self.database),
        )

    def _server_name(self) -> pulumi.Output[str]:
        return named(self.server, self._args.layout.server)

    def _logs(self) -> list[pulumi.Resource]:
        """Declare where audit events (they come from `master`) and the database's own troubles go."""
        master = pulumi.Output.concat(self.server.id, "/databases/master")
        workspace = self._args.workspace
        return [
            send_logs(self, f"{self._name}-audit-logs", master, workspace, ["SQLSecurityAuditEvents"], self.database),
            send_logs(self, f"{self._name}-logs", self.database.id, workspace, DATABASE_TROUBLES),
        ]

    def _access(self) -> CellDatabase:
        args = self._args
        return cell_access(
            self, self._name, args.place.location, args.layout, args.owner, self.database,
            host=self.host, after=[self.endpoint.zone_group],
        )  # fmt: skip


def cell_access(  # noqa: PLR0917  what the step is made of
    parent: pulumi.ComponentResource,
    name: str,
    region: str,
    layout: DatabaseLayout,
    owner: Owner,
    database: sql.Database,
    *,
    host: pulumi.Input[str],
    after: Sequence[pulumi.Resource],
) -> CellDatabase:
    """Declare `NAME-access`: the owner's identity, or user, is db_owner of the database, and of no other on `host`."""
    return CellDatabase(
        f"{name}-access",
        engine="azure-sql",
        region=region,
        server=host,
        database=named(database, layout.name),
        login=layout.login or None,
        login_secret=owner.password_secret if layout.login else None,
        former_login=layout.former_login or None,
        identity=None if layout.login else owner.identity,
        identity_client_id=None if layout.login else owner.client_id,
        collation=layout.collation,
        master_key_fingerprint=owner.master_key_fingerprint,
        opts=pulumi.ResourceOptions(parent=parent, protect=True, deleted_with=database, depends_on=[database, *after]),
    )
