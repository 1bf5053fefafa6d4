"""Subscription: what one needs before any other stack: states and their key, logs, zones, identities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import managedidentity, privatedns, resources

from cellctl_components.azure.account_layout import AccountLayout
from cellctl_components.azure.diagnostics import log_workspace
from cellctl_components.azure.operators import Operators, OperatorsArgs
from cellctl_components.azure.place import Place, child, lock, named, stateful
from cellctl_components.azure.state_store import StateStore, StateStoreArgs
from cellctl_components.azure.zones import service_zones

LOG_DAYS = 90


@dataclass(frozen=True, kw_only=True)
class SubscriptionArgs:
    """What a Subscription is made of. `subscription` and `tenant` are ids."""

    layout: AccountLayout
    subscription: str
    tenant: pulumi.Input[str]


class Subscription(pulumi.ComponentResource):
    """The base of a subscription. `facts` are the stack's outputs: what `cellctl.yaml` then says of it."""

    def __init__(self, name: str, args: SubscriptionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:Subscription", name, None, opts)
        self._name, self._args, self._layout = name, args, args.layout
        inside = pulumi.ResourceOptions(parent=self)
        self.group = resources.ResourceGroup(
            f"{name}-group",
            resource_group_name=args.layout.resource_group,
            location=args.layout.region,
            tags=args.layout.tags,
            opts=stateful(self),
        )
        self._place = Place(
            resource_group=named(self.group, args.layout.resource_group),
            location=args.layout.region,
            subscription=args.subscription,
            tags=args.layout.tags,
        )
        self.workspace = log_workspace(self, name, self._place, args.layout.workspace, days=LOG_DAYS)
        states = StateStoreArgs(place=self._place, layout=args.layout, tenant=args.tenant, workspace=self.workspace.id)
        self.states = StateStore(f"{name}-states", states, inside)
        operators = OperatorsArgs(place=self._place, layout=args.layout, states=self.states)
        self.operators = Operators(f"{name}-operators", operators, inside)
        self.sql_identity = self._sql_identity()
        self.zones = {group: self._zone(group, zone) for group, zone in service_zones(queued=True).items()}
        self.facts: Mapping[str, pulumi.Input[object]] = self._facts()
        self.register_outputs({"state": self.states.url})

    def _sql_identity(self) -> managedidentity.UserAssignedIdentity:
        """Declare whom SQL servers ask the directory as; a tenant's administrator gives it the right to, once."""
        identity = managedidentity.UserAssignedIdentity(
            f"{self._name}-sql",
            resource_group_name=self._place.resource_group,
            resource_name_=self._layout.sql_identity,
            location=self._place.location,
            tags=self._place.tags,
            opts=stateful(self),
        )
        lock(self, f"{self._name}-sql", identity.id)
        return identity

    def _zone(self, group: str, zone_name: str) -> privatedns.PrivateZone:
        """Declare a zone that many networks can link; each network links one of a name (reference/azure.md 2.2)."""
        return privatedns.PrivateZone(
            f"{self._name}-{group.lower()}-zone",
            resource_group_name=self._place.resource_group,
            private_zone_name=zone_name,
            location="global",
            tags=self._place.tags,
            opts=child(self),
        )

    def _facts(self) -> dict[str, pulumi.Input[object]]:
        return {
            "state": self.states.url,
            "secrets": self.states.key_url,
            "applyRole": self.operators.apply.client_id,
            "previewRole": self.operators.preview.client_id,
            "principal": self.operators.apply.principal_id,
            "sqlIdentity": self.sql_identity.id,
            "queueRole": self.operators.queue_role.id,
            "privateZones": self.group.id,
            "workspace": self.workspace.id,
        }
