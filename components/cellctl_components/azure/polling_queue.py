"""PollingQueue: the queue that a cell's nodes share, so that polling Tentacles need one address.

Octopus' own demands (octopus.com/docs, multi-node polling Tentacles, 2026-10-08): memory only, no replica, nothing
evicted. A machine that fails is replaced by the service, empty; Octopus notices and asks its Tentacles again.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, redisenterprise

from cellctl_components.azure.data_layout import QueueLayout
from cellctl_components.azure.endpoint import EndpointArgs, Target, private_endpoint
from cellctl_components.azure.place import Grant, Place, child, named
from cellctl_components.azure.zones import QUEUE_GROUP

_DEFINITIONS = uuid.UUID("5f5b0d8e-8d0f-5c0e-9a55-0f1f4a6f2f0b")
LIST_KEYS = "Microsoft.Cache/redisEnterprise/databases/listKeys/action"


@dataclass(frozen=True, kw_only=True)
class PollingQueueArgs:
    """What it is made of. `nodes` may fetch its key, and nothing else of it.

    `role` is the id of the role by which they do, `` where the subscription has none: then the cell makes its own.
    """

    place: Place
    layout: QueueLayout
    endpoint: EndpointArgs
    nodes: Grant
    role: str = ""


class PollingQueue(pulumi.ComponentResource):
    """Azure Managed Redis over TLS, inside the network only. Its key is in no state: nodes fetch it themselves.

    No built-in role lets somebody read the keys and do nothing else: it is the subscription's, or the cell's own.
    """

    def __init__(self, name: str, args: PollingQueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:PollingQueue", name, None, opts)
        self._name, self._args = name, args
        self.cluster = self._cluster()
        self.database = self._database()
        target = Target(name=args.layout.name, id=self.cluster.id, group=QUEUE_GROUP)
        self.endpoint = private_endpoint(self, name, args.place, args.endpoint, target)
        self.role = self._role()
        self.ready: list[pulumi.Resource] = [self.database, self.endpoint.zone_group, self.role]
        self.host = named(self.cluster, args.layout.host)
        self.register_outputs({"host": self.host})

    def _cluster(self) -> redisenterprise.RedisEnterprise:
        place, layout = self._args.place, self._args.layout
        return redisenterprise.RedisEnterprise(
            f"{self._name}-cluster",
            resource_group_name=place.resource_group,
            cluster_name=layout.name,
            location=place.location,
            sku=redisenterprise.SkuArgs(name=layout.sku),
            high_availability="Disabled",
            minimum_tls_version="1.2",
            public_network_access="Disabled",
            tags=place.tags,
            opts=child(self),
        )

    def _database(self) -> redisenterprise.Database:
        return redisenterprise.Database(
            f"{self._name}-database",
            resource_group_name=self._args.place.resource_group,
            cluster_name=named(self.cluster, self._args.layout.name),
            database_name="default",
            client_protocol="Encrypted",
            clustering_policy="NoCluster",
            eviction_policy="NoEviction",
            port=self._args.layout.port,
            persistence=redisenterprise.PersistenceArgs(aof_enabled=False, rdb_enabled=False),
            access_keys_authentication="Enabled",
            opts=child(self),
        )

    def _role(self) -> authorization.RoleAssignment:
        place, layout = self._args.place, self._args.layout
        key = f"{place.subscription}/{layout.name}"
        role = self._args.role or self._own_role(key).id
        return authorization.RoleAssignment(
            f"{self._name}-nodes-key",
            scope=self.cluster.id,
            role_assignment_name=str(uuid.uuid5(_DEFINITIONS, f"{key}/{self._args.nodes.label}")),
            principal_id=self._args.nodes.principal,
            principal_type="ServicePrincipal",
            role_definition_id=role,
            opts=child(self),
        )

    def _own_role(self, key: str) -> authorization.RoleDefinition:
        place, layout = self._args.place, self._args.layout
        return authorization.RoleDefinition(
            f"{self._name}-key-reader",
            role_definition_id=str(uuid.uuid5(_DEFINITIONS, key)),
            scope=place.arm_scope(),
            role_name=f"Octopus queue key reader ({layout.name})",
            description="Reads the keys of the queue of one Octopus cell; made by cellctl.",
            role_type="CustomRole",
            permissions=[authorization.PermissionArgs(actions=[LIST_KEYS])],
            assignable_scopes=[place.arm_scope()],
            opts=child(self),
        )
