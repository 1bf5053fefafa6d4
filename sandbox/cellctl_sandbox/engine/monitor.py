"""The SDK's side: resource monitor and engine as plain objects, called without sockets or served over them.

Methods take `(request, context=None)` as a gRPC servicer's do, and are named by the protocol.
"""
# ruff: noqa: N802  the protocol's names

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, resource_pb2

from cellctl.state.resources import ResourceState
from cellctl.state.values import UNKNOWN
from cellctl_sandbox.engine import requests
from cellctl_sandbox.engine.deployment import Deployment
from cellctl_sandbox.engine.errors import Unavailable, UnsupportedFeature
from cellctl_sandbox.engine.eventlog import EventLog, Severity
from cellctl_sandbox.engine.sdk import FEATURES, invoke_response
from cellctl_sandbox.engine.wire import to_struct

_SEVERITIES: tuple[Severity, ...] = ("debug", "info", "warning", "error")


class Monitor:
    """`pulumirpc.ResourceMonitor` over one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

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
        try:
            goal = requests.goal_of(request)
        except UnsupportedFeature as error:
            raise self._unsupported(error) from None
        return _registered(self._deployment.register(goal))

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
            goal = requests.invoke_goal_of(request)
        except UnsupportedFeature as error:
            raise self._unsupported(error) from None
        answer = self._deployment.invoke(goal)
        failures = [(item.property, item.reason) for item in answer.failures]
        return invoke_response(to_struct(answer.result), failures)

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

    # ---- what this engine does not have ----
    def Call(self, _request: object, _context: object = None) -> resource_pb2.ResourceInvokeResponse:
        """Refuse method calls of components."""
        raise self._unsupported(UnsupportedFeature("methods of components (Call)"))

    def RegisterStackTransform(self, _request: object, _context: object = None) -> empty_pb2.Empty:
        """Refuse transforms."""
        raise self._unsupported(UnsupportedFeature("transforms"))

    def RegisterStackInvokeTransform(self, _request: object, _context: object = None) -> empty_pb2.Empty:
        """Refuse transforms of invokes."""
        raise self._unsupported(UnsupportedFeature("transforms of invokes"))

    def RegisterResourceHook(self, _request: object, _context: object = None) -> empty_pb2.Empty:
        """Refuse hooks."""
        raise self._unsupported(UnsupportedFeature("resource hooks"))

    def RegisterErrorHook(self, _request: object, _context: object = None) -> empty_pb2.Empty:
        """Refuse hooks on errors."""
        raise self._unsupported(UnsupportedFeature("error hooks"))

    def RegisterPackage(self, _request: object, _context: object = None) -> resource_pb2.RegisterPackageResponse:
        """Refuse parameterised packages."""
        raise self._unsupported(UnsupportedFeature("parameterised packages"))

    def ExistsResource(self, _request: object, _context: object = None) -> resource_pb2.ExistsResourceResponse:
        """Refuse existence checks."""
        raise self._unsupported(UnsupportedFeature("existence checks (ExistsResource)"))

    def _unsupported(self, error: UnsupportedFeature) -> grpc.RpcError:
        """End the operation with an error that names the feature."""
        self._deployment.refuse(error)
        self._deployment.gate.wait_idle()
        return Unavailable()


def _registered(state: ResourceState) -> resource_pb2.RegisterResourceResponse:
    return resource_pb2.RegisterResourceResponse(
        urn=state.urn,
        id="" if state.id == UNKNOWN and not state.is_provider else state.id,
        object=to_struct(state.outputs),
    )


class EngineLog:
    """`pulumirpc.Engine`: what the program logs. Debug messages are dropped: several per resource, read by nobody."""

    def __init__(self, log: EventLog, deployment: Deployment) -> None:
        self._log = log
        self._deployment = deployment

    def Log(self, request: engine_pb2.LogRequest, _context: object = None) -> empty_pb2.Empty:
        """Write a message as a diagnostic; an error says so, but does not make the operation fail."""
        severity = _SEVERITIES[request.severity]
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
