"""The same objects over gRPC: a program behind a language server (`--client`), and the event log's server."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

import grpc
from google.protobuf.message import Message
from pulumi.runtime.proto import (
    engine_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    resource_pb2_grpc,
)

from cellctl.state.values import Struct
from cellctl_sandbox.engine.monitor import EngineLog, Monitor
from cellctl_sandbox.engine.scope import Scope
from cellctl_sandbox.engine.sdk import CHANNEL_OPTIONS

RAISED = "python inline source runtime error: "  # what the SDK's server logs of an exception of the program


class Dialled:
    """A program behind the language server at an address, as a Program: it runs wherever that server runs it."""

    def __init__(self, address: str, folder: str) -> None:
        self._address = address
        self._folder = folder

    def __call__(self, scope: Scope, monitor: Monitor, engine: EngineLog) -> str:
        """Serve monitor and engine on a loopback port and let the server run the program against them."""
        # Every call may block for as long as a resource takes, and the SDK makes four times `parallel` at once.
        server = grpc.server(ThreadPoolExecutor(scope.options.parallel * 4 + 16), options=CHANNEL_OPTIONS)
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(_Served(monitor), server)  # type: ignore[arg-type]
        engine_pb2_grpc.add_EngineServicer_to_server(_Served(engine), server)  # type: ignore[arg-type]
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            with grpc.insecure_channel(self._address, options=CHANNEL_OPTIONS) as channel:
                stub = language_pb2_grpc.LanguageRuntimeStub(channel)
                answer = stub.Run(self._request(scope, f"127.0.0.1:{port}"))
        except grpc.RpcError as error:
            # Also the SDK's own server can fail while it cleans up behind a program whose monitor has gone, or which
            # has failed and said so.
            said = [item.message for item in scope.log.tally.said if item.message.startswith(RAISED)]
            return said[-1] if said else f"the program's language server failed: {error.details()}"
        finally:
            server.stop(0).wait()
        return str(answer.error)

    def _request(self, scope: Scope, address: str) -> language_pb2.RunRequest:
        return language_pb2.RunRequest(
            project=scope.project,
            stack=scope.stack,
            pwd=self._folder,
            program=".",
            args=[address],
            config={key: item.value for key, item in scope.config.items()},
            configSecretKeys=[key for key, item in scope.config.items() if item.secret],
            dryRun=scope.planning,
            parallel=1 if scope.planning else scope.options.parallel,
            monitor_address=address,
            organization="organization",
        )


class _Served:
    """A servicer over an object whose methods raise `grpc.RpcError` with the status to answer."""

    def __init__(self, target: object) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Callable[[Message, grpc.ServicerContext], Message]:
        method = getattr(self._target, name, None)

        def answer(request: Message, context: grpc.ServicerContext) -> Message:
            if method is None:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{name} is not implemented")
            try:
                result: Message = method(request)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details() or "")
            return result

        return answer


class EventStream:
    """The Automation API's event server as a sink; sends from a thread of its own, in order."""

    def __init__(self, address: str) -> None:
        self._queue: queue.SimpleQueue[Struct | None] = queue.SimpleQueue()
        self._channel = grpc.insecure_channel(address.removeprefix("tcp://"), options=CHANNEL_OPTIONS)
        self._thread = threading.Thread(target=self._send, name="event-log", daemon=True)
        self._thread.start()

    def __call__(self, event: Struct) -> None:
        """Send one event."""
        self._queue.put(event)

    def __enter__(self) -> EventStream:
        """Return the sink."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait until everything has arrived."""
        self._queue.put(None)
        self._thread.join()
        self._channel.close()

    def _send(self) -> None:
        stub = events_pb2_grpc.EventsStub(self._channel)
        try:
            stub.StreamEvents(self._requests())
        except grpc.RpcError:
            return  # the listener is gone; the operation goes on without it

    def _requests(self) -> Iterator[events_pb2.EventRequest]:
        while (event := self._queue.get()) is not None:
            yield events_pb2.EventRequest(event=json.dumps(event, ensure_ascii=False))
