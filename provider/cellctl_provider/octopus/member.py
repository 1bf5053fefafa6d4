"""What a Node is to be, from its inputs; and what Check and Diff know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cellctl.state.values import Value, bare
from cellctl_provider.context import Context
from cellctl_provider.inputs import Field, needed, text, text_map
from cellctl_provider.octopus.api import Door
from cellctl_provider.octopus.doors import DOOR_FIELDS, NODE, door_of, doors_of
from cellctl_provider.octopus.machines import Machine, System
from cellctl_provider.protocol import ProviderError

FIELDS = (
    *DOOR_FIELDS,
    Field(name="nodeName", kind="text", required=True, replaces=True, pattern=NODE, reason="must be a computer's name"),
    Field(name="machine", kind="text", required=True, replaces=True, pattern=r"i-[0-9a-f]+|/subscriptions/.+",
          reason="must be the id of an EC2 instance or of an Azure virtual machine"),
    Field(name="region", kind="text", required=True),
    Field(name="version", kind="text", required=True, pattern=r"\d{4}\.\d{1,2}\.\d{1,6}",
          reason="must be year.minor.patch"),
    Field(name="taskCap", kind="whole", required=True),
    Field(name="apiKeySecret", kind="text", required=True),
    Field(name="leader", kind="text", required=True, pattern=NODE, reason="must be the name of the first node"),
    Field(name="members", kind="text_map", required=True),
    Field(name="machines", kind="text_map", required=True),
    Field(name="nodeLimit", kind="whole", default=0),
    Field(name="drainSeconds", kind="whole", default=600),
    Field(name="os", kind="text", replaces=True, pattern="windows|linux", reason="must be windows or linux"),
)  # fmt: skip
"""Inputs of `cellctl:octopus:Node`. `members` maps names of all the cell's nodes to addresses, `machines` to ids."""

OUTPUTS = ("nodeId", "state")


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One node as it is wanted, and the others of its cell. The key is a secret and not in the repr."""

    name: str
    door: Door
    doors: Sequence[Door]
    machine: Machine
    machines: Mapping[str, Machine]
    version: str
    cap: int
    leader: str
    limit: int
    drain_s: float
    key: str = field(default="", repr=False)

    @property
    def leads(self) -> bool:
        """Whether this is the node that alone upgrades the schema."""
        return self.name.casefold() == self.leader.casefold()

    def door_of(self, name: str) -> Door:
        """Return the door of a node of the cell."""
        return next(door for door in self.doors if door.node.casefold() == name.casefold())


def member_with_key(context: Context, values: Mapping[str, Value]) -> Member:
    """Return what inputs or outputs say, with the API key that their secret holds.

    Raises:
        ProviderError: The secret has no value (`not_found`).
    """
    reference = needed(values, "apiKeySecret")
    stored = context.secrets.get(reference)
    if stored is None:
        raise ProviderError(f"the API key is to be in {reference}, which has no value", code="not_found")
    return member_of(values, stored.value)


def member_of(values: Mapping[str, Value], key: str) -> Member:
    """Return what inputs or outputs say."""
    name = needed(values, "nodeName")
    door = door_of(values, name)
    return Member(
        name=name,
        door=door,
        doors=doors_of(values, door),
        machine=_machine(values, needed(values, "machine")),
        machines={name: _machine(values, machine) for name, machine in text_map(values, "machines").items()},
        version=text(values, "version"),
        cap=_whole(values, "taskCap"),
        leader=text(values, "leader") or name,
        limit=_whole(values, "nodeLimit"),
        drain_s=float(_whole(values, "drainSeconds")),
        key=key,
    )


def _machine(values: Mapping[str, Value], machine: str) -> Machine:
    """Return a machine of a cell; all of them are in one region and run the same."""
    system: System = "linux" if text(values, "os") == "linux" else "windows"
    return Machine(id=machine, region=text(values, "region"), system=system)


def _whole(values: Mapping[str, Value], key: str) -> int:
    value = bare(values.get(key))
    return int(value) if isinstance(value, int | float) else 0


def version_key(version: str) -> tuple[int, ...]:
    """Return a version as numbers that compare."""
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))
