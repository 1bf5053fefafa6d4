"""`cellctl:octopus:Node`: one node in its cluster. It joins with task cap 0, is looked at, and only then takes work.

A change of version is an upgrade of the whole cell (`upgrade`): nodes of two versions on one database damage it. A node
that goes finishes its tasks first (`leaving`). Whatever was cut off is found by looking, and gone on with.
"""

from __future__ import annotations

from cellctl.state.values import Struct, contains_unknown
from cellctl_provider.context import Context
from cellctl_provider.inputs import check, diff, preview_of, text
from cellctl_provider.octopus import leaving, upgrade
from cellctl_provider.octopus.cluster import Cluster, Row
from cellctl_provider.octopus.joining import RESTART_LIMIT_S, await_answer, await_row, gates, version_of
from cellctl_provider.octopus.member import FIELDS, OUTPUTS, Member, member_with_key, version_key
from cellctl_provider.protocol import (
    Check,
    Checked,
    CheckFailure,
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


class NodeHandler:
    """Serves `cellctl:octopus:Node`. Its id is the node's name."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def check(self, request: Check) -> Checked:
        """Validate inputs. An older version is refused: its binaries must never open the newer schema."""
        checked = check(FIELDS, request)
        before, after = text(request.olds, "version"), text(checked.inputs, "version")
        failures = list(checked.failures)
        known = bool(before and after) and not contains_unknown(checked.inputs.get("version"))
        if known and version_key(after) < version_key(before):
            reason = f"is older than {before}, which this node runs; only a restored database goes back"
            failures.append(CheckFailure(property="version", reason=reason))
        return Checked(inputs=checked.inputs, failures=tuple(failures))

    def diff(self, request: Diff) -> Diffed:
        """Compare inputs. A replacement leaves first: the name of the node is the same, or its machine goes."""
        found = diff(FIELDS, request)
        return Diffed(
            changes=found.changes,
            diffs=found.diffs,
            replaces=found.replaces,
            stables=("nodeId",) if not found.replaces else (),
            delete_before_replace=bool(found.replaces),
            detailed=found.detailed,
        )

    def create(self, request: Create) -> Created:
        """Wait until the node answers, let it pass the gates, give it its task cap."""
        if request.preview:
            return Created(id="", properties=preview_of(request.properties, OUTPUTS))
        member = self._member(request.properties)
        await_answer(self._context, member)
        self._refuse_too_many(member)
        return Created(id=member.name, properties=request.properties | self._settle(member))

    def update(self, request: Update) -> Updated:
        """Set the task cap; where the version changes, upgrade first."""
        if request.preview:
            return Updated(properties=request.olds | request.news)
        return Updated(properties=request.news | self._settle(self._member(request.news)))

    def read(self, request: Read) -> Found | None:
        """Return the node as Octopus has it; None only when Octopus says that it is not registered."""
        inputs = {key: value for key, value in (request.inputs or request.properties).items() if key not in OUTPUTS}
        member = self._member(inputs)
        row = Cluster(self._context, member.doors, member.key).row(member.name)
        if row is None:
            return None
        seen: Struct = {"taskCap": row.cap, "version": version_of(self._context, member.door) or member.version}
        outputs: Struct = {"nodeId": row.id, "state": state_of(row)}
        return Found(id=member.name, properties={**request.properties, **seen, **outputs}, inputs={**inputs, **seen})

    def delete(self, request: Delete) -> None:
        """Let the node finish its tasks, stop it, and take it out of the cluster."""
        leaving.leave(self._context, self._member(request.properties))

    def _member(self, values: Struct) -> Member:
        return member_with_key(self._context, values)

    def _settle(self, member: Member) -> Struct:
        """Bring the node to its version, through the gates, to its task cap; return the outputs."""
        upgrade.bring_to_version(self._context, member)
        await_answer(self._context, member, limit_s=RESTART_LIMIT_S)
        cluster = Cluster(self._context, member.doors, member.key)
        row = await_row(self._context, cluster, member)
        gates(self._context, member)
        cluster.change(row, cap=member.cap, draining=False)
        return {"nodeId": row.id, "state": "active" if member.cap else "web only"}

    def _refuse_too_many(self, member: Member) -> None:
        """Count registered nodes, not machines: over its limit Octopus creates and deploys no releases."""
        if not member.limit:
            return
        rows = Cluster(self._context, member.doors, member.key).rows()
        others = [row.name for row in rows if row.name.casefold() != member.name.casefold()]
        if len(others) + 1 > member.limit:
            gone = [name for name in others if name.casefold() not in {other.casefold() for other in member.machines}]
            also = f"; {', '.join(gone)} can be deleted in Octopus (Configuration, Nodes)" if gone else ""
            raise ProviderError(
                f"the licence allows {member.limit} nodes, and {len(others) + 1} would be registered{also}",
                code="quota",
            )


def state_of(row: Row) -> str:
    """Return a node's state in a word or two."""
    if row.offline:
        return "offline"
    return "draining" if row.draining else ("active" if row.cap else "web only")
