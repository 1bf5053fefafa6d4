"""The SDK's side: resource monitor and engine as plain objects, called without sockets or served over them.

Methods take `(request, context=None)` as a gRPC servicer's do, and are named by the protocol.
"""
# ruff: noqa: N802  the protocol's names

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import callback_pb2, engine_pb2, resource_pb2

from cellctl.state.values import UNKNOWN
from cellctl_sandbox.engine import requests
from cellctl_sandbox.engine.deployment import Answer, Deployment
from cellctl_sandbox.engine.errors import Rejected, StepFailed, Unavailable, UnsupportedFeature
from cellctl_sandbox.engine.eventlog import EventLog, Severity
from cellctl_sandbox.engine.refusals import Feature
from cellctl_sandbox.engine.sdk import CALLBACKS_BEGIN, FEATURES, declared_refusal, invoke_response
from cellctl_sandbox.engine.transforms import Transforms
from cellctl_sandbox.engine.wire import to_struct

_SEVERITIES: tuple[Severity, ...] = ("debug", "info", "warning", "error")


class Monitor:
    """`pulumirpc.ResourceMonitor` over one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._transforms = Transforms(deployment.scope.callbacks)
        self._requests: dict[str, resource_pb2.RegisterResourceRequest] = {}

    def GetDeploymentInfo(self, _request: object, _context: object = None) -> resource_pb2.DeploymentInfo:
        """Describe the operation and the features on offer."""
        scope = self._deployment.scope
        return resource_pb2.DeploymentInfo(
            project=scope.project,
            stack=scope.stack,
            organization="organization",
            config={key: item.value for key, item in scope.config.items()},
            configSecretKeys=[key for key, item in scope.config.items() if item.secret],
            dryRun=scope.planning,
            parallel=scope.options.parallel,
            supportedFeatures=list(FEATURES.values()),
        )

    def SupportsFeature(
        self, request: resource_pb2.SupportsFeatureRequest, _context: object = None
    ) -> resource_pb2.SupportsFeatureResponse:
        """Tell of one feature, for SDKs that do not ask for all at once."""
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in FEATURES)

    def RegisterResource(
        self, request: resource_pb2.RegisterResourceRequest, _context: object = None
    ) -> resource_pb2.RegisterResourceResponse:
        """Bring one resource to its goal."""
        own = list(request.transforms)
        try:
            request = requests.inheriting(request, self._requests.get(request.parent))
            request = self._transforms.applied(request)
            goal = requests.goal_of(request)
        except UnsupportedFeature as error:
            raise self._unsupported(error) from None
        except StepFailed as error:
            raise self._failed(error) from None
        answer = self._deployment.register(goal)
        self._requests[answer.state.urn] = request
        self._transforms.registered(answer.state.urn, request.parent, own)
        return _registered(answer)

    def ReadResource(
        self, request: resource_pb2.ReadResourceRequest, _context: object = None
    ) -> resource_pb2.ReadResourceResponse:
        """Look an existing object up."""
        try:
            goal = requests.read_goal_of(request)
        except UnsupportedFeature as error:
            raise self._unsupported(error) from None
        state = self._deployment.read(goal)
        return resource_pb2.ReadResourceResponse(urn=state.urn, id=state.id, properties=to_struct(state.outputs))

    def Invoke(
        self, request: resource_pb2.ResourceInvokeRequest, _context: object = None
    ) -> resource_pb2.ResourceInvokeResponse:
        """Call a function of a provider."""
        try:
            goal = requests.invoke_goal_of(self._transforms.applied_to_invoke(request))
        except UnsupportedFeature as error:
            raise self._unsupported(error) from None
        except StepFailed as error:
            raise Rejected(error.message) from None
        answer = self._deployment.invoke(goal)
        if answer is None:
            return resource_pb2.ResourceInvokeResponse(unknown=True)
        failures = [(item.property, item.reason) for item in answer.failures]
        return invoke_response(to_struct(answer.result), failures)

    def ExistsResource(
        self, request: resource_pb2.ExistsResourceRequest, _context: object = None
    ) -> resource_pb2.ExistsResourceResponse:
        """Tell whether an object exists."""
        try:
            goal = requests.exists_goal_of(request)
        except UnsupportedFeature as error:
            raise self._unsupported(error) from None
        exists = self._deployment.exists(goal)
        return resource_pb2.ExistsResourceResponse(exists=bool(exists), unknown=exists is None)

    def RegisterResourceOutputs(
        self, request: resource_pb2.RegisterResourceOutputsRequest, _context: object = None
    ) -> empty_pb2.Empty:
        """Take a component's outputs."""
        self._deployment.register_outputs(request.urn, requests.outputs_of(request))
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, _request: object, _context: object = None) -> empty_pb2.Empty:
        """Finish: the program has registered all it wants."""
        self._deployment.finish()
        return empty_pb2.Empty()

    def RegisterStackTransform(self, request: callback_pb2.Callback, _context: object = None) -> empty_pb2.Empty:
        """Take a transform of all resources."""
        self._transforms.of_stack(request)
        return empty_pb2.Empty()

    def RegisterStackInvokeTransform(self, request: callback_pb2.Callback, _context: object = None) -> empty_pb2.Empty:
        """Take a transform of all functions."""
        self._transforms.of_invokes(request)
        return empty_pb2.Empty()

    def RegisterResourceHook(
        self, request: resource_pb2.RegisterResourceHookRequest, _context: object = None
    ) -> empty_pb2.Empty:
        """Take a hook."""
        self._deployment.scope.hooks.register(request)
        return empty_pb2.Empty()

    def RegisterErrorHook(
        self, request: resource_pb2.RegisterErrorHookRequest, _context: object = None
    ) -> empty_pb2.Empty:
        """Take a hook on errors."""
        self._deployment.scope.hooks.register_error(request)
        return empty_pb2.Empty()

    # ---- what this engine does not have ----
    def Call(self, _request: object, _context: object = None) -> resource_pb2.ResourceInvokeResponse:
        """Refuse method calls of components."""
        raise self._unsupported(UnsupportedFeature(Feature.CALL))

    def RegisterPackage(self, _request: object, _context: object = None) -> resource_pb2.RegisterPackageResponse:
        """Refuse parameterised packages."""
        raise self._unsupported(UnsupportedFeature(Feature.PACKAGES))

    def _unsupported(self, error: UnsupportedFeature) -> grpc.RpcError:
        """End the operation with an error that names the feature."""
        self._deployment.refuse(error)
        self._deployment.gate.wait_idle()
        return Unavailable()

    def _failed(self, error: StepFailed) -> grpc.RpcError:
        """End the operation with a failure that came before any step."""
        self._deployment.fail(error)
        self._deployment.gate.wait_idle()
        return Unavailable()


def _registered(answer: Answer) -> resource_pb2.RegisterResourceResponse:
    state = answer.state
    return resource_pb2.RegisterResourceResponse(
        urn=state.urn,
        id="" if state.id == UNKNOWN and not state.is_provider else state.id,
        object=to_struct(state.outputs if state.custom else {}),
        result=resource_pb2.Result.SUCCESS if answer.succeeded else resource_pb2.Result.FAIL,
        unknown=answer.unknown,
    )


class EngineLog:
    """`pulumirpc.Engine`: what the program logs. Debug messages are dropped: several per resource, read by nobody.

    `calls_back`: the program has functions that the engine will call while the program waits.
    """

    def __init__(self, log: EventLog, deployment: Deployment) -> None:
        self.calls_back = False
        self._log = log
        self._deployment = deployment

    def Log(self, request: engine_pb2.LogRequest, _context: object = None) -> empty_pb2.Empty:
        """Write a message as a diagnostic; an error says so, but does not make the operation fail."""
        severity = _SEVERITIES[request.severity]
        self.calls_back = self.calls_back or (severity == "debug" and request.message == CALLBACKS_BEGIN)
        if severity == "debug" and not self._deployment.gate.stopped:
            refused = declared_refusal(request.message, self._deployment.scope.registry.offers)
            if refused is not None:
                self._deployment.refuse(refused)
        if severity == "debug" or self._deployment.gate.stopped:
            return empty_pb2.Empty()
        self._log.say(severity, request.message, request.urn, ephemeral=request.ephemeral)
        return empty_pb2.Empty()

    def GetRootResource(self, _request: object, _context: object = None) -> engine_pb2.GetRootResourceResponse:
        """Answer an SDK that asks for a default parent."""
        return engine_pb2.GetRootResourceResponse(urn="")

    def SetRootResource(self, _request: object, _context: object = None) -> engine_pb2.SetRootResourceResponse:
        """Accept an SDK's default parent; nothing needs it."""
        return engine_pb2.SetRootResourceResponse()
