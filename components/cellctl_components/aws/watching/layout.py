"""What is decided of a watcher before anything is declared. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from cellctl_components import naming


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchLayout:
    """The function that publishes what CloudWatch has no metric of, into a `namespace` that is its owner's alone.

    It stands in subnets of `tier`, in the first two zones; outside of any network where that is empty.
    """

    name: str
    role: str
    log_group: str
    log_days: int
    namespace: str
    tier: str


def of_cell(cell: str, *, log_days: int, borrowed: bool) -> WatchLayout:
    """Return a cell's. `borrowed`: it stands in a network that was there before it, or before its reef.

    A network of cellctl's own gives no address of the nodes' subnets by itself, because they are fixed there; of a
    network that was there only these subnets are known to lead to AWS' services, and fixed addresses are reserved.
    """
    return WatchLayout(
        name=naming.cell_name(cell, "watch", limit=64),
        role=naming.cell_name(cell, "watch", limit=64),
        log_group=f"/cells/{cell}/watch",
        log_days=log_days,
        namespace=f"cellctl/{naming.cell_name(cell, limit=200)}",
        tier="nodes" if borrowed else "ingress",
    )


def of_reef(reef: str, *, log_days: int) -> WatchLayout:
    """Return a reef's: it asks RDS alone, so it stands in no network."""
    return WatchLayout(
        name=naming.reef_name(reef, "watch", limit=64),
        role=naming.reef_name(reef, "watch", limit=64),
        log_group=f"/reefs/{reef}/watch",
        log_days=log_days,
        namespace=f"cellctl/{naming.reef_name(reef, limit=200)}",
        tier="",
    )
