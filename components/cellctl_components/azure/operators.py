"""Operators: as whom cellctl looks and changes in a subscription, and what these two may do there."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, managedidentity

from cellctl_components.azure import facts
from cellctl_components.azure.account_layout import AccountLayout
from cellctl_components.azure.place import Grant, Place, assign_role, child, lock, stateful
from cellctl_components.azure.polling_queue import LIST_KEYS
from cellctl_components.azure.state_store import StateStore

_ROLES = uuid.UUID("5f0f6a7e-0a5b-5b1f-9c2e-7d1c0e4b9a21")
ASSIGNED = (
    "key_vault_secrets_user",
    "key_vault_secrets_officer",
    "key_vault_crypto_service_encryption_user",
    "storage_account_key_operator",
)
"""Built-in roles that programs assign; nobody becomes an owner through cellctl."""


@dataclass(frozen=True, kw_only=True)
class OperatorsArgs:
    """What Operators are made of. `states` is where they keep states, and whose key they use."""

    place: Place
    layout: AccountLayout
    states: StateStore


class Operators(pulumi.ComponentResource):
    """Two managed identities and two roles, made of what the programs declare: what is in neither, cellctl cannot do.

    Who may act as them is said by federated credentials (a pipeline's issuer and subject) or by a machine that carries
    one, which is the operators' business.
    """

    def __init__(self, name: str, args: OperatorsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:Operators", name, None, opts)
        self._name, self._args = name, args
        layout, scope = args.layout, f"/subscriptions/{args.place.subscription}"
        self.preview = self._identity("preview", layout.preview_identity)
        self.apply = self._identity("apply", layout.apply_identity)
        looking = self._role("preview", scope, layout.looks)
        changing = self._role("apply", scope, [*layout.looks, *layout.changes])
        self.queue_role = self._role("queue", scope, [LIST_KEYS])
        may_assign = [*map(facts.role, ASSIGNED), self._guid("queue", scope)]
        self.assignments = [
            self._assigned("preview", self.preview, looking, scope),
            self._assigned("apply", self.apply, changing, scope, condition=assigning(may_assign)),
            self._may("preview", self.preview, "states", args.states.account.id, "storage_blob_data_reader"),
            self._may("preview", self.preview, "key", args.states.vault.id, "key_vault_crypto_user"),
            self._may("apply", self.apply, "states", args.states.account.id, "storage_blob_data_contributor"),
            self._may("apply", self.apply, "key", args.states.vault.id, "key_vault_crypto_user"),
        ]
        self.register_outputs({"previewClientId": self.preview.client_id, "applyClientId": self.apply.client_id})

    def _identity(self, label: str, identity_name: str) -> managedidentity.UserAssignedIdentity:
        place = self._args.place
        identity = managedidentity.UserAssignedIdentity(
            f"{self._name}-{label}",
            resource_group_name=place.resource_group,
            resource_name_=identity_name,
            location=place.location,
            tags=place.tags,
            opts=stateful(self),
        )
        if place.locked:
            lock(self, f"{self._name}-{label}", identity.id)
        return identity

    def _role(self, label: str, scope: str, actions: Sequence[str]) -> authorization.RoleDefinition:
        account = self._args.layout.account
        return authorization.RoleDefinition(
            f"{self._name}-{label}-role",
            scope=scope,
            role_definition_id=self._guid(label, scope),
            role_name=f"cellctl {label} ({account})",
            role_type="CustomRole",
            description="Made by cellctl of what its programs declare; `cellctl account up` keeps it so.",
            assignable_scopes=[scope],
            permissions=[
                authorization.PermissionArgs(
                    actions=sorted(set(actions)), not_actions=[], data_actions=[], not_data_actions=[]
                )
            ],
            opts=child(self),
        )

    def _guid(self, label: str, scope: str) -> str:
        return str(uuid.uuid5(_ROLES, f"{scope}/{self._args.layout.account}/{label}"))

    def _assigned(
        self,
        label: str,
        identity: managedidentity.UserAssignedIdentity,
        role: authorization.RoleDefinition,
        scope: str,
        *,
        condition: str | None = None,
    ) -> authorization.RoleAssignment:
        return authorization.RoleAssignment(
            f"{self._name}-{label}-assignment",
            scope=scope,
            role_assignment_name=str(uuid.uuid5(_ROLES, f"{scope}/{self._args.layout.account}/{label}/assignment")),
            principal_id=identity.principal_id,
            principal_type="ServicePrincipal",
            role_definition_id=role.id,
            condition=condition,
            condition_version="2.0" if condition else None,
            opts=child(self),
        )

    def _may(
        self,
        label: str,
        identity: managedidentity.UserAssignedIdentity,
        what: str,
        scope: pulumi.Input[str],
        role: str,
    ) -> authorization.RoleAssignment:
        grant = Grant(principal=identity.principal_id, label=f"{self._args.layout.account}-{label}")
        name = f"{self._name}-{label}-{what}"
        return assign_role(self, name, self._args.place, grant, scope=scope, role=facts.role(role))


def assigning(roles: Sequence[str]) -> str:
    """Return the condition under which roles may be assigned and taken away: those with these GUIDs, and no other.

    Source: https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-examples, 2026-11-29.
    """
    guids = ", ".join(roles)
    parts = [
        f"((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/{verb}'}})) OR "
        f"(@{where}[Microsoft.Authorization/roleAssignments:RoleDefinitionId] "
        f"ForAnyOfAnyValues:GuidEquals {{{guids}}}))"
        for verb, where in (("write", "Request"), ("delete", "Resource"))
    ]
    return " AND ".join(parts)
