"""Another version on all nodes of a cell: an outage, because two versions at once damage the database.

Octopus' order (reference/octopus.md 5.4): every machine has the installer before anything stops; no node takes new
tasks, running ones end; all drain; all stop; the first one alone is upgraded and with it the schema; the others follow,
each by its own resource, after it. Before the first stop everything can be taken back, and is; afterwards the way is
forward: the same command goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from cellctl_provider import baton
from cellctl_provider.context import Context
from cellctl_provider.octopus import machines
from cellctl_provider.octopus.cluster import Cluster, Row
from cellctl_provider.octopus.joining import status_of, version_of
from cellctl_provider.octopus.leaving import ended
from cellctl_provider.octopus.member import Member, version_key
from cellctl_provider.polling import poll
from cellctl_provider.protocol import ProviderError

_EVERY_S = 15.0
_START_LIMIT_S = 1800.0


def bring_to_version(context: Context, member: Member) -> None:
    """Upgrade a node that runs another version than is wanted, in its turn.

    Raises:
        ProviderError: It runs a newer one; or it is not its turn; or an upgrade failed.
    """
    runs = version_of(context, member.door)
    if runs == member.version:
        return
    if runs and version_key(runs) > version_key(member.version):
        raise ProviderError(
            f"node {member.name} runs {runs}, which is newer than {member.version}: the schema does not go back",
            code="conflict",
        )
    if member.leads:
        _first(context, member)
    else:
        _next(context, member)


def _first(context: Context, member: Member) -> None:
    """Stop the whole cell and upgrade its first node."""
    _on_all(lambda machine: machines.run(context, machine, "fetch", version=member.version), member)
    cluster = Cluster(context, member.doors, member.key)
    before = _rows(cluster)
    _quiesce(context, cluster, member, before)
    try:
        for row in _rows(cluster):
            cluster.change(row, draining=True)
        _on_all(lambda machine: machines.run(context, machine, "stop"), member)
    except ProviderError:
        _take_back(context, cluster, member, before)
        raise
    machines.run(context, member.machine, "upgrade", version=member.version)
    _await_version(context, member)


def _next(context: Context, member: Member) -> None:
    """Upgrade another node, which is stopped, once the first one runs the wanted version."""
    leader = version_of(context, member.door_of(member.leader))
    if leader != member.version:
        says = f"runs {leader}" if leader else "does not answer"
        raise ProviderError(
            f"node {member.name} is upgraded after {member.leader}, which {says}; run again", code="conflict"
        )
    if status_of(context, member.door):
        # It was started behind our back in its old version: it must not stay up beside the new one.
        machines.run(context, member.machine, "stop")
    machines.run(context, member.machine, "upgrade", version=member.version)
    _await_version(context, member)


def _rows(cluster: Cluster) -> list[Row]:
    """Return the registered nodes; none where all are stopped, because an upgrade was cut off."""
    try:
        return cluster.rows()
    except ProviderError as error:
        if error.code != "unreachable":
            raise
        return []


def _quiesce(context: Context, cluster: Cluster, member: Member, rows: list[Row]) -> None:
    """Let the cell take no new tasks and wait for those that run; else give every node its task cap back."""
    for row in rows:
        cluster.change(row, cap=0)
    if rows and not ended(context, cluster, [row.name for row in rows], member.drain_s):
        for row in _rows(cluster):
            cap = next((known.cap for known in rows if known.id == row.id), row.cap)
            cluster.change(row, cap=cap)
        raise ProviderError(
            f"tasks still run after {member.drain_s / 60:.0f} minutes, so nothing was upgraded and the cell works on; "
            "cancel them in Octopus or run again later",
            code="conflict",
        )


def _take_back(context: Context, cluster: Cluster, member: Member, before: Iterable[Row]) -> None:
    """Start what was stopped, in its old version, as it was."""
    _on_all(lambda machine: _tried(context, machine), member)
    poll(
        context,
        lambda: _rows(cluster) or None,
        what=f"a node of the cell of {member.name} answering again",
        every_s=_EVERY_S,
        limit_s=_START_LIMIT_S,
    )
    for row in _rows(cluster):
        known = next((item for item in before if item.id == row.id), row)
        cluster.change(row, cap=known.cap, draining=known.draining)


def _tried(context: Context, machine: machines.Machine) -> None:
    try:
        machines.run(context, machine, "start")
    except ProviderError as error:
        if error.code == "cancelled":
            raise


def _on_all(step: Callable[[machines.Machine], None], member: Member) -> None:
    """Run a step on all machines at once; the first failure is raised after all have ended."""
    with baton.aside(), ThreadPoolExecutor(max_workers=8) as pool:
        begun = [pool.submit(step, machine) for machine in member.machines.values()]
    for one in begun:
        one.result()


def _await_version(context: Context, member: Member) -> None:
    def looks() -> bool | None:
        answers = status_of(context, member.door) in (200, 418)
        return True if answers and version_of(context, member.door) == member.version else None

    what = f"node {member.name} answering with {member.version}"
    poll(context, looks, what=what, every_s=_EVERY_S, limit_s=_START_LIMIT_S)
