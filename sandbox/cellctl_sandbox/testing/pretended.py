"""What the sandbox only pretends to know: arguments that it takes and does nothing with, outputs that mean nothing.

An argument counts as known if the type's data files say what it does (rules on it, references, outputs made from it,
durations, what replaces), if something in the sandbox reads it, or if the data file lists it as inert, with the reason.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from cellctl import facts
from cellctl.state.values import Struct, Value
from cellctl_sandbox.clouds.behaviour import ROOT, behaviour_of
from cellctl_sandbox.standins.cloud_view import CloudObject

_ASIDE = ("example", "try", "empty", "inert", "defaults", "sources", "source")


class Reads:
    """Records which properties of objects are read: give `made` to whoever makes `CloudObject`s."""

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = {}

    def made(
        self, *, type: str, id: str, properties: Struct, cell: str = "", region: str = "", born_s: float = 0.0
    ) -> CloudObject:
        """Return an object whose properties tell when they are read."""
        seen = self.seen.setdefault(type, set())
        return CloudObject(
            type=type, properties=_Told(properties, seen), id=id, cell=cell, region=region, born_s=born_s
        )


class _Told(dict[str, Value]):
    def __init__(self, values: Struct, seen: set[str]) -> None:
        super().__init__(values)
        self._seen = seen

    def get(self, key: str, default: Value = None) -> Value:  # type: ignore[override]
        self._seen.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Value:
        self._seen.add(key)
        return super().__getitem__(key)


def pretended(token: str, arguments: set[str], read: set[str]) -> list[str]:
    """Return the arguments of a type that nothing acts on and no reason excuses, sorted."""
    text, inert = _data(token), behaviour_of(token).inert
    return sorted(
        name
        for name in arguments
        if name not in read and name not in inert and not re.search(rf"\b{re.escape(name)}\b", text)
    )


def excused(token: str, arguments: set[str], read: set[str]) -> list[str]:
    """Return the entries of a type's `inert` that excuse nothing: the argument is unused, or something acts on it."""
    text = _data(token)
    return sorted(
        name
        for name in behaviour_of(token).inert
        if name not in arguments or name in read or re.search(rf"\b{re.escape(name)}\b", text)
    )


def hollow(token: str, outputs: set[str]) -> list[str]:
    """Return the outputs (in Python's names) that no template makes and no argument gives: always empty."""
    behaviour = behaviour_of(token)
    known = {name.partition(".")[0].lower() for name in (*behaviour.outputs, *behaviour.shape.inputs, "id", "urn")}
    return sorted(name for name in outputs if name.replace("_", "").lower() not in known)


def _data(token: str) -> str:
    """Return what both data files of a type say of it, as text."""
    cloud, name = facts.place_of(token)
    places = (ROOT / cloud / f"{name}.toml", Path(facts.__file__).parent / cloud / f"{name}.toml")
    said: list[Mapping[str, object]] = []
    for place in places:
        table = tomllib.loads(place.read_text(encoding="utf-8")).get("types", {}).get(token, {})
        said.append({key: value for key, value in table.items() if key not in _ASIDE})
    return json.dumps(said, default=str)
