"""The engine's event log as raw JSON: our own Events service, because the SDK's drops fields and whole events.

An event goes to the sink as it came, then, if the SDK wants the stream too, on to the SDK: it needs the summary only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import events_pb2, events_pb2_grpc

_LARGEST_MESSAGE = 400 * 1024 * 1024  # as the SDK: pulumi/runtime/_grpc_settings.py
_OPTIONS = [("grpc.max_receive_message_length", _LARGEST_MESSAGE), ("grpc.max_send_message_length", _LARGEST_MESSAGE)]


class _Events(events_pb2_grpc.EventsServicer):
    """Hands each event to `sink`; keeps the summary for `forward`."""

    def __init__(self, sink: Callable[[str], None]) -> None:
        self._sink = sink
        self.kept: list[str] = []

    def StreamEvents(  # noqa: N802  the service's own name
        self, request_iterator: Iterator[events_pb2.EventRequest], context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Take one stream of events to its end."""
        del context
        for request in request_iterator:
            if '"summaryEvent"' in request.event or '"cancelEvent"' in request.event:
                self.kept.append(request.event)
            self._sink(request.event)
        return empty_pb2.Empty()


class EventLog:
    """Serves an Events service on loopback for the length of a `with`; `address` is what `--event-log` wants."""

    def __init__(self, sink: Callable[[str], None]) -> None:
        self._events = _Events(sink)
        self._server = grpc.server(ThreadPoolExecutor(max_workers=2), options=_OPTIONS)
        events_pb2_grpc.add_EventsServicer_to_server(self._events, self._server)
        self.address = f"tcp://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> EventLog:
        """Start to serve."""
        self._server.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop once the stream has ended; the engine closes it before its command returns."""
        self._server.stop(5).wait()

    @property
    def kept(self) -> list[str]:
        """The summary and what ends the stream."""
        return self._events.kept


def forward(events: Sequence[str], address: str) -> None:
    """Send events to the SDK's own service at `address`: its `preview` fails without a summary."""
    with grpc.insecure_channel(address.removeprefix("tcp://"), options=_OPTIONS) as channel:
        requests = [events_pb2.EventRequest(event=text) for text in events]
        events_pb2_grpc.EventsStub(channel).StreamEvents(iter(requests), timeout=10)
