"""Where a component's objects live, and the options that their kinds share."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization

_ROLE_ASSIGNMENTS = uuid.UUID("b3c1d5de-0f4e-5b0c-8d5c-3b6b5b1d9c77")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Resource group, region, subscription and tags of a component's objects.

    `subscription` is the subscription's id: Azure's self-referencing ids (load balancer rules) must be known before
    anything exists. `locked` puts a management lock on what holds data.
    """

    resource_group: pulumi.Input[str]
    location: str
    subscription: str
    tags: Mapping[str, str]
    locked: bool = True

    def arm_scope(self) -> pulumi.Output[str]:
        """Return the id of the resource group."""
        return pulumi.Output.concat("/subscriptions/", self.subscription, "/resourceGroups/", self.resource_group)

    def arm_id(self, path: str) -> pulumi.Output[str]:
        """Return the id of `PROVIDER/TYPE/NAME…` in this resource group."""
        return pulumi.Output.concat(
            "/subscriptions/", self.subscription, "/resourceGroups/", self.resource_group, "/providers/", path
        )


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Who gets a role: the object id of a principal, and a name that tells it apart (it becomes part of a UUID)."""

    principal: pulumi.Input[str]
    label: str


def named(resource: pulumi.Resource, name: str) -> pulumi.Output[str]:
    """Return the name of an object: known in a preview, and whoever uses it waits for the object.

    A name that Azure only echoes would be unknown in a preview and hide every name below it from the plan.
    """
    return resource.urn.apply(lambda _: name)


def child(parent: pulumi.ComponentResource, *after: pulumi.Resource) -> pulumi.ResourceOptions:
    """Return the options of a child that can be made again: its parent, and what must exist before it."""
    return pulumi.ResourceOptions(parent=parent, depends_on=list(after) or None)


def stateful(
    parent: pulumi.ComponentResource, *after: pulumi.Resource, ignore: Sequence[str] = ()
) -> pulumi.ResourceOptions:
    """Return the options of a child that holds data or an identity: it is protected from deletion and replacement."""
    return pulumi.ResourceOptions(
        parent=parent, protect=True, depends_on=list(after) or None, ignore_changes=list(ignore) or None
    )


def dying_with(
    parent: pulumi.ComponentResource, container: pulumi.Resource, *after: pulumi.Resource
) -> pulumi.ResourceOptions:
    """Return the options of a setting that has no life of its own: deleting its container deletes it."""
    return pulumi.ResourceOptions(parent=parent, deleted_with=container, depends_on=list(after) or None)


def guarding(parent: pulumi.ComponentResource, container: pulumi.Resource) -> pulumi.ResourceOptions:
    """Return the options of a setting that guards data: it stays as long as its container, and goes with it."""
    return pulumi.ResourceOptions(parent=parent, protect=True, deleted_with=container)


def lock(
    parent: pulumi.ComponentResource, name: str, scope: pulumi.Input[str], *after: pulumi.Resource
) -> authorization.ManagementLockByScope:
    """Declare `NAME-lock`, which refuses deletion of `scope` and of all below it.

    It comes after everything under the scope, so that it goes first: Azure refuses to delete a child, a role assignment
    or a diagnostic setting of a locked object. It is protected, so that data which is kept stays locked.
    `ReadOnly` would break listKeys (reference/azure.md 2.1).
    """
    return authorization.ManagementLockByScope(
        f"{name}-lock",
        scope=scope,
        lock_name="cellctl-keep",
        level="CanNotDelete",
        notes="Holds data of an Octopus cell; `cellctl down --delete-data` removes this lock.",
        opts=stateful(parent, *after),
    )


def assign_role(
    parent: pulumi.ComponentResource, name: str, place: Place, grant: Grant, *, scope: pulumi.Input[str], role: str
) -> authorization.RoleAssignment:
    """Declare a role assignment whose name is a UUID of its meaning, so that making it again finds it.

    Args:
        parent: The component that owns `scope`.
        name: Logical name.
        place: Gives the subscription.
        grant: Who gets it.
        scope: Id of the object that the role is for.
        role: GUID of the built-in role.
    """
    return authorization.RoleAssignment(
        name,
        scope=scope,
        role_assignment_name=str(uuid.uuid5(_ROLE_ASSIGNMENTS, f"{place.subscription}/{name}/{role}/{grant.label}")),
        principal_id=grant.principal,
        # Without the type Azure looks the principal up in the directory, where a fresh identity is not yet seen.
        principal_type="ServicePrincipal",
        role_definition_id=(
            f"/subscriptions/{place.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        ),
        opts=child(parent),
    )
