"""SqlPool: a database host of a reef: a logical server with one elastic pool, in which cells have their databases."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import sql

from cellctl_components.azure.diagnostics import send_logs
from cellctl_components.azure.endpoint import EndpointArgs, Target, private_endpoint
from cellctl_components.azure.place import Place, guarding, lock, named, stateful
from cellctl_components.azure.reef_layout import PoolLayout
from cellctl_components.azure.sql_server import AUDITED, Administrators


@dataclass(frozen=True, kw_only=True)
class SqlPoolArgs:
    """What a SqlPool is made of."""

    place: Place
    layout: PoolLayout
    administrators: Administrators
    endpoint: EndpointArgs
    workspace: pulumi.Input[str]
    directory_identity: pulumi.Input[str] | None = None


class SqlPool(pulumi.ComponentResource):
    """A logical server that is reached inside the reef's network only, and its pool. Databases in it are the cells'."""

    host: pulumi.Output[str]

    def __init__(self, name: str, args: SqlPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:SqlServer", name, None, opts)
        self._name, self._args = name, args
        self.server = self._server()
        self.pool = self._pool()
        target = Target(name=args.layout.server, id=self.server.id, group="sqlServer")
        self.endpoint = private_endpoint(self, name, args.place, args.endpoint, target)
        self.audit = self._audit()
        master = pulumi.Output.concat(self.server.id, "/databases/master")
        self.logs = send_logs(self, f"{name}-audit-logs", master, args.workspace, ["SQLSecurityAuditEvents"], self.pool)
        # A lock of the server would keep every cell from taking its own database away; Azure refuses to delete a
        # server below which something is locked, and each cell locks its database.
        if args.place.locked:
            lock(self, f"{name}-pool", self.pool.id, self.endpoint.zone_group, self.audit, self.logs)
        # The public name, never the one of the private zone: TLS and login routing want it.
        self.host = named(self.server, f"{args.layout.server}.database.windows.net")
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
            identity=None
            if args.directory_identity is None
            else sql.ResourceIdentityArgs(type="UserAssigned", user_assigned_identities=[args.directory_identity]),
            primary_user_assigned_identity_id=args.directory_identity,
            tags=args.place.tags,
            # Any edit of this block would delete the server with every cell's database (pulumi/docs 13845).
            opts=stateful(self, ignore=["administrators"]),
        )

    def _pool(self) -> sql.ElasticPool:
        args, layout = self._args, self._args.layout
        return sql.ElasticPool(
            f"{self._name}-pool",
            resource_group_name=args.place.resource_group,
            server_name=named(self.server, layout.server),
            elastic_pool_name=layout.pool,
            location=args.place.location,
            sku=sql.SkuArgs(name=layout.sku, tier=layout.tier, family=layout.family, capacity=layout.vcores),
            zone_redundant=layout.zone_redundant,
            max_size_bytes=layout.max_size_bytes,
            # What one cell takes of the vCores at most: a noisy one leaves the others theirs.
            per_database_settings=sql.ElasticPoolPerDatabaseSettingsArgs(
                min_capacity=0, max_capacity=layout.most_vcores
            ),
            license_type="LicenseIncluded",
            tags=args.place.tags,
            opts=stateful(self),
        )

    def _audit(self) -> sql.ExtendedServerBlobAuditingPolicy:
        return sql.ExtendedServerBlobAuditingPolicy(
            f"{self._name}-audit",
            resource_group_name=self._args.place.resource_group,
            server_name=named(self.server, self._args.layout.server),
            blob_auditing_policy_name="default",
            state=sql.BlobAuditingPolicyState.ENABLED,
            is_azure_monitor_target_enabled=True,
            audit_actions_and_groups=list(AUDITED),
            opts=guarding(self, self.server),
        )
