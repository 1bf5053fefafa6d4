"""SqlPool: a database host of a reef: a logical server with one elastic pool, in which cells have their databases."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import sql

from cellctl_components.azure.diagnostics import send_logs
from cellctl_components.azure.endpoint import EndpointArgs, Target, private_endpoint
from cellctl_components.azure.logical_server import ADMINISTERED, audit, logical_server, protector
from cellctl_components.azure.place import Place, lock, named, stateful
from cellctl_components.azure.reef_layout import PoolLayout
from cellctl_components.azure.sealing import Sealing
from cellctl_components.azure.sql_server import Administrators


@dataclass(frozen=True, kw_only=True)
class SqlPoolArgs:
    """What a SqlPool is made of. `sealing` is whose key seals databases that have none of their own."""

    place: Place
    layout: PoolLayout
    administrators: Administrators
    endpoint: EndpointArgs
    workspace: pulumi.Input[str]
    directory_identity: pulumi.Input[str] | None = None
    sealing: Sealing | None = None


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
        self.audit = audit(self, name, args.place, self.server, args.layout.server)
        master = pulumi.Output.concat(self.server.id, "/databases/master")
        self.logs = send_logs(self, f"{name}-audit-logs", master, args.workspace, ["SQLSecurityAuditEvents"], self.pool)
        # A lock of the server would keep every cell from taking its own database away; Azure refuses to delete a
        # server below which something is locked, and each cell locks its database.
        if args.place.locked:
            lock(self, f"{name}-pool", self.pool.id, self.endpoint.zone_group, self.audit, self.logs)
        if args.sealing:
            protector(self, name, args.place, self.server, server_name=args.layout.server, sealing=args.sealing)
        # The public name, never the one of the private zone: TLS and login routing want it.
        self.host = named(self.server, f"{args.layout.server}.database.windows.net")
        self.register_outputs({"host": self.host})

    def _server(self) -> sql.Server:
        args, sealing = self._args, self._args.sealing
        asked = (sealing.identity_id if sealing else None, args.directory_identity)
        return logical_server(
            self._name,
            args.layout.server,
            place=args.place,
            administrators=args.administrators,
            opts=stateful(self, ignore=[*ADMINISTERED, *(["keyId"] if sealing else [])]),
            identities=[one for one in asked if one is not None],
            passwords=args.layout.passwords,
            key_uri=sealing.key.uri if sealing else None,
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
