# ruff: noqa: N802, ARG002  the names and signatures are those of the service
"""A gRPC plugin host: serves a `ProviderFactory` as a real Pulumi provider.

`serve(factory)` binds an ephemeral loopback port, prints it (how a plugin tells its engine where it is), and ends when
standard input ends or at SIGINT: a plugin must not outlive its engine.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NoReturn, TypeVar

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from cellctl_provider.hosts.wire import check_failures, diff_response, from_struct, to_struct
from cellctl_provider.protocol import (
    Check,
    Configure,
    Create,
    Delete,
    Diff,
    InitFailed,
    Invoke,
    Provider,
    ProviderError,
    ProviderFactory,
    Read,
    Update,
)

if TYPE_CHECKING:
    from typing import TextIO

THREADS = 64
LIMIT_BYTES = 400 * 1024 * 1024
"""Largest message; the CLI's own limit. Source: pulumi sdk/go/common/util/rpcutil, 3.272."""
_CODES = {
    "invalid": grpc.StatusCode.INVALID_ARGUMENT,
    "not_found": grpc.StatusCode.NOT_FOUND,
    "conflict": grpc.StatusCode.ALREADY_EXISTS,
    "throttle": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "quota": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "capacity": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "auth": grpc.StatusCode.PERMISSION_DENIED,
    "cancelled": grpc.StatusCode.CANCELLED,
    "unreachable": grpc.StatusCode.UNAVAILABLE,
}
_T = TypeVar("_T")


class PluginServicer(provider_pb2_grpc.ResourceProviderServicer):
    """The ResourceProvider service over one provider instance."""

    def __init__(self, factory: ProviderFactory) -> None:
        self._factory = factory
        self._provider: Provider = factory()
        self._secrets = True

    # ---- who this is
    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=False, accept_outputs=False, supports_autonaming_configuration=False
        )

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._factory.version)

    def GetSchema(
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        schema = {"name": self._factory.package, "version": self._factory.version, "resources": {}, "functions": {}}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    # ---- configuration
    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        checked = _answer(context, lambda: self._provider.check_config(_check(request)))
        return provider_pb2.CheckResponse(inputs=to_struct(checked.inputs), failures=check_failures(checked.failures))

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        return diff_response(_answer(context, lambda: self._provider.diff_config(_diff(request))))

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        self._secrets = request.acceptSecrets
        configure = Configure(
            urn=request.urn,
            name=request.name,
            type=request.type,
            id=request.id,
            variables=dict(request.variables),
            args=from_struct(request.args),
        )
        _answer(context, lambda: self._provider.configure(configure))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=False, acceptOutputs=False
        )

    # ---- resources
    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        checked = _answer(context, lambda: self._provider.check(_check(request)))
        return provider_pb2.CheckResponse(
            inputs=to_struct(checked.inputs, secrets=self._secrets), failures=check_failures(checked.failures)
        )

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        return diff_response(_answer(context, lambda: self._provider.diff(_diff(request))))

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        create = Create(
            urn=request.urn,
            properties=from_struct(request.properties),
            preview=request.preview,
            timeout_s=request.timeout,
            type=request.type,
            name=request.name,
        )
        made = _answer(context, lambda: self._provider.create(create))
        return provider_pb2.CreateResponse(id=made.id, properties=to_struct(made.properties, secrets=self._secrets))

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        read = Read(
            urn=request.urn,
            id=request.id,
            properties=from_struct(request.properties),
            inputs=from_struct(request.inputs),
            timeout_s=request.timeout,
            type=request.type,
            name=request.name,
        )
        found = _answer(context, lambda: self._provider.read(read))
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=found.id,
            properties=to_struct(found.properties, secrets=self._secrets),
            inputs=to_struct(found.inputs, secrets=self._secrets),
        )

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        update = Update(
            urn=request.urn,
            id=request.id,
            olds=from_struct(request.olds),
            old_inputs=from_struct(request.old_inputs),
            news=from_struct(request.news),
            preview=request.preview,
            timeout_s=request.timeout,
            ignore_changes=tuple(request.ignoreChanges),
            type=request.type,
            name=request.name,
        )
        updated = _answer(context, lambda: self._provider.update(update))
        return provider_pb2.UpdateResponse(properties=to_struct(updated.properties, secrets=self._secrets))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        delete = Delete(
            urn=request.urn,
            id=request.id,
            properties=from_struct(request.properties),
            old_inputs=from_struct(request.old_inputs),
            timeout_s=request.timeout,
            type=request.type,
            name=request.name,
        )
        _answer(context, lambda: self._provider.delete(delete))
        return empty_pb2.Empty()

    # ---- functions and the end
    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        invoke = Invoke(token=request.tok, args=from_struct(request.args))
        invoked = _answer(context, lambda: self._provider.invoke(invoke))
        result = to_struct(invoked.result, secrets=self._secrets)
        return provider_pb2.InvokeResponse(**{"return": result}, failures=check_failures(invoked.failures))

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._provider.cancel()
        return empty_pb2.Empty()

    def close(self) -> None:
        """Release the provider."""
        self._provider.close()


def _check(request: provider_pb2.CheckRequest) -> Check:
    return Check(
        urn=request.urn,
        olds=from_struct(request.olds),
        news=from_struct(request.news),
        random_seed=request.randomSeed,
        type=request.type,
        name=request.name,
    )


def _diff(request: provider_pb2.DiffRequest) -> Diff:
    return Diff(
        urn=request.urn,
        id=request.id,
        olds=from_struct(request.olds),
        old_inputs=from_struct(request.old_inputs),
        news=from_struct(request.news),
        ignore_changes=tuple(request.ignoreChanges),
        type=request.type,
        name=request.name,
    )


def _answer(context: grpc.ServicerContext, call: Callable[[], _T]) -> _T:
    """Return what `call` does, or end the RPC with the provider's error."""
    try:
        return call()
    except InitFailed as error:
        _init_failed(context, error)
    except ProviderError as error:
        context.abort(_CODES.get(error.code, grpc.StatusCode.UNKNOWN), error.message)
        raise AssertionError("abort returns never") from error


def _init_failed(context: grpc.ServicerContext, error: InitFailed) -> NoReturn:
    """End the RPC as the engine expects where an object exists and is not ready: its state is in the details."""
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.id,
            properties=to_struct(error.properties),
            inputs=to_struct(error.inputs),
            reasons=error.reasons,
        )
    )
    code: int = grpc.StatusCode.UNKNOWN.value[0]
    status = status_pb2.Status(code=code, message=error.message, details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, error.message)
    raise AssertionError("abort returns never")


class PluginServer:
    """A served provider; `port` is where."""

    def __init__(self, factory: ProviderFactory) -> None:
        options = [("grpc.max_receive_message_length", LIMIT_BYTES), ("grpc.max_send_message_length", LIMIT_BYTES)]
        self._servicer = PluginServicer(factory)
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="cellctl plugin")
        self._server = grpc.server(self._threads, options=options)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(self._servicer, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def close(self) -> None:
        """Stop serving; calls under way have a second."""
        self._server.stop(grace=1.0).wait()
        self._threads.shutdown(wait=False)
        self._servicer.close()


def serve(factory: ProviderFactory, *, stdin: TextIO | None = None, stdout: TextIO | None = None) -> None:
    """Serve until standard input ends or SIGINT comes; the first line on standard output is the port."""
    if threading.current_thread() is threading.main_thread():
        # So the CLI ends its plugins when all is done: one after the other, with five seconds for all of them together.
        # Whose turn comes later it calls crashed, and fails (its pkg/host, ReleaseContext, 3.260). So end at once.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    server = PluginServer(factory)
    out = stdout or sys.stdout
    out.write(f"{server.port}\n")
    out.flush()
    ended = threading.Event()
    threading.Thread(target=_watch, args=(stdin or sys.stdin, ended), daemon=True).start()
    ended.wait()
    server.close()


def _watch(stdin: TextIO, ended: threading.Event) -> None:
    while stdin.read(4096):
        pass
    ended.set()
