"""What stand-ins see of the simulated cloud: its objects, one truth with the simulated providers, and its clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cellctl.state.values import Struct


@dataclass(frozen=True, kw_only=True, slots=True)
class CloudObject:
    """One object of the simulated cloud.

    `type` is the Pulumi token that makes it, `properties` are that type's outputs in clear (Pulumi's names), `cell` is
    the cell whose stack made it, `born_s` the simulated second at which its creation was done.
    """

    type: str
    id: str
    properties: Struct
    cell: str = ""
    region: str = ""
    born_s: float = 0.0

    def text(self, key: str) -> str:
        """Return a property that is text, `` if it is missing or something else."""
        value = self.properties.get(key)
        return value if isinstance(value, str) else ""


class CloudView(Protocol):
    """Reads and writes objects; every call sees what other processes have written."""

    def objects(self, type: str) -> Sequence[CloudObject]:
        """Return all objects of a type that exist now, oldest first."""

    def put(self, item: CloudObject) -> None:
        """Add an object, or replace the properties of the one with this type and id."""

    def remove(self, type: str, id: str) -> None:
        """Remove an object; removing what is gone succeeds."""

    def now(self) -> float:
        """Return simulated seconds since the sandbox's epoch."""


def find(view: CloudView, type: str, key: str, value: str) -> CloudObject | None:
    """Return the object of `type` whose text property `key` is `value`."""
    return next((item for item in view.objects(type) if item.text(key) == value), None)
