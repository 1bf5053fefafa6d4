"""Transforms: functions of the program that change what resources and functions are asked for, before anything else."""

from __future__ import annotations

from pulumi.runtime.proto import callback_pb2, resource_pb2

from cellctl.state.values import OUTPUT_VALUE, SIGNATURE, UNKNOWN, Value, secret
from cellctl_sandbox.engine.callbacks import CallbackFailed, Callbacks
from cellctl_sandbox.engine.errors import StepFailed
from cellctl_sandbox.engine.wire import from_proto, to_proto


class Transforms:
    """The transforms of an operation: of the stack, and of each resource for itself and its children."""

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks
        self._of_stack: list[callback_pb2.Callback] = []
        self._of_invokes: list[callback_pb2.Callback] = []
        self._of: dict[str, list[callback_pb2.Callback]] = {}
        self._parents: dict[str, str] = {}

    def of_stack(self, callback: callback_pb2.Callback) -> None:
        """Take a transform of all resources."""
        self._of_stack.append(callback)

    def of_invokes(self, callback: callback_pb2.Callback) -> None:
        """Take a transform of all functions."""
        self._of_invokes.append(callback)

    def registered(self, urn: str, parent: str, own: list[callback_pb2.Callback]) -> None:
        """Note the transforms of a resource that was registered, for its children."""
        self._of[urn], self._parents[urn] = own, parent

    def applied(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceRequest:
        """Return a registration as the transforms leave it: its own first, then its parents', then the stack's.

        Raises:
            StepFailed: One raised.
        """
        callbacks = [*request.transforms, *self._inherited(request.parent), *self._of_stack]
        if not callbacks:
            return request
        asked = _asked_of(request)
        for callback in callbacks:
            try:
                answer = self._callbacks.call(callback, asked.SerializeToString())
            except CallbackFailed as error:
                raise StepFailed(f"a transform failed: {error}") from error
            response = resource_pb2.TransformResponse.FromString(answer)
            if response.HasField("properties"):
                asked.properties.CopyFrom(response.properties)
            if response.HasField("options"):
                asked.options.CopyFrom(response.options)
        return _registration_of(request, asked)

    def _inherited(self, urn: str) -> list[callback_pb2.Callback]:
        found: list[callback_pb2.Callback] = []
        while urn:
            found += self._of.get(urn, [])
            urn = self._parents.get(urn, "")
        return found

    def applied_to_invoke(self, request: resource_pb2.ResourceInvokeRequest) -> resource_pb2.ResourceInvokeRequest:
        """Return a function call as the transforms leave it; raises `StepFailed`."""
        if not self._of_invokes:
            return request
        options = resource_pb2.TransformInvokeOptions(
            provider=request.provider, plugin_download_url=request.pluginDownloadURL, version=request.version
        )
        asked = resource_pb2.TransformInvokeRequest(token=request.tok, args=request.args, options=options)
        for callback in self._of_invokes:
            try:
                answer = self._callbacks.call(callback, asked.SerializeToString())
            except CallbackFailed as error:
                raise StepFailed(f"a transform failed: {error}") from error
            response = resource_pb2.TransformInvokeResponse.FromString(answer)
            if response.HasField("args"):
                asked.args.CopyFrom(response.args)
            if response.HasField("options"):
                asked.options.CopyFrom(response.options)
        changed = resource_pb2.ResourceInvokeRequest()
        changed.CopyFrom(request)
        changed.args.CopyFrom(asked.args)
        changed.provider, changed.version = asked.options.provider, asked.options.version
        changed.pluginDownloadURL = asked.options.plugin_download_url
        return changed


# Options of a transform, and the fields of a registration that they are.
_LISTS = {
    "depends_on": "dependencies",
    "ignore_changes": "ignoreChanges",
    "replace_on_changes": "replaceOnChanges",
    "additional_secret_outputs": "additionalSecretOutputs",
    "replace_with": "replace_with",
    "aliases": "aliases",
}
_TEXTS = {
    "version": "version",
    "provider": "provider",
    "plugin_download_url": "pluginDownloadURL",
    "deleted_with": "deletedWith",
    "import": "importId",
}
_FLAGS = {"protect": "protect", "retain_on_delete": "retainOnDelete"}
_MESSAGES = {"custom_timeouts": "customTimeouts", "hooks": "hooks", "replacement_trigger": "replacement_trigger"}


def _asked_of(request: resource_pb2.RegisterResourceRequest) -> resource_pb2.TransformRequest:
    """Return what a transform is asked of a registration."""
    asked = resource_pb2.TransformRequest(
        type=request.type,
        name=request.name,
        custom=request.custom,
        parent=request.parent,
        properties=request.object,
        options=resource_pb2.TransformResourceOptions(providers=request.providers),
    )
    options = asked.options
    for theirs, ours in _LISTS.items():
        getattr(options, theirs).extend(getattr(request, ours))
    for theirs, ours in _TEXTS.items():
        setattr(options, theirs, getattr(request, ours))
    present = {field.name for field, _ in request.ListFields()}
    for theirs, ours in _FLAGS.items():
        if ours in present or (ours == "protect" and request.HasField("protect")):
            setattr(options, theirs, getattr(request, ours))
    for theirs, ours in _MESSAGES.items():
        if ours in present:
            getattr(options, theirs).CopyFrom(getattr(request, ours))
    if request.deleteBeforeReplaceDefined:
        options.delete_before_replace = request.deleteBeforeReplace
    return asked


def _registration_of(
    request: resource_pb2.RegisterResourceRequest, asked: resource_pb2.TransformRequest
) -> resource_pb2.RegisterResourceRequest:
    """Return the registration with the properties and options that the transforms left."""
    changed = resource_pb2.RegisterResourceRequest()
    changed.CopyFrom(request)
    options = asked.options
    for theirs, ours in (_LISTS | _MESSAGES).items():
        changed.ClearField(ours)  # type: ignore[arg-type]
        getattr(changed, ours).MergeFrom(getattr(options, theirs))
    for theirs, ours in _TEXTS.items():
        setattr(changed, ours, getattr(options, theirs))
    present = {field.name for field, _ in options.ListFields()}
    for theirs, ours in _MESSAGES.items():
        if theirs not in present:
            changed.ClearField(ours)  # type: ignore[arg-type]
    if options.HasField("protect"):
        changed.protect = options.protect
    if options.HasField("retain_on_delete"):
        changed.retainOnDelete = options.retain_on_delete
    changed.deleteBeforeReplaceDefined = options.HasField("delete_before_replace")
    changed.deleteBeforeReplace = options.delete_before_replace
    _take_properties(changed, asked)
    return changed


def _take_properties(changed: resource_pb2.RegisterResourceRequest, asked: resource_pb2.TransformRequest) -> None:
    """Set the properties; what an output value depends on is added to what the registration did."""
    changed.object.Clear()
    for key, item in asked.properties.fields.items():
        urns: set[str] = set()
        to_proto(_plain(from_proto(item), urns), changed.object.fields[key])
        known = changed.propertyDependencies[key].urns
        known.extend(sorted(urns - set(known)))
        changed.dependencies.extend(sorted(urns - set(changed.dependencies)))
    for key in [key for key in changed.propertyDependencies if key not in changed.object.fields]:
        del changed.propertyDependencies[key]


def _plain(value: Value, urns: set[str]) -> Value:
    """Return a value without output values; `urns` gets what they depend on."""
    if isinstance(value, dict) and value.get(SIGNATURE) == OUTPUT_VALUE:
        found = value.get("dependencies")
        urns.update(str(urn) for urn in found if urn) if isinstance(found, list) else None
        inner = _plain(value["value"], urns) if "value" in value else UNKNOWN
        return secret(inner) if value.get("secret") else inner
    if isinstance(value, dict):
        return {key: _plain(item, urns) for key, item in value.items()}
    return [_plain(item, urns) for item in value] if isinstance(value, list) else value
