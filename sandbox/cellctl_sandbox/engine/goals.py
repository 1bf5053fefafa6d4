"""What a program asks for: one resource registration or read, as a frozen value without protobuf."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cellctl.state.values import Struct, Value
from cellctl_sandbox.engine.errors import Rejected

_PART = r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)"
_DURATION, _WHOLE_DURATION = re.compile(_PART), re.compile(rf"[+-]?(?:0|(?:{_PART})+)")
_SECONDS: Mapping[str, float] = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}


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
    """A resource as the program wants it. `delete_before_replace` is None where the option was not given.

    `custom_timeouts` are as they were written (`seconds` reads them).
    """

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
    custom_timeouts: Mapping[str, str] = field(default_factory=dict)
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


def checked_aliases(aliases: Iterable[Alias]) -> None:
    """Look at what aliases give as URNs.

    Raises:
        Rejected: One is none.
    """
    for alias in aliases:
        for text, what in ((alias.urn, "alias"), (alias.parent_urn, "parent alias")):
            if text and not (text.startswith("urn:pulumi:") and text.count("::") >= 3):
                raise Rejected(f'invalid {what} URN: invalid URN "{text}"')


def seconds(text: str) -> float:
    """Return a Go duration (`1h30m`) in seconds.

    Raises:
        Rejected: The text is none.
    """
    if not _WHOLE_DURATION.fullmatch(text):
        raise Rejected(f"unable to parse customTimeout Value {text}")
    total = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))
    total = -total if text.startswith("-") else total
    return int(total) if float(total).is_integer() else total
