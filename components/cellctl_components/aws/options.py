"""Options that the children of every component share. A child never takes its component's own options."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

Timeouts = tuple[str, str, str]
"""How long a create, an update and a delete may take, as Pulumi writes durations (`120m`)."""


def child(
    parent: pulumi.ComponentResource,
    *after: pulumi.Resource,
    ignore: Sequence[str] = (),
    delete_first: bool = False,
) -> pulumi.ResourceOptions:
    """Return the options of a child that can be made again: its parent, and what must exist before it.

    `delete_first` is for objects whose name is held: the old one must go before the new one is made.
    """
    return pulumi.ResourceOptions(
        parent=parent,
        depends_on=list(after) or None,
        ignore_changes=list(ignore) or None,
        delete_before_replace=True if delete_first else None,
    )


def stateful(
    parent: pulumi.ComponentResource,
    *after: pulumi.Resource,
    ignore: Sequence[str] = (),
    timeouts: Timeouts | None = None,
) -> pulumi.ResourceOptions:
    """Return the options of a child that holds data or an identity: protected from deletion and replacement."""
    limits = pulumi.CustomTimeouts(create=timeouts[0], update=timeouts[1], delete=timeouts[2]) if timeouts else None
    return pulumi.ResourceOptions(
        parent=parent,
        protect=True,
        depends_on=list(after) or None,
        ignore_changes=list(ignore) or None,
        custom_timeouts=limits,
    )
