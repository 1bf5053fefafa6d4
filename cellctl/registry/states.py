"""The lives of what the registry knows: every state, and which may follow which. Values only.

The main lines are the registry's own; what a cloud reports beside them is `HEALTH`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

Kind = Literal["reef", "host", "gateway", "balancer", "database_slot", "share_slot", "balancer_slot", "cell", "node"]
Moves: TypeAlias = Mapping[str, tuple[str, ...]]

REEF: Moves = {
    "planned": ("in_service", "retired"),
    "in_service": ("cordoned",),
    "cordoned": ("in_service", "retired"),
    "retired": (),
}
HOST: Moves = {
    "planned": ("creating", "retired"),
    "creating": ("in_service", "retired"),
    "in_service": ("cordoned",),
    "cordoned": ("in_service", "draining"),
    "draining": ("cordoned", "retired"),
    "retired": (),
}
GATEWAY: Moves = {
    "planned": ("stack_creating", "retired"),
    "stack_creating": ("booted", "retiring"),
    "booted": ("activated", "retiring"),
    "activated": ("cache_ready", "retiring"),
    "cache_ready": ("shares_creating", "retiring"),
    "shares_creating": ("probing", "retiring"),
    "probing": ("in_service", "retiring"),
    "in_service": ("cordoned",),
    "cordoned": ("in_service", "draining"),
    "draining": ("cordoned", "replacing", "retiring"),
    "replacing": ("probing", "retiring"),
    "retiring": ("retired",),
    "retired": (),
}
BALANCER: Moves = {
    "planned": ("in_service", "retired"),
    "in_service": ("cordoned", "retired"),
    "cordoned": ("in_service", "retired"),
    "retired": (),
}
DATABASE_SLOT: Moves = {
    "available": ("reserved", "retired"),
    "reserved": ("available", "bound"),
    "bound": ("readonly_hold",),
    "readonly_hold": ("bound", "exported"),
    "exported": ("available", "retired"),
    "retired": (),
}
SHARE_SLOT: Moves = {
    "absent": ("creating", "retired"),
    "creating": ("available", "retired"),
    "available": ("reserved", "retired"),
    "reserved": ("available", "bound"),
    "bound": ("detaching",),
    "detaching": ("quarantined",),
    "quarantined": ("archiving", "scrubbing", "verifying", "retired"),
    "archiving": ("scrubbing", "retired"),
    "scrubbing": ("verifying", "retired"),
    "verifying": ("available", "scrubbing", "retired"),
    "retired": (),
}
BALANCER_SLOT: Moves = {
    "available": ("reserved", "retired"),
    "reserved": ("available", "bound"),
    "bound": ("available", "retired"),
    "retired": (),
}
CELL = (
    "requested", "placed", "db_ready", "share_ready", "first_node", "paths_set", "scaled_out", "verified", "in_service",
    "maintenance", "upgrading", "moving", "restoring", "suspended", "decommissioning", "retained", "purged",
)  # fmt: skip
NODE = (
    "provisioning", "mounted", "joined", "verified", "active", "draining", "drained", "stopped", "deregistered", "gone",
)  # fmt: skip
HEALTH = ("ok", "degraded", "offline", "update_pending", "failed")
# `seen`: stacks were made there, and nothing is known of a base.
ACCOUNT = ("seen", "in_service", "decommissioning", "purged")
RESTORE_POINT = ("expected", "there")
RESTORE_POINT_KINDS = ("point_in_time", "before_upgrade", "final_snapshot", "kept_backups")
OPERATION = ("running", "succeeded", "nothing", "failed", "interrupted", "refused", "lost")

# How far a gateway has come whose stack is not complete.
BUILDING = ("planned", "stack_creating", "booted", "activated", "cache_ready", "shares_creating")
# A share in one of these writes to its bucket, or will: no second one may (I2).
WRITING = ("creating", "available", "reserved", "bound", "detaching")
# Octopus has these nodes in its table, where they count against the licence (I9).
REGISTERED = ("joined", "verified", "active", "draining", "drained", "stopped")
# States of a host or gateway in which what was placed on it may still be there (I4).
BEEN_IN_SERVICE = ("in_service", "cordoned", "draining", "replacing", "probing")

MOVES: Mapping[str, Moves] = {
    "reef": REEF,
    "host": HOST,
    "gateway": GATEWAY,
    "balancer": BALANCER,
    "database_slot": DATABASE_SLOT,
    "share_slot": SHARE_SLOT,
    "balancer_slot": BALANCER_SLOT,
}


def may_follow(kind: Kind, before: str, after: str) -> bool:
    """Tell whether a thing of `kind` may go from one state to another; staying is allowed."""
    return before == after or after in MOVES[kind].get(before, ())
