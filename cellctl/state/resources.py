"""One resource of a checkpoint, as a frozen value, and its JSON form.

Property values are wire values (`cellctl.state.values`). A secret is `secret(value)` in memory and a sealed wrapper
(`ciphertext`) in a file; `cellctl.state.sealing` converts between the two.
Source of keys and their order: checkpoints written by the Pulumi CLI 3.260.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from cellctl.state.values import Struct, Value

PendingKind = Literal["creating", "updating", "deleting", "reading", "importing"]
PENDING_KINDS: tuple[PendingKind, ...] = ("creating", "updating", "deleting", "reading", "importing")

_ALWAYS = ("urn", "custom", "type")
_rows = itertools.count(1)


class MalformedState(ValueError):
    """A checkpoint does not have the shape of version 3; the message names the place."""


def next_row() -> int:
    """Return a fresh row number: the identity of a resource across `dataclasses.replace`."""
    return next(_rows)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, weakref_slot=True)
class ResourceState:
    """What a checkpoint says of one resource.

    Two copies of one URN exist while it is being replaced (one has `delete`), so identity is `row`: kept by
    `dataclasses.replace`, never written. `custom_timeouts` are seconds. `extra` holds keys this version does not know;
    they are written back unchanged.
    """

    urn: str
    type: str
    custom: bool = False
    delete: bool = False
    id: str = ""
    inputs: Struct = field(default_factory=dict)
    outputs: Struct = field(default_factory=dict)
    parent: str = ""
    protect: bool = False
    taint: bool = False
    external: bool = False
    dependencies: tuple[str, ...] = ()
    init_errors: tuple[str, ...] = ()
    provider: str = ""
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pending_replacement: bool = False
    additional_secret_outputs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    custom_timeouts: Mapping[str, float] = field(default_factory=dict)
    import_id: str = ""
    retain_on_delete: bool = False
    deleted_with: str = ""
    replace_with: tuple[str, ...] = ()
    created: str = ""
    modified: str = ""
    source_position: str = ""
    stack_trace: tuple[Value, ...] = ()
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    replacement_trigger: Value = None
    hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extra: Mapping[str, Value] = field(default_factory=dict)
    row: int = field(default_factory=next_row)

    @property
    def name(self) -> str:
        """Logical name: the last part of the URN."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def is_provider(self) -> bool:
        """Whether this is a provider resource."""
        return self.type.startswith("pulumi:providers:")

    def needs(self) -> frozenset[str]:
        """Return the URNs that must exist before this one: parent, provider, dependencies, deleted or replaced with."""
        urns = {*self.dependencies, *self.replace_with}
        for keys in self.property_dependencies.values():
            urns.update(keys)
        urns.update((self.parent, self.deleted_with, self.provider.rpartition("::")[0]))
        return frozenset(urns - {"", self.urn})

    def to_json(self) -> Struct:
        """Return the JSON form: keys in the CLI's order, empty ones left out."""
        values: dict[str, Value] = {
            "urn": self.urn,
            "custom": self.custom,
            "delete": self.delete,
            "id": self.id,
            "type": self.type,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "parent": self.parent,
            "protect": self.protect,
            "taint": self.taint,
            "external": self.external,
            "dependencies": list(self.dependencies),
            "initErrors": list(self.init_errors),
            "provider": self.provider,
            "propertyDependencies": {key: list(urns) for key, urns in self.property_dependencies.items()},
            "pendingReplacement": self.pending_replacement,
            "additionalSecretOutputs": list(self.additional_secret_outputs),
            "aliases": list(self.aliases),
            "customTimeouts": {key: value for key, value in self.custom_timeouts.items() if value},
            "importID": self.import_id,
            "retainOnDelete": self.retain_on_delete,
            "deletedWith": self.deleted_with,
            "replaceWith": list(self.replace_with),
            "created": self.created,
            "modified": self.modified,
            "sourcePosition": self.source_position,
            "stackTrace": list(self.stack_trace),
            "ignoreChanges": list(self.ignore_changes),
            "replaceOnChanges": list(self.replace_on_changes),
            "replacementTrigger": self.replacement_trigger,
            "resourceHooks": {kind: list(names) for kind, names in self.hooks.items()},
            **self.extra,
        }
        if self.replacement_trigger in (False, 0, ""):
            return {key: value for key, value in values.items() if value or key in (*_ALWAYS, "replacementTrigger")}
        return {key: value for key, value in values.items() if value or key in _ALWAYS}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PendingOperation:
    """An operation that had begun when the checkpoint was written and whose end is not recorded."""

    resource: ResourceState
    kind: PendingKind

    def to_json(self) -> Struct:
        """Return the JSON form."""
        return {"resource": self.resource.to_json(), "type": self.kind}


class _Reader:
    """Typed access to the members of one JSON object; remembers which keys were read."""

    def __init__(self, place: str, value: object) -> None:
        if not isinstance(value, dict):
            raise MalformedState(f"{place} is not an object")
        self.place = place
        self.rest: Struct = dict(value)

    def text(self, key: str) -> str:
        """Take a string, empty if absent."""
        value = self.rest.pop(key, None)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise MalformedState(f"{self.place}.{key} is not a string")
        return value

    def flag(self, key: str) -> bool:
        """Take a boolean, false if absent."""
        value = self.rest.pop(key, None)
        if value is not None and not isinstance(value, bool):
            raise MalformedState(f"{self.place}.{key} is not a boolean")
        return bool(value)

    def struct(self, key: str) -> Struct:
        """Take an object, empty if absent."""
        value = self.rest.pop(key, None)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise MalformedState(f"{self.place}.{key} is not an object")
        return value

    def values(self, key: str) -> list[Value]:
        """Take a list, empty if absent."""
        value = self.rest.pop(key, None)
        if value is None:
            return []
        if not isinstance(value, list):
            raise MalformedState(f"{self.place}.{key} is not a list")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a list of strings, empty if absent."""
        values = self.values(key)
        texts = tuple(value for value in values if isinstance(value, str))
        if len(texts) != len(values):
            raise MalformedState(f"{self.place}.{key} is not a list of strings")
        return texts

    def lists(self, key: str) -> dict[str, tuple[str, ...]]:
        """Take an object of lists of strings, empty if absent."""
        members = _Reader(f"{self.place}.{key}", self.struct(key))
        return {name: members.texts(name) for name in list(members.rest)}

    def seconds(self, key: str) -> dict[str, float]:
        """Take an object of numbers, empty if absent."""
        members = self.struct(key)
        for name, value in members.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise MalformedState(f"{self.place}.{key}.{name} is not a number")
        return {name: value for name, value in members.items() if isinstance(value, int | float)}


def resource_from_json(value: object, place: str = "resource") -> ResourceState:
    """Return the resource that `value` describes; secrets stay sealed.

    Raises:
        MalformedState: Wrong shape; the message starts with `place`.
    """
    reader = _Reader(place, value)
    urn, type_ = reader.text("urn"), reader.text("type")
    if not urn or not type_:
        raise MalformedState(f"{place} has no urn or no type")
    return ResourceState(
        urn=urn,
        type=type_,
        custom=reader.flag("custom"),
        delete=reader.flag("delete"),
        id=reader.text("id"),
        inputs=reader.struct("inputs"),
        outputs=reader.struct("outputs"),
        parent=reader.text("parent"),
        protect=reader.flag("protect"),
        taint=reader.flag("taint"),
        external=reader.flag("external"),
        dependencies=reader.texts("dependencies"),
        init_errors=reader.texts("initErrors"),
        provider=reader.text("provider"),
        property_dependencies=reader.lists("propertyDependencies"),
        pending_replacement=reader.flag("pendingReplacement"),
        additional_secret_outputs=reader.texts("additionalSecretOutputs"),
        aliases=reader.texts("aliases"),
        custom_timeouts=reader.seconds("customTimeouts"),
        import_id=reader.text("importID"),
        retain_on_delete=reader.flag("retainOnDelete"),
        deleted_with=reader.text("deletedWith"),
        replace_with=reader.texts("replaceWith"),
        created=reader.text("created"),
        modified=reader.text("modified"),
        source_position=reader.text("sourcePosition"),
        stack_trace=tuple(reader.values("stackTrace")),
        ignore_changes=reader.texts("ignoreChanges"),
        replace_on_changes=reader.texts("replaceOnChanges"),
        replacement_trigger=reader.rest.pop("replacementTrigger", None),
        hooks=reader.lists("resourceHooks"),
        extra=reader.rest,
    )


def pending_from_json(value: object, place: str = "pending operation") -> PendingOperation:
    """Return the pending operation that `value` describes.

    Raises:
        MalformedState: Wrong shape or an unknown kind.
    """
    reader = _Reader(place, value)
    word = reader.text("type")
    for kind in PENDING_KINDS:
        if kind == word:
            return PendingOperation(resource=resource_from_json(reader.rest.get("resource"), place), kind=kind)
    raise MalformedState(f"{place} has the unknown type '{word}'")


def renamed(resource: ResourceState, names: Mapping[str, str]) -> ResourceState:
    """Return `resource` with every reference to a key of `names` changed to its value."""
    if not names or not (resource.needs() & names.keys()):
        return resource
    provider, _, provider_id = resource.provider.rpartition("::")
    return replace(
        resource,
        parent=names.get(resource.parent, resource.parent),
        deleted_with=names.get(resource.deleted_with, resource.deleted_with),
        replace_with=tuple(names.get(urn, urn) for urn in resource.replace_with),
        dependencies=tuple(names.get(urn, urn) for urn in resource.dependencies),
        property_dependencies={
            key: tuple(names.get(urn, urn) for urn in urns) for key, urns in resource.property_dependencies.items()
        },
        provider=f"{names[provider]}::{provider_id}" if provider in names else resource.provider,
    )


def without_references(resource: ResourceState, gone: Mapping[str, str]) -> ResourceState:
    """Return `resource` without its references to the keys of `gone`; a value is the parent that a child gets then."""
    if not (resource.needs() & gone.keys()):
        return resource
    return replace(
        resource,
        dependencies=tuple(urn for urn in resource.dependencies if urn not in gone),
        property_dependencies={
            key: tuple(urn for urn in urns if urn not in gone) for key, urns in resource.property_dependencies.items()
        },
        parent=gone.get(resource.parent, resource.parent),
        deleted_with="" if resource.deleted_with in gone else resource.deleted_with,
        replace_with=tuple(urn for urn in resource.replace_with if urn not in gone),
    )
