"""Reading the SDK's protobuf requests into goals; features that the engine does not have are refused here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from cellctl.state.values import Struct
from cellctl_sandbox.engine.errors import UnsupportedFeature
from cellctl_sandbox.engine.goals import Alias, Goal, InvokeGoal, ReadGoal
from cellctl_sandbox.engine.urns import PROVIDER_PREFIX
from cellctl_sandbox.engine.wire import from_struct, with_asset_hashes

if TYPE_CHECKING:
    from pulumi.runtime.proto import alias_pb2, resource_pb2

STACK_REFERENCE = "pulumi:pulumi:StackReference"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_SECONDS: Mapping[str, float] = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}


def seconds(text: str) -> float:
    """Return a Go duration (`1h30m`) in seconds; 0 for an empty text."""
    total = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))
    return int(total) if float(total).is_integer() else total


def goal_of(request: resource_pb2.RegisterResourceRequest) -> Goal:
    """Return the goal of a registration.

    Raises:
        UnsupportedFeature: The request uses something that this engine does not have.
    """
    _refuse(request)
    properties = _properties(from_struct(request.object))
    if request.type.startswith(PROVIDER_PREFIX) and request.version:
        properties["version"] = request.version
    timeouts = request.customTimeouts
    given = {"create": timeouts.create, "update": timeouts.update, "delete": timeouts.delete}
    return Goal(
        type=request.type,
        name=request.name,
        custom=request.custom,
        properties=properties,
        parent=request.parent,
        protect=request.protect,
        dependencies=tuple(request.dependencies),
        property_dependencies={key: tuple(item.urns) for key, item in request.propertyDependencies.items()},
        provider=request.provider,
        version=request.version,
        download_url=request.pluginDownloadURL,
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        aliases=(*(Alias(urn=urn) for urn in request.aliasURNs), *(_alias(item) for item in request.aliases)),
        import_id=request.importId,
        custom_timeouts={key: seconds(text) for key, text in given.items() if text},
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        retain_on_delete=request.retainOnDelete,
        deleted_with=request.deletedWith,
    )


def _refuse(request: resource_pb2.RegisterResourceRequest) -> None:
    urn = f"{request.type}::{request.name}"
    used: Iterable[tuple[bool, str]] = (
        (request.remote, "remote components"),
        (bool(request.packageRef), "parameterised packages"),
        (bool(request.transforms), "transforms"),
        (request.HasField("hooks") and bool(request.hooks.ListFields()), "resource hooks"),
        (bool(request.replace_with), "the option replaceWith"),
        (request.HasField("replacement_trigger"), "the option replacementTrigger"),
        (bool(request.state_migrations), "state migrations"),
        (bool(request.envVarMappings), "environment mappings of providers"),
        (request.type.startswith("pulumi-python:dynamic"), "dynamic providers"),
        (request.type == STACK_REFERENCE, "stack references"),
    )
    for is_used, feature in used:
        if is_used:
            raise UnsupportedFeature(feature, urn=urn)


def _alias(message: alias_pb2.Alias) -> Alias:
    if message.WhichOneof("alias") == "urn":
        return Alias(urn=message.urn)
    spec = message.spec
    return Alias(
        name=spec.name or None,
        type=spec.type or None,
        stack=spec.stack or None,
        project=spec.project or None,
        parent_urn=spec.parentUrn or None,
        no_parent=spec.noParent,
    )


def read_goal_of(request: resource_pb2.ReadResourceRequest) -> ReadGoal:
    """Return the goal of a read; raises `UnsupportedFeature`."""
    if request.packageRef:
        raise UnsupportedFeature("parameterised packages")
    if request.type == STACK_REFERENCE:
        raise UnsupportedFeature("stack references")
    return ReadGoal(
        type=request.type,
        name=request.name,
        id=request.id,
        properties=_properties(from_struct(request.properties)),
        parent=request.parent,
        dependencies=tuple(request.dependencies),
        provider=request.provider,
        version=request.version,
        download_url=request.pluginDownloadURL,
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
    )


def invoke_goal_of(request: resource_pb2.ResourceInvokeRequest) -> InvokeGoal:
    """Return the goal of an invoke; raises `UnsupportedFeature`."""
    if request.packageRef:
        raise UnsupportedFeature("parameterised packages")
    return InvokeGoal(
        token=request.tok,
        args=_properties(from_struct(request.args)),
        provider=request.provider,
        version=request.version,
        download_url=request.pluginDownloadURL,
    )


def _properties(struct: Struct) -> Struct:
    return {key: with_asset_hashes(value) for key, value in struct.items()}


def outputs_of(request: resource_pb2.RegisterResourceOutputsRequest) -> Struct:
    """Return the outputs that a component registers."""
    return _properties(from_struct(request.outputs))
