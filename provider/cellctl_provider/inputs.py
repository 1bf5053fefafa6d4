"""Inputs of a resource type as data: what Check fills in and refuses, how Diff compares. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cellctl.state.values import UNKNOWN, Struct, Value, bare, bare_struct, contains_unknown
from cellctl_provider.protocol import (
    Check,
    Checked,
    CheckFailure,
    Diff,
    Diffed,
    DiffKind,
    PropertyDiff,
    ProviderError,
)

FieldKind: TypeAlias = Literal["text", "whole", "truth", "texts", "wholes", "text_map", "whole_map"]
_SAYS: Mapping[FieldKind, str] = {
    "text": "a text",
    "whole": "a whole number",
    "truth": "true or false",
    "texts": "a list of texts",
    "wholes": "a list of whole numbers",
    "text_map": "a map of texts",
    "whole_map": "a map of whole numbers",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One input. `pattern` must match the whole text (or each text of a list); `reason` is said where it does not.

    `replaces` tells that a change needs a new object; `settled` that a change after creation means nothing.
    """

    name: str
    kind: FieldKind
    required: bool = False
    default: Value = None
    replaces: bool = False
    settled: bool = False
    pattern: str = ""
    reason: str = ""


def check(fields: Sequence[Field], request: Check) -> Checked:
    """Return the inputs with defaults, or what is wrong with each; values that are not known yet pass."""
    known = {field.name for field in fields}
    given = {key: value for key, value in request.news.items() if value is not None and key != "__defaults"}
    failures = [CheckFailure(property=key, reason="there is no such property") for key in given if key not in known]
    inputs: Struct = {}
    for field in fields:
        value = given.get(field.name, field.default)
        if value is None:
            if field.required:
                failures.append(CheckFailure(property=field.name, reason="is required"))
            continue
        inputs[field.name] = value
        if not contains_unknown(value):
            reason = _refusal(field, bare(value))
            failures += [CheckFailure(property=field.name, reason=reason)] if reason else []
    return Checked(inputs=inputs, failures=tuple(failures))


def diff(fields: Sequence[Field], request: Diff) -> Diffed:
    """Compare old with new inputs, key by key."""
    old, new = bare_struct(request.old_inputs), bare_struct(request.news)
    replaces = {field.name for field in fields if field.replaces}
    settled = {field.name for field in fields if field.settled}
    detailed: dict[str, PropertyDiff] = {}
    for key in sorted({*old, *new} - settled - set(request.ignore_changes)):
        if old.get(key) == new.get(key):
            continue
        detailed[key] = PropertyDiff(kind=_kind(old.get(key), new.get(key), replace=key in replaces))
    return Diffed(
        changes="some" if detailed else "none",
        diffs=tuple(detailed),
        replaces=tuple(key for key in detailed if key in replaces),
        detailed=detailed,
    )


def preview_of(inputs: Struct, outputs: Sequence[str]) -> Struct:
    """Return what a preview knows: the inputs, and `outputs` as not known yet."""
    return inputs | dict.fromkeys(outputs, UNKNOWN)


def text(values: Mapping[str, Value], key: str) -> str:
    """Return a text input in clear, `` if it is missing."""
    value = bare(values.get(key))
    return value if isinstance(value, str) else ""


def texts(values: Mapping[str, Value], key: str) -> list[str]:
    """Return a list of texts in clear."""
    value = bare(values.get(key))
    return [str(item) for item in value] if isinstance(value, list) else []


def text_map(values: Mapping[str, Value], key: str) -> dict[str, str]:
    """Return a map of texts in clear."""
    value = bare(values.get(key))
    return {name: str(item) for name, item in value.items()} if isinstance(value, dict) else {}


def wholes(values: Mapping[str, Value], key: str) -> list[int]:
    """Return a list of whole numbers."""
    value = bare(values.get(key))
    return [int(item) for item in value if isinstance(item, int | float)] if isinstance(value, list) else []


def whole_map(values: Mapping[str, Value], key: str) -> dict[str, int]:
    """Return a map of whole numbers."""
    value = bare(values.get(key))
    items = value.items() if isinstance(value, dict) else ()
    return {name: int(item) for name, item in items if isinstance(item, int | float)}


def truth(values: Mapping[str, Value], key: str) -> bool:
    """Return whether an input is true."""
    return bare(values.get(key)) is True


def needed(values: Mapping[str, Value], key: str) -> str:
    """Return a text that the step cannot do without."""
    found = text(values, key)
    if not found:
        raise ProviderError(f"input {key} is missing", code="invalid")
    return found


def _kind(old: Value, new: Value, *, replace: bool) -> DiffKind:
    if old is None:
        return "add-replace" if replace else "add"
    if new is None:
        return "delete-replace" if replace else "delete"
    return "update-replace" if replace else "update"


def _refusal(field: Field, value: Value) -> str:
    if not _has_kind(field.kind, value):
        return f"must be {_SAYS[field.kind]}"
    listed = value if isinstance(value, list) else [value]
    if field.pattern and any(not re.fullmatch(field.pattern, str(item)) for item in listed):
        return field.reason or f"must match {field.pattern}"
    return ""


def _has_kind(kind: FieldKind, value: Value) -> bool:
    if kind == "text":
        return isinstance(value, str)
    if kind == "truth":
        return isinstance(value, bool)
    if kind == "whole":
        return _is_whole(value)
    if kind in ("texts", "wholes"):
        return isinstance(value, list) and all(_has_kind("text" if kind == "texts" else "whole", v) for v in value)
    inner: FieldKind = "text" if kind == "text_map" else "whole"
    return isinstance(value, dict) and all(_has_kind(inner, item) for item in value.values())


def _is_whole(value: Value) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and float(value).is_integer()
