"""Sealing: whom Azure's services act as when they open a cell's data with a key of others, and who let them."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import authorization, managedidentity

from cellctl_components.azure import facts
from cellctl_components.azure.place import Grant, Place, assign_role, lock, named, stateful
from cellctl_components.azure.site import KeyLayout


class Sealing:
    """Declares `NAME-sealing`, an identity that may use one key and nothing else; without it the data stays shut.

    The key and its vault are others': the assignment of a role on the key is all that is declared there.
    """

    def __init__(
        self, name: str, place: Place, identity: str, key: KeyLayout, parent: pulumi.ComponentResource
    ) -> None:
        self.key = key
        self.identity = managedidentity.UserAssignedIdentity(
            f"{name}-sealing",
            resource_group_name=place.resource_group,
            resource_name_=identity,
            location=place.location,
            tags=place.tags,
            opts=stateful(parent),
        )
        if place.locked:
            lock(parent, f"{name}-sealing", self.identity.id)
        grant = Grant(principal=self.identity.principal_id, label=identity)
        role = facts.role("key_vault_crypto_service_encryption_user")
        self.role: authorization.RoleAssignment = assign_role(
            parent, f"{name}-sealing-key", place, grant, scope=key.id, role=role
        )
        self.identity_id: pulumi.Output[str] = pulumi.Output.all(self.identity.id, self.role.id).apply(
            lambda found: str(found[0])
        )
        self.label = named(self.identity, identity)
