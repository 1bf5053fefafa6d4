"""`cellctl:octopus:QueueMember`: a node that runs learns of the queue that it shares with the others of its cell.

One that was told at its first boot is left alone. Another one takes no new task, finishes those it runs, drains, is
told over its machine, starts again and is given its work back; whatever was cut off is done again, which is the same.
The others, of which one comes after another, serve meanwhile.
"""

from __future__ import annotations

from cellctl.state.values import Struct
from cellctl_provider.context import Context
from cellctl_provider.inputs import Field, check, diff, needed, preview_of, text
from cellctl_provider.octopus import machines
from cellctl_provider.octopus.api import opened
from cellctl_provider.octopus.cluster import Cluster
from cellctl_provider.octopus.joining import CHECK_IN_LIMIT_S, RESTART_LIMIT_S, await_answer, await_row
from cellctl_provider.octopus.leaving import ended
from cellctl_provider.octopus.member import FIELDS as NODE_FIELDS
from cellctl_provider.octopus.member import Member, member_with_key
from cellctl_provider.polling import poll
from cellctl_provider.protocol import (
    Check,
    Checked,
    Create,
    Created,
    Delete,
    Diff,
    Diffed,
    Found,
    ProviderError,
    Read,
    Update,
    Updated,
)

STATUS = "/api/serverstatus/redis"
TOLD = ("queueAddress", "queueSecret", "token", "folder", "leader")
"""What a node is told: another of these tells it again. Its folder is mounted by the line that it was told first."""

FIELDS = (
    *(field for field in NODE_FIELDS if field.name not in ("version", "nodeLimit")),
    Field(
        name="queueAddress", kind="text", required=True, pattern=r"[A-Za-z0-9.-]+:\d{1,5}", reason="must be host:port"
    ),
    Field(name="queueSecret", kind="text", required=True),
    Field(name="token", kind="text", pattern=r"\d+", reason="must be a number"),
    Field(
        name="folder",
        kind="text",
        required=True,
        pattern=r"[A-Za-z]:\\[^'\n]+|/[A-Za-z]+",
        reason="must be a folder of Windows, or one of the container",
    ),
    Field(
        name="mount", kind="text", required=True, pattern=r"[^\n]+", reason="must be one line of PowerShell, or of JSON"
    ),
)
OUTPUTS = ("state",)
_EVERY_S = 15.0


class QueueMemberHandler:
    """Serves `cellctl:octopus:QueueMember`. Its id is the node's name."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def check(self, request: Check) -> Checked:
        """Validate inputs."""
        return check(FIELDS, request)

    def diff(self, request: Diff) -> Diffed:
        """Compare inputs; the node of a name is one at a time."""
        found = diff(FIELDS, request)
        return Diffed(
            changes=found.changes,
            diffs=found.diffs,
            replaces=found.replaces,
            delete_before_replace=bool(found.replaces),
            detailed=found.detailed,
        )

    def create(self, request: Create) -> Created:
        """Tell the node, unless it was told at its first boot and reaches the queue."""
        if request.preview:
            return Created(id="", properties=preview_of(request.properties, OUTPUTS))
        member = self._member(request.properties)
        await_answer(self._context, member)
        if not self._reaches(member):
            self._tell(member, request.properties)
        self._give_back(member)  # also where a run was cut off after it had told the node
        return Created(id=member.name, properties={**request.properties, "state": "queued"})

    def update(self, request: Update) -> Updated:
        """Tell the node again where what it is told is another thing."""
        if request.preview:
            return Updated(properties=request.olds | request.news)
        member = self._member(request.news)
        told = [key for key in TOLD if text(request.olds, key) != text(request.news, key)]
        if told or not self._reaches(member):
            self._tell(member, request.news)
            self._give_back(member)
        return Updated(properties={**request.news, "state": "queued"})

    def read(self, request: Read) -> Found:
        """Return the node, and whether it reaches its queue now."""
        inputs = {key: value for key, value in (request.inputs or request.properties).items() if key not in OUTPUTS}
        state = "queued" if self._reaches(self._member(inputs)) else "cut off"
        return Found(id=request.id, properties={**request.properties, "state": state}, inputs=inputs)

    def delete(self, request: Delete) -> None:
        """Do nothing: the node goes, or its whole cell."""

    def _member(self, values: Struct) -> Member:
        return member_with_key(self._context, values)

    def _reaches(self, member: Member) -> bool:
        try:
            with opened(self._context.dialer, member.door) as api:
                found = api.object("GET", STATUS)
        except ProviderError as error:
            if error.code != "unreachable":
                raise
            return False
        return found.get("IsConfigured") is True and found.get("IsReachable") is True

    def _tell(self, member: Member, values: Struct) -> None:
        """Drain the node, tell it, and start it.

        Raises:
            ProviderError: Its tasks do not end (`conflict`): it works on, untold; or it does not reach the queue.
        """
        cluster = Cluster(self._context, member.doors, member.key)
        self._drain(cluster, member)
        more = {
            "address": needed(values, "queueAddress"),
            "secret": needed(values, "queueSecret"),
            "region": member.machine.region,
            "folder": needed(values, "folder"),
            "mount": needed(values, "mount"),
            "leads": "true" if member.leads else "false",
        }
        machines.run(self._context, member.machine, "queue", more=more)
        await_answer(self._context, member, limit_s=RESTART_LIMIT_S)
        poll(
            self._context,
            lambda: True if self._reaches(member) else None,
            what=f"node {member.name} reaching its queue",
            every_s=_EVERY_S,
            limit_s=CHECK_IN_LIMIT_S,
        )

    def _give_back(self, member: Member) -> None:
        """Let the node take tasks and people again."""
        cluster = Cluster(self._context, member.doors, member.key)
        cluster.change(await_row(self._context, cluster, member), cap=member.cap, draining=False)

    def _drain(self, cluster: Cluster, member: Member) -> None:
        row = cluster.row(member.name)
        if row is None or row.offline:
            return  # it was cut off while it was told
        cluster.change(row, cap=0)
        if not ended(self._context, cluster, [row.name], member.drain_s):
            cluster.change(cluster.row(member.name) or row, cap=member.cap)
            raise ProviderError(
                f"tasks still run on {member.name} after {member.drain_s / 60:.0f} minutes, so it was told nothing and "
                "works on; cancel them in Octopus or run again later",
                code="conflict",
            )
        cluster.change(cluster.row(member.name) or row, draining=True)
