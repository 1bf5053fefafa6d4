"""A node leaves: no new tasks, the running ones end, it drains, its service stops, its registration goes.

The order is Octopus' own (reference/octopus.md 42 and 5.4). A node that is deleted while it runs would register again.
"""

from __future__ import annotations

from cellctl_provider.context import Context
from cellctl_provider.octopus import machines
from cellctl_provider.octopus.cluster import Cluster, Row
from cellctl_provider.octopus.member import Member
from cellctl_provider.polling import poll
from cellctl_provider.protocol import ProviderError

_EVERY_S = 15.0
_AFTER_CANCEL_S = 300.0


def leave(context: Context, member: Member) -> None:
    """Take a node out of its cluster; its machine may be gone already. What no node answers is left as it is."""
    cluster = Cluster(context, member.doors, member.key)
    try:
        row = cluster.row(member.name)
        if row is not None and not row.offline:
            _finish(context, cluster, member, row)
            cluster.change(_now(cluster, row), draining=True)
    except ProviderError as error:
        if error.code != "unreachable":
            raise
        return
    _stop(context, member)
    others = Cluster(context, [door for door in member.doors if door.node != member.name], member.key)
    try:
        if row is not None:
            others.remove(row)
    except ProviderError as error:
        if error.code != "unreachable":
            raise  # the last node has nobody to ask, and its row is found again by the next node of its name


def _finish(context: Context, cluster: Cluster, member: Member, row: Row) -> None:
    """Give the node no new task and wait for those it runs; cancel what is left when patience ends."""
    cluster.change(row, cap=0)
    if ended(context, cluster, [row.name], member.drain_s):
        return
    cluster.cancel_tasks(row)
    if not ended(context, cluster, [row.name], _AFTER_CANCEL_S):
        raise ProviderError(f"node {row.name} still runs tasks that were cancelled; run again", code="conflict")


def ended(context: Context, cluster: Cluster, names: list[str], limit_s: float) -> bool:
    """Wait until none of the nodes runs a task; tell whether that came true within `limit_s`."""

    def idle() -> bool | None:
        return True if sum(row.running for row in cluster.rows() if row.name in names) == 0 else None

    try:
        poll(context, idle, what="the tasks ending", every_s=_EVERY_S, limit_s=limit_s)
    except ProviderError as error:
        if error.code != "unreachable" or "within" not in error.message:
            raise
        return False
    return True


def _now(cluster: Cluster, row: Row) -> Row:
    return cluster.row(row.name) or row


def _stop(context: Context, member: Member) -> None:
    """Stop the service. A machine that takes no commands is deleted next, which stops it too."""
    try:
        machines.run(context, member.machine, "stop")
    except ProviderError as error:
        if error.code == "cancelled":
            raise
