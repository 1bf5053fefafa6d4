"""Check and Diff of simulated types: pure, no connection."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from cellctl.facts.conditions import at, every
from cellctl.state.values import UNKNOWN, Struct, Value, bare, contains_unknown, is_secret
from cellctl_provider.protocol import Check, Checked, CheckFailure, Diff, Diffed, DiffKind, PropertyDiff
from cellctl_sandbox.clouds.behaviour import Behaviour

AUTONAMED = "__defaults"
"""Input that lists what Check named by itself, as the AWS provider's bridge does."""
GROUP, _LOCATION = "azure-native:resources:ResourceGroup", "location"
_RANDOM_DIGITS = {"aws": 7, "azure-native": 8}


def check(behaviour: Behaviour, request: Check, located: Callable[[str], str] = lambda _: "") -> Checked:
    """Refuse missing required, unknown and forbidden arguments; fill in defaults, places and automatic names.

    `located` returns where the resource group of a name is, `` if that is not known.
    """
    inputs = dict(request.news)
    failures = [*_unknown(behaviour, inputs), *_missing(behaviour, inputs)]
    for name, default in behaviour.defaults.items():
        if inputs.get(name) is None:
            inputs[name] = default
    _place(behaviour, request, inputs, located)
    _name(behaviour, request, inputs)
    failures += [*_forbidden(behaviour, inputs), *_refused(behaviour, inputs)]
    return Checked(inputs=inputs, failures=tuple(failures))


def _unknown(behaviour: Behaviour, inputs: Struct) -> Iterator[CheckFailure]:
    for name in inputs:
        if name not in behaviour.shape.inputs and not name.startswith("__"):
            reason = f"{behaviour.type} has no argument '{name}'"
            yield CheckFailure(property=name, reason=reason)


def _missing(behaviour: Behaviour, inputs: Struct) -> Iterator[CheckFailure]:
    for name in sorted(behaviour.shape.required):
        if inputs.get(name) is None:
            reason = f"missing required property '{name}'"
            yield CheckFailure(property=name, reason=reason)


def _name(behaviour: Behaviour, request: Check, inputs: Struct) -> None:
    """Name an object automatically. A child of another one on Azure is called as the resource is.

    Source: pulumi-azure-native autonaming.go, pulumi-terraform-bridge names.go, 2026-11.
    """
    key = behaviour.autoname
    if not key or inputs.get(key) is not None or inputs.get(f"{key}Prefix") is not None:
        return
    if behaviour.package == "azure-native" and _child(behaviour):
        inputs[key] = request.name
        return
    old = request.olds.get(key)
    if old is not None and key in (request.olds.get(AUTONAMED) or []):  # type: ignore[operator]  # a list of names
        inputs[key] = old
    else:
        inputs[key] = _drawn_name(behaviour, request)
    inputs[AUTONAMED] = [key]


def _place(behaviour: Behaviour, request: Check, inputs: Struct, located: Callable[[str], str]) -> None:
    """Put an ARM resource that nobody places where it was, else where `located` says.

    Source: pulumi-azure-native provider.go (automatic locations), 2026-11.
    """
    if behaviour.package != "azure-native" or _LOCATION not in behaviour.shape.inputs or inputs.get(_LOCATION):
        return
    group = "" if behaviour.type == GROUP else inputs.get("resourceGroupName")
    known = group is not None and not contains_unknown(group)
    found = request.olds.get(_LOCATION) or (located(str(bare(group))) if known else "")
    if found:
        inputs[_LOCATION] = found


def _child(behaviour: Behaviour) -> bool:
    """Tell whether an ARM id has another object's name in it: …/TYPE/{name}/TYPE/{name}."""
    _, within, own = str(behaviour.id).rpartition("/providers/")
    return bool(within) and own.count("{") > 1


def _drawn_name(behaviour: Behaviour, request: Check) -> str:
    seed = request.random_seed or request.urn.encode()
    if behaviour.type == "azure-native:authorization:RoleAssignment":
        return str(uuid.UUID(bytes=hashlib.sha256(seed).digest()[:16], version=4))
    digits = hashlib.sha256(seed).hexdigest()[: _RANDOM_DIGITS.get(behaviour.package, 7)]
    return f"{request.name}{'-' if behaviour.package == 'aws' else ''}{digits}"


def _forbidden(behaviour: Behaviour, inputs: Struct) -> Iterator[CheckFailure]:
    for name, pattern in behaviour.patterns.items():
        for value in every(inputs, name):
            plain = bare(value)
            if isinstance(plain, str) and plain != UNKNOWN and not pattern.fullmatch(plain):
                yield CheckFailure(property=name, reason=f"'{plain}' is not a legal {name} ({pattern.pattern})")
    for path, allowed in behaviour.facts.enums.items():
        for value in every(inputs, path):
            plain = bare(value)
            if plain not in (None, UNKNOWN) and plain not in allowed:
                choices = ", ".join(str(item) for item in allowed)
                yield CheckFailure(property=path, reason=f"'{plain}' is not one of {choices}")


def _refused(behaviour: Behaviour, inputs: Struct) -> Iterator[CheckFailure]:
    for refusal in behaviour.refuse:
        if "check" not in refusal.on:
            continue
        if any(contains_unknown(at(inputs, path)) for path, _ in refusal.when.entries):
            continue
        if refusal.when.holds(inputs):
            yield CheckFailure(property="", reason=f"{refusal.code}: {refusal.message}")


def diff(behaviour: Behaviour, request: Diff) -> Diffed:
    """Compare old inputs with new ones, path by path; what replaces is data."""
    old = _without(request.old_inputs, request.ignore_changes)
    new = _without(request.news, request.ignore_changes)
    if old == new:
        return Diffed(changes="none")
    detailed: dict[str, PropertyDiff] = {}
    replaces: list[str] = []
    for path, kind in _differences("", "", old, new):
        replacing = replaced_by(behaviour.facts.replaces, path[1])
        detailed[path[0]] = PropertyDiff(kind=_replacing(kind) if replacing else kind)
        if replacing:
            replaces.append(path[0].partition(".")[0].partition("[")[0])
    if not detailed:
        return Diffed(changes="none")
    return Diffed(
        changes="some",
        diffs=tuple(dict.fromkeys(path.partition(".")[0].partition("[")[0] for path in detailed)),
        replaces=tuple(dict.fromkeys(replaces)),
        delete_before_replace=bool(replaces) and _delete_first(behaviour, old, new),
        detailed=detailed,
    )


def _without(values: Mapping[str, Value], ignored: tuple[str, ...]) -> Struct:
    return {key: value for key, value in values.items() if not key.startswith("__") and key not in ignored}


def _delete_first(behaviour: Behaviour, old: Struct, new: Struct) -> bool:
    """Tell whether old and new cannot exist at once: the same name, which nobody but the user chose.

    azure-native: always, unless the name was automatic. The AWS bridge: where the name stays the same.
    Source: pulumi-azure-native provider.go, pulumi-terraform-bridge names.go, 2026-11.
    """
    if behaviour.package == "azure-native":
        return not behaviour.autoname or AUTONAMED not in new
    return any(
        all(at(old, path) is not None and at(old, path) == at(new, path) for path in unique.by)
        for unique in behaviour.unique
    )


def _replacing(kind: DiffKind) -> DiffKind:
    return {"add": "add-replace", "delete": "delete-replace"}.get(kind, "update-replace")  # type: ignore[return-value]


@lru_cache(maxsize=4096)
def replaced_by(replaces: frozenset[str], path: str) -> bool:
    """Tell whether a change at a dotted path (list positions as `*`) replaces: it, or a part before it, is in data."""
    parts = path.split(".")
    return any(".".join(parts[: end + 1]) in replaces for end in range(len(parts)))


def _differences(shown: str, path: str, old: Value, new: Value) -> Iterator[tuple[tuple[str, str], DiffKind]]:
    old, new = (bare(old) if is_secret(old) else old), (bare(new) if is_secret(new) else new)
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(item for item in new if item not in old)]:
            below = f"{shown}.{key}" if shown else key, f"{path}.{key}" if path else key
            yield from _one(below, old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            left = old[index] if index < len(old) else None
            right = new[index] if index < len(new) else None
            yield from _one((f"{shown}[{index}]", f"{path}.*"), left, right)
    elif old != new:
        yield (shown, path), "update"


def _one(path: tuple[str, str], old: Value, new: Value) -> Iterator[tuple[tuple[str, str], DiffKind]]:
    if old is None and new is not None:
        yield path, "add"
    elif new is None and old is not None:
        yield path, "delete"
    elif old is not None:
        yield from _differences(*path, old, new)
