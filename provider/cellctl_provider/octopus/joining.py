"""A node joins: it answers, it is registered, it passes the gates. Until then its task cap is 0."""

from __future__ import annotations

from cellctl_provider.context import Context
from cellctl_provider.octopus.api import Door, opened
from cellctl_provider.octopus.cluster import Cluster, Row
from cellctl_provider.octopus.member import Member
from cellctl_provider.polling import poll
from cellctl_provider.protocol import ProviderError

READY = "/api/serverstatus/hosted/internal"
BOOT_LIMIT_S = 5400.0
"""How long a machine may take to boot, mount, install and start (reference/azure.md: 90 minutes)."""
RESTART_LIMIT_S = 900.0
"""How long a node that was there may take to answer again."""
CHECK_IN_LIMIT_S = 300.0
"""A node that runs registers at its next check-in, about every 60 s (reference/octopus.md 2.2)."""
_EVERY_S = 15.0


def status_of(context: Context, door: Door) -> int:
    """Return what a node answers its health probe with, 0 if it does not answer."""
    try:
        with opened(context.dialer, door) as api:
            return api.ping()
    except ProviderError as error:
        if error.code != "unreachable":
            raise
        return 0


def version_of(context: Context, door: Door) -> str:
    """Return the version a node runs, `` if it does not answer."""
    try:
        with opened(context.dialer, door) as api:
            return api.version()
    except ProviderError as error:
        if error.code != "unreachable":
            raise
        return ""


def await_answer(context: Context, member: Member, *, limit_s: float = BOOT_LIMIT_S) -> None:
    """Wait until the node answers its health probe, draining or not; a machine that boots is the default."""

    def look() -> bool | None:
        return True if status_of(context, member.door) in (200, 418) else None

    poll(context, look, what=f"node {member.name} answering", every_s=_EVERY_S, limit_s=limit_s)


def await_row(context: Context, cluster: Cluster, member: Member) -> Row:
    """Return the node's registration once there is one."""
    what = f"node {member.name} being registered"
    return poll(context, lambda: cluster.row(member.name), what=what, every_s=_EVERY_S, limit_s=CHECK_IN_LIMIT_S)


def gates(context: Context, member: Member) -> None:
    """Look whether a node may take work.

    That it answers its probe says that it opens the cell's database as its own identity; its service does not start
    before every share has been written to and read.

    Raises:
        ProviderError: It is not ready (`unreachable`), or another node runs another version (`conflict`).
    """

    def ready() -> bool | None:
        try:
            with opened(context.dialer, member.door) as api:
                api.call("GET", READY)
                return True
        except ProviderError as error:
            if error.code in ("unreachable", "internal"):
                return None
            raise

    poll(context, ready, what=f"node {member.name} being ready", every_s=_EVERY_S, limit_s=CHECK_IN_LIMIT_S)
    found = {door.node: version_of(context, door) for door in member.doors}
    other = {name: version for name, version in found.items() if version not in ("", member.version)}
    if other:
        said = ", ".join(f"{name} runs {version}" for name, version in sorted(other.items()))
        raise ProviderError(f"all nodes must run {member.version}, and {said}", code="conflict")
