"""A deployment under another stack's name: in URNs and in references to resources, not in texts that look like them."""

from __future__ import annotations

from cellctl.state import checkpoint as checkpoints
from cellctl.state.backend import StackName
from cellctl.state.checkpoint import Checkpoint
from cellctl.state.values import RESOURCE_REFERENCE, SIGNATURE, Struct, Value
from cellctl_sandbox.engine.urns import ROOT_TYPE

_URNS = ("urn", "parent", "deletedWith", "viewOf")
_LISTS = ("dependencies", "replaceWith", "aliases")


class Renaming:
    """Changes one stack's name into another."""

    def __init__(self, old: StackName, new: StackName) -> None:
        self._old, self._new = old, new

    def moved(self, state: Checkpoint) -> Checkpoint:
        """Return a state as that of the new stack; what is sealed stays sealed."""
        document = checkpoints.deployment_to_json(state)
        pending = document.get("pending_operations")
        rows = [*_maps(document.get("resources")), *(_map(item.get("resource")) for item in _maps(pending))]
        for row in rows:
            self._rename(row)
        return checkpoints.deployment_from_json(document, stack=self._new.full)

    def _rename(self, row: Struct) -> None:
        for key in _URNS:
            if row.get(key):
                row[key] = self._urn(row[key])
        for key in _LISTS:
            if row.get(key):
                row[key] = self._urns(row[key])
        row["propertyDependencies"] = {
            key: self._urns(urns) for key, urns in _map(row.get("propertyDependencies")).items()
        }
        provider, _, id_ = str(row.get("provider") or "").rpartition("::")
        if provider:
            row["provider"] = f"{self._urn(provider)}::{id_}"
        for key in ("inputs", "outputs"):
            row[key] = self._value(row.get(key) or {})

    def _urns(self, urns: Value) -> Value:
        return [self._urn(urn) for urn in urns] if isinstance(urns, list) else urns

    def _urn(self, urn: Value) -> Value:
        before = f"urn:pulumi:{self._old.stack}::{self._old.project}::"
        if not isinstance(urn, str) or not urn.startswith(before):
            return urn
        kind, _, name = urn.removeprefix(before).partition("::")
        if kind == ROOT_TYPE and name == f"{self._old.project}-{self._old.stack}":
            name = f"{self._new.project}-{self._new.stack}"
        return f"urn:pulumi:{self._new.stack}::{self._new.project}::{kind}::{name}"

    def _value(self, value: Value) -> Value:
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.get(SIGNATURE) == RESOURCE_REFERENCE:
            return {key: self._urn(item) if key == "urn" else item for key, item in value.items()}
        return {key: self._value(item) for key, item in value.items()}


def _maps(items: Value) -> list[Struct]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _map(item: Value) -> Struct:
    return item if isinstance(item, dict) else {}
