"""Where a component's objects live, and the options that all of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class Place:
    """Resource group, region, subscription and tags of a component's objects.

    `subscription` is the subscription's id: Azure's self-referencing ids (load balancer rules) must be known before
    anything exists.
    """

    resource_group: pulumi.Input[str]
    location: str
    subscription: str
    tags: Mapping[str, str]


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
