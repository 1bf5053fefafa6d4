"""Checkpoint versions 3 and 4: reading, writing, integrity.

A Checkpoint is a frozen value. `CheckpointWriter` turns it into text; the text of each resource is cached, so that
writing after a step is a join of strings (500 resources: a few milliseconds).
"""

from __future__ import annotations

import hashlib
import json
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from cellctl.state.resources import (
    MalformedState,
    PendingOperation,
    ResourceState,
    pending_from_json,
    resource_from_json,
)
from cellctl.state.sealing import Vault, shown
from cellctl.state.values import Struct, Value

ENGINE_VERSION = "v3.260.0"  # the CLI whose format this is; a newer CLI reads it
FEATURES: Mapping[str, str] = {  # of version 4, and the key of a resource that uses it
    "hooks": "resourceHooks",
    "refreshBeforeUpdate": "refreshBeforeUpdate",
    "replaceWith": "replaceWith",
    "taint": "taint",
    "views": "viewOf",
}


def now_text() -> str:
    """Return the present time as checkpoints write it: RFC 3339, UTC, microseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state of one stack.

    `stack` is the full name, `organization/project/stack`. `fresh` tells that nothing was ever deployed (`latest` is
    absent or null in the file). Whether secrets in `resources` are sealed or opened is the holder's affair.
    """

    stack: str
    resources: tuple[ResourceState, ...] = ()
    pending: tuple[PendingOperation, ...] = ()
    secrets_kind: str = ""
    secrets_state: Struct = field(default_factory=dict)
    metadata: Struct = field(default_factory=dict)
    time: str = ""
    version: str = ENGINE_VERSION
    fresh: bool = False

    def find(self, urn: str) -> ResourceState | None:
        """Return the living resource of that URN."""
        return next((item for item in self.resources if item.urn == urn and not item.delete), None)

    @property
    def root(self) -> ResourceState | None:
        """The root stack resource, whose outputs are the stack's."""
        return next((item for item in self.resources if item.type == "pulumi:pulumi:Stack" and not item.delete), None)


def parse(text: str | bytes) -> Checkpoint:
    """Return the checkpoint that `text` holds; secrets stay sealed.

    Raises:
        MalformedState: Not JSON, not version 3, or a wrong shape.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedState(f"not a checkpoint: {error}") from None
    checkpoint = readable(document).get("checkpoint")
    stack = checkpoint.get("stack") if isinstance(checkpoint, dict) else None
    if not isinstance(checkpoint, dict) or not isinstance(stack, str):
        raise MalformedState("the checkpoint names no stack")
    latest = checkpoint.get("latest")
    return deployment_from_json(latest or {}, stack=stack, fresh=not latest)


def readable(document: object) -> Struct:
    """Return the document of a checkpoint or of an export, if it is of a version that can be read.

    Version 4 is version 3 with a list of the features that its resources use.

    Raises:
        MalformedState: Another version, or a feature that is not known.
    """
    if not isinstance(document, dict) or document.get("version") not in (3, 4):
        raise MalformedState("not a checkpoint of version 3 or 4")
    features = document.get("features")
    unknown = [str(item) for item in features if item not in FEATURES] if isinstance(features, list) else []
    if unknown:
        raise MalformedState(f"the checkpoint needs features that are not known here: {', '.join(unknown)}")
    return document


def envelope(checkpoint: Checkpoint) -> Struct:
    """Return the version of a document that holds the checkpoint, with the features that its resources use."""
    return _envelope(_features((*checkpoint.resources, *(item.resource for item in checkpoint.pending))))


def _envelope(used: Iterable[str]) -> Struct:
    features: list[Value] = [*sorted(used)]
    return {"version": 4, "features": features} if features else {"version": 3}


def _features(resources: Iterable[ResourceState]) -> frozenset[str]:
    """Return the features that resources use; few use any, so the others are not looked at closely."""
    marked = [item.to_json() for item in resources if item.hooks or item.taint or item.replace_with or item.extra]
    return frozenset(name for name, key in FEATURES.items() if any(item.get(key) for item in marked))


def deployment_from_json(value: object, *, stack: str, fresh: bool = False) -> Checkpoint:
    """Return the checkpoint of a deployment object: `latest` of a file, `deployment` of an export.

    Raises:
        MalformedState: A wrong shape.
    """
    if not isinstance(value, dict):
        raise MalformedState("the deployment is not an object")
    manifest = _object(value.get("manifest"), "manifest")
    provider = _object(value.get("secrets_providers"), "secrets_providers")
    state = provider.get("state")
    resources, pending = value.get("resources") or [], value.get("pending_operations") or []
    if not isinstance(resources, list) or not isinstance(pending, list):
        raise MalformedState("resources or pending_operations are not a list")
    return Checkpoint(
        stack=stack,
        resources=tuple(resource_from_json(item, f"resources[{i}]") for i, item in enumerate(resources)),
        pending=tuple(pending_from_json(item, f"pending_operations[{i}]") for i, item in enumerate(pending)),
        secrets_kind=str(provider.get("type") or ""),
        secrets_state=state if isinstance(state, dict) else {},
        metadata=_object(value.get("metadata"), "metadata"),
        time=str(manifest.get("time") or ""),
        version=str(manifest.get("version") or ENGINE_VERSION),
        fresh=fresh,
    )


def _object(value: object, place: str) -> Struct:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedState(f"{place} is not an object")
    return value


def integrity_problem(checkpoint: Checkpoint) -> str:
    """Return why the resources cannot be a state, or an empty text.

    What a resource needs must come before it, but for the provider of one that waits to be made again; no URN lives
    twice.
    """
    seen: set[str] = set()
    provider_ids: set[str] = set()
    for resource in checkpoint.resources:
        provider = "" if resource.pending_replacement else resource.provider
        for urn in sorted(resource.needs() - {resource.provider.rpartition("::")[0]}):
            if urn not in seen:
                return f"{resource.urn} refers to {urn}, which is missing or comes later"
        if provider and provider not in provider_ids:
            return f"{resource.urn} refers to the provider {resource.provider}, which is missing"
        if resource.urn in seen and not resource.delete and _lives_twice(checkpoint, resource.urn):
            return f"{resource.urn} is there twice"
        seen.add(resource.urn)
        if resource.is_provider:
            provider_ids.add(f"{resource.urn}::{resource.id}")
    return ""


def _lives_twice(checkpoint: Checkpoint, urn: str) -> bool:
    return sum(item.urn == urn and not item.delete for item in checkpoint.resources) > 1


def digest(checkpoint: Checkpoint) -> str:
    """Return the sha256, in hex, of resources and pending operations: equal digests mean an equal state.

    Sealed secrets count by their ciphertext, which is kept while the secret does not change.
    """
    content = [item.to_json() for item in checkpoint.resources], [item.to_json() for item in checkpoint.pending]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def with_properties(checkpoint: Checkpoint, convert: Callable[[Struct, str], Struct]) -> Checkpoint:
    """Return the checkpoint with `convert(properties, urn)` applied to all inputs and outputs."""

    def converted(item: ResourceState) -> ResourceState:
        inputs, outputs = convert(item.inputs, item.urn), convert(item.outputs, item.urn)
        return _with_trigger(replace(item, inputs=inputs, outputs=outputs), convert)

    return replace(
        checkpoint,
        resources=tuple(converted(item) for item in checkpoint.resources),
        pending=tuple(replace(item, resource=converted(item.resource)) for item in checkpoint.pending),
    )


def _with_trigger(item: ResourceState, convert: Callable[[Struct, str], Struct]) -> ResourceState:
    """Return the resource with `convert` applied to what triggers its replacement, which may be secret."""
    if item.replacement_trigger is None:
        return item
    converted = convert({"replacementTrigger": item.replacement_trigger}, item.urn)
    return replace(item, replacement_trigger=converted["replacementTrigger"])


def opened(checkpoint: Checkpoint, vault: Vault) -> Checkpoint:
    """Return the checkpoint with its secrets opened; raises `WrongPassphrase`."""
    return with_properties(checkpoint, vault.open_struct)


def document(checkpoint: Checkpoint) -> Struct:
    """Return the document of a checkpoint's file; its secrets are in the form they shall have."""
    latest = None if checkpoint.fresh else deployment_to_json(checkpoint)
    return {**envelope(checkpoint), "checkpoint": {"stack": checkpoint.stack, "latest": latest}}


def exported(checkpoint: Checkpoint, *, show_secrets: bool) -> Struct:
    """Return an opened (`show_secrets`) or sealed checkpoint as the CLI's `stack export` writes it."""
    if show_secrets:
        checkpoint = with_properties(checkpoint, lambda struct, _urn: {key: shown(v) for key, v in struct.items()})
    return {**envelope(checkpoint), "deployment": deployment_to_json(checkpoint)}


def deployment_to_json(checkpoint: Checkpoint) -> Struct:
    """Return the deployment object of a checkpoint whose secrets are in the form they shall have."""
    body = _head(checkpoint)
    if checkpoint.resources:
        body["resources"] = [item.to_json() for item in checkpoint.resources]
    if checkpoint.pending:
        body["pending_operations"] = [item.to_json() for item in checkpoint.pending]
    return {**body, "metadata": checkpoint.metadata}


def _head(checkpoint: Checkpoint) -> Struct:
    magic = hashlib.sha256(checkpoint.version.encode()).hexdigest()
    head: Struct = {"manifest": {"time": checkpoint.time or now_text(), "magic": magic, "version": checkpoint.version}}
    if checkpoint.secrets_kind:
        head["secrets_providers"] = {"type": checkpoint.secrets_kind, "state": checkpoint.secrets_state}
    return head


_BLOCK = 64


class CheckpointWriter:
    """Writes checkpoints whose secrets are opened; seals them and caches the text of each resource."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._texts: weakref.WeakKeyDictionary[ResourceState, str] = weakref.WeakKeyDictionary()
        self._joined: dict[int, tuple[tuple[ResourceState, ...], bytes, frozenset[str]]] = {}

    def text(self, checkpoint: Checkpoint) -> str:
        """Return the file's text: one line, the CLI's key order."""
        return b"".join(self.pieces(checkpoint)).decode()

    def pieces(self, checkpoint: Checkpoint) -> list[bytes]:
        """Return the file's text in pieces; most stay from write to write of a state of megabytes."""
        blocks = list(self._blocks(checkpoint.resources))
        used = _features(item.resource for item in checkpoint.pending).union(*(features for _, features in blocks))
        head = [_compact(_envelope(used))[:-1], ',"checkpoint":{"stack":', _compact(checkpoint.stack), ',"latest":']
        pieces = ["".join((*head, _compact(_head(checkpoint))[:-1])).encode()]
        for place, (block, _) in enumerate(blocks):
            pieces += (b"," if place else b',"resources":[', block)
        parts = ["]" if checkpoint.resources else ""]
        for place, pending in enumerate(checkpoint.pending):
            start = "," if place else ',"pending_operations":['
            parts += (start, '{"resource":', self._text(pending.resource), f',"type":"{pending.kind}"}}')
        parts.append("]" if checkpoint.pending else "")
        parts += (',"metadata":', _compact(checkpoint.metadata), "}}}")
        return [*pieces, "".join(parts).encode()]

    def _blocks(self, resources: tuple[ResourceState, ...]) -> Iterator[tuple[bytes, frozenset[str]]]:
        """Yield the text of the resources, many at a time, and the features they use: most stay from write to write."""
        for start in range(0, len(resources), _BLOCK):
            block = resources[start : start + _BLOCK]
            known = self._joined.get(start)
            if known is None or known[0] != block:  # the very same resources: they compare by identity
                known = self._joined[start] = block, ",".join(map(self._text, block)).encode(), _features(block)
            yield known[1:]

    def _text(self, resource: ResourceState) -> str:
        text = self._texts.get(resource)
        if text is None:
            sealed = replace(
                resource,
                inputs=self._vault.seal_struct(resource.inputs, resource.urn),
                outputs=self._vault.seal_struct(resource.outputs, resource.urn),
            )
            text = self._texts[resource] = _compact(_with_trigger(sealed, self._vault.seal_struct).to_json())
        return text


def _compact(value: Value | Mapping[str, Value]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
