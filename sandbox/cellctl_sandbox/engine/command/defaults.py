"""What Pulumi.yaml says of configuration: values that a stack need not give, keys that it must, and their types."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cellctl.state.values import Struct, Value
from cellctl_sandbox.engine.command.placing import text_of
from cellctl_sandbox.engine.scope import ConfigValue

_INTEGER = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """`values` count where a stack says nothing, and are never written into its file; `needed` it must say.

    `types`: what the project says of a key that it gives a type, by key; `names`: each key as the project spells it.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    types: Mapping[str, Struct] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Mapping[str, Value], project: str) -> Defaults:
        """Return those of a Pulumi.yaml; a key without a namespace is the project's."""
        told = document.get("config")
        values: dict[str, Value] = {}
        needed, types, names = [], {}, {}
        for name, entry in sorted(told.items()) if isinstance(told, dict) else ():
            key = name if ":" in name else f"{project}:{name}"
            names[key] = name
            if not isinstance(entry, dict):
                values[key] = entry
                continue
            if "default" in entry or "value" in entry:
                values[key] = entry.get("default", entry.get("value"))
            elif key.startswith(f"{project}:"):
                needed.append(key)
            if "type" in entry:
                types[key] = entry
        return cls(values=values, needed=tuple(needed), types=types, names=names)

    def problem(self, config: Mapping[str, ConfigValue], stack: str) -> str:
        """Return why an opened configuration, defaults included, is not what the project demands; empty if it is."""
        missing = [f"'{self.names[key]}'" for key in self.needed if key not in config]
        if missing:
            listed = " and ".join(filter(None, [", ".join(missing[:-1]), missing[-1]]))
            return f"Stack '{stack}' is missing configuration value{'s' if len(missing) > 1 else ''} {listed}"
        for key, entry in self.types.items():
            if key not in config:
                continue
            if entry.get("secret") and not config[key].secret:
                return f"Stack '{stack}' with configuration key '{self.names[key]}' must be encrypted as it's secret"
            if not _is(entry, _content(config[key], entry)):
                return f"Stack '{stack}' with configuration key '{self.names[key]}' must be of type '{_named(entry)}'"
        return ""


def _content(item: ConfigValue, entry: Struct) -> Value:
    """Return the value that a text stands for: only of objects and lists it is known that they are none."""
    if entry.get("type") not in ("object", "array"):
        return item.value
    try:
        value: Value = json.loads(item.value)
    except ValueError:
        return item.value
    return value


def _is(entry: Struct, value: Value) -> bool:
    kind = entry.get("type")
    text = text_of(value)
    if kind == "string":
        return isinstance(value, str)
    if kind == "integer":
        return not isinstance(value, bool) and bool(_INTEGER.fullmatch(text))
    if kind == "boolean":
        return text in ("true", "false")
    if kind == "object":
        return isinstance(value, dict)
    items = entry.get("items")
    return isinstance(value, list) and isinstance(items, dict) and all(_is(items, item) for item in value)


def _named(entry: Struct) -> str:
    items = entry.get("items")
    return f"array<{_named(items)}>" if isinstance(items, dict) else str(entry.get("type"))
