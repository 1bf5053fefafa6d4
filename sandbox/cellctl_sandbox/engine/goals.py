"""What a program asks for: one resource registration or read, as a frozen value without protobuf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cellctl.state.values import Struct, Value


@dataclass(frozen=True, kw_only=True, slots=True)
class Alias:
    """Another identity under which the state may know the resource: a whole URN, or the parts that differ.

    None means "as the resource has it now". `no_parent`: it had none but the root stack.
    """

    urn: str = ""
    name: str | None = None
    type: str | None = None
    stack: str | None = None
    project: str | None = None
    parent_urn: str | None = None
    no_parent: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """A resource as the program wants it. `delete_before_replace` is None where the option was not given."""

    type: str
    name: str
    custom: bool
    properties: Struct = field(default_factory=dict)
    parent: str = ""
    protect: bool = False
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    provider: str = ""
    version: str = ""
    download_url: str = ""
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    delete_before_replace: bool | None = None
    aliases: tuple[Alias, ...] = ()
    import_id: str = ""
    custom_timeouts: Mapping[str, float] = field(default_factory=dict)
    additional_secret_outputs: tuple[str, ...] = ()
    retain_on_delete: bool = False
    deleted_with: str = ""
    replace_with: tuple[str, ...] = ()
    replacement_trigger: Value = None
    hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadGoal:
    """An existing object that the program wants to look at: `.get()`."""

    type: str
    name: str
    id: str
    properties: Struct = field(default_factory=dict)
    parent: str = ""
    dependencies: tuple[str, ...] = ()
    provider: str = ""
    version: str = ""
    download_url: str = ""
    additional_secret_outputs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class InvokeGoal:
    """A function call of the program."""

    token: str
    args: Struct
    provider: str = ""
    version: str = ""
    download_url: str = ""


def package_of(token: str) -> str:
    """Return the package of a type or function token: its first part."""
    return token.partition(":")[0]
