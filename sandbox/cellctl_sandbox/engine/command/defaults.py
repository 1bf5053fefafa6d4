"""What Pulumi.yaml says of configuration: values that a stack need not give, and keys that it must."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cellctl.state.values import Value


@dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """`values` count where a stack says nothing, and are never written into its file; `needed` it must say."""

    values: Mapping[str, Value] = field(default_factory=dict)
    needed: tuple[str, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, Value], project: str) -> Defaults:
        """Return those of a Pulumi.yaml; a key without a namespace is the project's."""
        told = document.get("config")
        values: dict[str, Value] = {}
        needed = []
        for name, entry in told.items() if isinstance(told, dict) else ():
            key = name if ":" in name else f"{project}:{name}"
            if not isinstance(entry, dict):
                values[key] = entry
            elif "default" in entry or "value" in entry:
                values[key] = entry.get("default", entry.get("value"))
            else:
                needed.append(key)
        return cls(values=values, needed=tuple(needed))

    def missing(self, config: Mapping[str, Value]) -> str:
        """Return the first key that a stack must give and does not, by the name that the project has for it."""
        return next((key.rpartition(":")[2] for key in self.needed if key not in config), "")
