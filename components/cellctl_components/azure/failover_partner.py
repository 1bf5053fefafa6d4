"""FailoverPartner: a copy of a cell's database in another region, and the group in which an operator fails over.

Octopus is hot and cold over regions: nobody fails over by itself, because somebody must start nodes there and move
files first (reference/azure.md 2.3). After a failover the roles are swapped, and cellctl must not run `up` until they
are swapped back. Policies of backups are not copied: the copy, which the group makes and no program declares, has
Azure's seven days until an operator sets others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_azure_native import sql

from cellctl_components.azure.logical_server import ADMINISTERED, audit, logical_server
from cellctl_components.azure.place import lock, named, stateful

if TYPE_CHECKING:
    from cellctl_components.azure.sql_server import SqlServerArgs


class FailoverPartner:
    """Declares `NAME-server`, its audit and `NAME-group` below a component."""

    def __init__(
        self, name: str, args: SqlServerArgs, database: sql.Database, parent: pulumi.ComponentResource
    ) -> None:
        assert args.layout.failover is not None
        self._name, self._args, self._parent, self._layout = name, args, parent, args.layout.failover
        self.server = self._server()
        self.audit = audit(parent, name, args.place, self.server, self._layout.server)
        self.group = self._group(database)
        if args.place.locked:
            lock(parent, name, self.server.id, self.audit, self.group)

    def _server(self) -> sql.Server:
        args = self._args
        return logical_server(
            self._name,
            self._layout.server,
            place=args.place,
            administrators=args.administrators,
            opts=stateful(self._parent, ignore=ADMINISTERED),
            region=self._layout.region,
            passwords=bool(args.layout.login),
        )

    def _group(self, database: sql.Database) -> sql.FailoverGroup:
        args = self._args
        return sql.FailoverGroup(
            f"{self._name}-group",
            resource_group_name=args.place.resource_group,
            server_name=named(database, args.layout.server),
            failover_group_name=self._layout.group,
            databases=[database.id],
            partner_servers=[sql.PartnerInfoArgs(id=self.server.id)],
            read_write_endpoint=sql.FailoverGroupReadWriteEndpointArgs(
                failover_policy=sql.ReadWriteEndpointFailoverPolicy.MANUAL
            ),
            read_only_endpoint=sql.FailoverGroupReadOnlyEndpointArgs(
                failover_policy=sql.ReadOnlyEndpointFailoverPolicy.DISABLED
            ),
            tags=args.place.tags,
            opts=stateful(self._parent),
        )
