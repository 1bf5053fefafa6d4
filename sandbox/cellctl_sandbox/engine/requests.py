"""Reading the SDK's protobuf requests into goals; features that the engine does not have are refused here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cellctl.state.values import Struct, Value
from cellctl_sandbox.engine.assets import with_asset_hashes
from cellctl_sandbox.engine.callbacks import bound_hooks
from cellctl_sandbox.engine.errors import UnsupportedFeature
from cellctl_sandbox.engine.goals import Alias, Goal, InvokeGoal, ReadGoal
from cellctl_sandbox.engine.refusals import Feature
from cellctl_sandbox.engine.sdk import DYNAMIC_PREFIX
from cellctl_sandbox.engine.urns import PROVIDER_PREFIX
from cellctl_sandbox.engine.wire import as_stated, from_proto, from_struct

if TYPE_CHECKING:
    from pulumi.runtime.proto import alias_pb2, resource_pb2


def goal_of(request: resource_pb2.RegisterResourceRequest) -> Goal:
    """Return the goal of a registration.

    Raises:
        UnsupportedFeature: The request uses something that this engine does not have.
    """
    _refuse(request)
    properties = _properties(from_struct(request.object))
    if request.type.startswith(PROVIDER_PREFIX):
        properties |= _of_provider(request)
    timeouts = request.customTimeouts
    given = {key: str(getattr(timeouts, key)) for key in ("create", "update", "delete", "read")}
    return Goal(
        type=request.type,
        name=request.name,
        custom=request.custom,
        properties=properties,
        parent=request.parent,
        protect=request.protect,
        dependencies=tuple(sorted(request.dependencies)),
        property_dependencies={key: tuple(sorted(item.urns)) for key, item in request.propertyDependencies.items()},
        provider=request.provider,
        version=request.version,
        download_url=request.pluginDownloadURL,
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        delete_before_replace=request.deleteBeforeReplace if request.deleteBeforeReplaceDefined else None,
        aliases=(*(Alias(urn=urn) for urn in request.aliasURNs), *(_alias(item) for item in request.aliases)),
        import_id=request.importId,
        custom_timeouts={key: text for key, text in given.items() if text},
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        retain_on_delete=request.retainOnDelete,
        deleted_with=request.deletedWith,
        replace_with=tuple(request.replace_with),
        replacement_trigger=_trigger(request),
        hooks=bound_hooks(request.hooks),
    )


def inheriting(
    request: resource_pb2.RegisterResourceRequest, parent: resource_pb2.RegisterResourceRequest | None
) -> resource_pb2.RegisterResourceRequest:
    """Return a registration with the options that it does not give as its parent has them."""
    if parent is None:
        return request
    if not request.deletedWith:
        request.deletedWith = parent.deletedWith
    if not request.HasField("protect") and parent.HasField("protect"):
        request.protect = parent.protect
    if not request.HasField("retainOnDelete") and parent.HasField("retainOnDelete"):
        request.retainOnDelete = parent.retainOnDelete
    package = parent.provider.rpartition("::")[0].split("::")[2].rpartition(":")[2] if parent.provider else ""
    if not request.provider and package and (not request.custom or request.type.partition(":")[0] == package):
        request.provider = parent.provider
    return request


def _of_provider(request: resource_pb2.RegisterResourceRequest) -> Struct:
    """Return what the options of a provider resource add to its inputs."""
    own: Struct = {}
    if request.pluginDownloadURL:
        own["pluginDownloadURL"] = request.pluginDownloadURL
    if request.envVarMappings:
        own["envVarMappings"] = dict(request.envVarMappings)
    if request.version:
        return {"version": request.version, "__internal": own}
    return {"__internal": own} if own else {}


def _trigger(request: resource_pb2.RegisterResourceRequest) -> Value:
    if not request.HasField("replacement_trigger"):
        return None
    return with_asset_hashes(from_proto(request.replacement_trigger))


def _refuse(request: resource_pb2.RegisterResourceRequest) -> None:
    used: Iterable[tuple[bool, Feature]] = (
        (request.remote, Feature.REMOTE_COMPONENTS),
        (bool(request.packageRef), Feature.PACKAGES),
        (bool(request.state_migrations), Feature.STATE_MIGRATIONS),
        (request.type.startswith(DYNAMIC_PREFIX), Feature.DYNAMIC),
    )
    for is_used, feature in used:
        if is_used:
            raise UnsupportedFeature(feature, urn=f"{request.type}::{request.name}")


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
        raise UnsupportedFeature(Feature.PACKAGES)
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


def exists_goal_of(request: resource_pb2.ExistsResourceRequest) -> ReadGoal:
    """Return what an existence check is about; raises `UnsupportedFeature`."""
    if request.packageRef:
        raise UnsupportedFeature(Feature.PACKAGES)
    return ReadGoal(
        type=request.type,
        name="",
        id=request.id,
        properties=_properties(from_struct(request.properties)),
        provider=request.provider,
        version=request.version,
        download_url=request.pluginDownloadURL,
    )


def invoke_goal_of(request: resource_pb2.ResourceInvokeRequest) -> InvokeGoal:
    """Return the goal of an invoke; raises `UnsupportedFeature`."""
    if request.packageRef:
        raise UnsupportedFeature(Feature.PACKAGES)
    return InvokeGoal(
        token=request.tok,
        args=_properties(from_struct(request.args)),
        provider=request.provider,
        version=request.version,
        download_url=request.pluginDownloadURL,
    )


def _properties(struct: Struct) -> Struct:
    return {key: as_stated(with_asset_hashes(value)) for key, value in struct.items()}


def outputs_of(request: resource_pb2.RegisterResourceOutputsRequest) -> Struct:
    """Return the outputs that a component registers."""
    return _properties(from_struct(request.outputs))
