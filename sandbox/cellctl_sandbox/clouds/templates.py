"""Templates of the data files: `{…}` placeholders in strings, at any depth of lists and tables (docs/sandbox.md).

A template is evaluated against a `Scope`. An absent value makes the whole string empty (None). What was made from a
secret is secret.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Protocol

from cellctl.facts.conditions import Condition, at
from cellctl.state.values import Struct, Value, bare, contains_secret, is_secret, secret

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""What simulated second 0 is called."""
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_ALPHABETS = {
    "hex": "0123456789abcdef",
    "digits": "0123456789",
    "alnum": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "lower": "abcdefghijklmnopqrstuvwxyz0123456789",
}
_NAMESPACE = uuid.UUID("5b1f4e0c-2f3e-4d7b-9f5e-3f8e5b7d1a10")


class Lookup(Protocol):
    """What templates ask of the other objects."""

    def property_of(self, reference: str, path: str) -> Value:
        """Return a property of the object that `reference` names, None if there is none."""

    def address_in(self, reference: str, seed: str) -> Value:
        """Return a free address in the network that `reference` names."""


@dataclass
class Scope:
    """What placeholders can see. `seed` makes random parts, the same for the same object and place."""

    seed: str
    values: Struct
    outputs: Struct = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    now_s: float = 0.0
    lookup: Lookup | None = None
    item: Value = None
    touched_secret: bool = False

    def get(self, path: str) -> Value:
        """Return a constant, an input or an output defined before; remember whether it was secret."""
        if path in self.constants:
            return self.constants[path]
        if path.startswith("item."):
            return self._seen(self.item, path[5:])
        found = self._seen(self.values, path)
        return found if found is not None else self._seen(self.outputs, path)

    def _seen(self, root: Value, path: str) -> Value:
        head = root.get(path.partition(".")[0]) if isinstance(root, dict) else root
        if contains_secret(head):
            self.touched_secret = self.touched_secret or _secret_at(root, path)
        return at(root, path)


def _secret_at(root: Value, path: str) -> bool:
    current = root
    for part in path.split("."):
        if is_secret(current):
            return True
        if isinstance(current, dict):
            current = current.get(part)
        elif isinstance(current, list) and part.isdigit() and int(part) < len(current):
            current = current[int(part)]
    return contains_secret(current)


def render(template: Value, scope: Scope, place: str) -> Value:
    """Return the value of a template; `place` tells apart random parts of one object."""
    if isinstance(template, str):
        return _text(template, scope, place)
    if isinstance(template, list):
        return [render(item, scope, f"{place}.{index}") for index, item in enumerate(template)]
    if isinstance(template, dict):
        if "cases" in template:
            return _cases(template["cases"], scope, place)
        if "each" in template:
            return _each(template, scope, place)
        found = {key: render(item, scope, f"{place}.{key}") for key, item in template.items()}
        return {key: item for key, item in found.items() if item is not None}
    return template


def render_marked(template: Value, scope: Scope, place: str) -> Value:
    """Return `render`, secret if any part was."""
    scope.touched_secret = False
    value = render(template, scope, place)
    return secret(value) if scope.touched_secret and value is not None else value


def _cases(cases: Value, scope: Scope, place: str) -> Value:
    for case in cases if isinstance(cases, list) else []:
        if not isinstance(case, dict):
            continue
        when = case.get("when")
        if _holds(when if isinstance(when, dict) else {}, scope, place):
            return render(case.get("value"), scope, place)
    return None


def _holds(when: Struct, scope: Scope, place: str) -> bool:
    """Tell whether a condition holds; `ref:subnetId.vpcId` in it is a property of the object that an input names."""
    values, asked = {**scope.outputs, **scope.values}, {}
    for number, (path, wanted) in enumerate(when.items()):
        key = path
        if path.startswith("ref:") and scope.lookup is not None:
            key = f"\0{number}"
            values[key] = _referred("ref", path.removeprefix("ref:"), scope, place)
        asked[key] = wanted
    return Condition.read(asked).holds(values)


def _each(template: Struct, scope: Scope, place: str) -> Value:
    items = scope.get(str(template["each"]))
    if not isinstance(items, list):
        return None
    made: list[Value] = []
    kept, added = scope.item, template.get("value")
    for index, item in enumerate(items):
        scope.item = item
        extra = render(added, scope, f"{place}.{index}")
        made.append({**item, **extra} if isinstance(item, dict) and isinstance(extra, dict) else extra)
    scope.item = kept
    return made


@lru_cache(maxsize=8192)
def _split(text: str) -> tuple[str, ...]:
    return tuple(_PLACEHOLDER.split(text))


def _text(text: str, scope: Scope, place: str) -> Value:
    parts = _split(text)
    if len(parts) == 1:
        return text
    if len(parts) == 3 and not parts[0] and not parts[2]:
        return _placeholder(parts[1], scope, f"{place}#0")
    made = []
    for index, part in enumerate(parts):
        if index % 2 == 0:
            made.append(part)
            continue
        value = _placeholder(part, scope, f"{place}#{index // 2}")
        if value is None:
            return None
        made.append(_as_text(value))
    return "".join(made)


def _as_text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _placeholder(expression: str, scope: Scope, place: str) -> Value:
    head, *filters = expression.split("|")
    value = _source(head, scope, place)
    for name in filters:
        value = _filter(value, name)
    return value


def _source(expression: str, scope: Scope, place: str) -> Value:
    head, _, rest = expression.partition(":")
    if head in _ALPHABETS and rest.isdigit():
        return random_text(f"{scope.seed}/{place}", int(rest), _ALPHABETS[head])
    if head == "base64" and rest.isdigit():
        return base64.b64encode(_bytes(f"{scope.seed}/{place}", int(rest))).decode()
    if head == "guid":
        return _guid(rest, scope, place)
    if head == "now":
        return moment(scope.now_s)
    if head == "table" and rest:
        return _row(rest, scope, place)
    if head in ("ref", "address") and rest and scope.lookup is not None:
        return _referred(head, rest, scope, place)
    return scope.get(expression)


def _guid(path: str, scope: Scope, place: str) -> Value:
    if not path:
        return str(uuid.uuid5(_NAMESPACE, f"{scope.seed}/{place}"))
    value = scope.get(path)
    return None if value is None else str(uuid.uuid5(_NAMESPACE, _as_text(value)))


def _row(rest: str, scope: Scope, place: str) -> Value:
    name, _, path = rest.partition(":")
    key = scope.get(path)
    for pattern, row in scope.tables.get(name, {}).items():
        if key is not None and fnmatchcase(_as_text(key), pattern):
            return render(row, scope, place)
    return None


def _referred(head: str, rest: str, scope: Scope, place: str) -> Value:
    assert scope.lookup is not None
    path, wanted = rest, ""
    reference = scope.get(path) if head == "address" else None
    while head == "ref" and reference is None and "." in path:
        path, _, last = path.rpartition(".")
        wanted = f"{last}.{wanted}" if wanted else last
        reference = scope.get(path)
    if not isinstance(reference, str):
        return None
    if head == "address":
        return scope.lookup.address_in(reference, f"{scope.seed}/{place}")
    return scope.lookup.property_of(reference, wanted)


def _filter(value: Value, name: str) -> Value:
    kind, _, argument = name.partition(":")
    if kind == "default":
        return argument if value in (None, "") else value
    if value is None:
        return None
    if kind == "json":
        return json.dumps(bare(value), separators=(",", ":"))
    if kind == "len":
        return len(value) if isinstance(value, list | dict | str) else 0
    return _FILTERS[kind](_as_text(value), argument)


_FILTERS: Mapping[str, Callable[[str, str], str]] = {
    "lower": lambda text, _: text.lower(),
    "upper": lambda text, _: text.upper(),
    "last": lambda text, mark: text.rpartition(mark or "/")[2],
    "first": lambda text, mark: text.partition(mark or "/")[0],
    "after": lambda text, mark: text.partition(mark)[2],
    "right": lambda text, count: text[-int(count) :],
    "slug": lambda text, _: re.sub(r"[^a-z0-9]", "", text.lower()),
    "dashes": lambda text, _: text.replace(".", "-"),
}


def moment(simulated_s: float) -> str:
    """Return a simulated second as ISO 8601; such texts sort by time.

    >>> moment(60)
    '2026-01-01T00:01:00Z'
    """
    return (EPOCH + timedelta(seconds=simulated_s)).isoformat(timespec="seconds").replace("+00:00", "Z")


def random_text(seed: str, length: int, alphabet: str) -> str:
    """Return `length` characters of `alphabet`, the same for the same seed."""
    return "".join(alphabet[byte % len(alphabet)] for byte in _bytes(seed, length))


def _bytes(seed: str, length: int) -> bytes:
    return hashlib.shake_128(seed.encode()).digest(length)
