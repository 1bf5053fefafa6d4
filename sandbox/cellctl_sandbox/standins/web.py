"""A small HTTP/1.1 server on loopback for stand-ins: one function from request to response, plain or over TLS."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from socketserver import TCPServer
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

_LARGEST_BODY = 8 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One HTTP request; header names are in lower case, `query` keeps keys without a value as ``."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    tls: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """The answer. `drop` breaks the connection off instead, which is how a lost response looks.

    `cookies` are values of Set-Cookie headers."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Sequence[str] = ()
    drop: bool = False


class NoAnswer(Exception):
    """The client gets no response: the connection is broken off and nothing was carried out."""


Answer: TypeAlias = Callable[[Request], Response]


def undisturbed(answer: Answer) -> Answer:
    """Return `answer` itself: where no fault rules are asked."""
    return answer


def json_response(value: object, *, status: int = 200, content_type: str = "application/json") -> Response:
    """Return `value` as a JSON response."""
    return Response(status=status, body=json.dumps(value).encode(), content_type=content_type)


class Serving:
    """A server thread on an ephemeral loopback port."""

    def __init__(self, server: TCPServer) -> None:
        self._server = server
        self._thread = threading.Thread(target=self._serve, name="cellctl-standin", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening; connections that are open are served to their end."""
        self._server.shutdown()
        self._server.server_close()


class Listener(Serving):
    """Answers every HTTP request with `answer`."""

    def __init__(self, answer: Answer, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(_Server(answer, tls))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None) -> None:
        self.answer = answer
        self.tls = tls
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        """Bind without the name look-up that the base class makes."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def finish_request(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """Serve one connection; the TLS handshake happens here, in the connection's own thread."""
        assert isinstance(request, socket)
        connection = request
        connection.settimeout(30)
        with contextlib.suppress(OSError):  # a client that goes away, or that does not trust us
            if self.tls is not None:
                connection = self.tls.wrap_socket(request, server_side=True)
            _Handler(connection, client_address, self)
        if connection is not request:
            with contextlib.suppress(OSError):
                connection.close()

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """Say nothing: a stand-in's own mistakes are answered with status 500."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    error_content_type = "text/plain"

    def version_string(self) -> str:
        """Return the Server header."""
        return "cellctl-sandbox"

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Serve any method: the base class looks for `do_METHOD`."""
        if name.startswith("do_"):
            return self._respond
        raise AttributeError(name)

    def _respond(self) -> None:
        try:
            length = int(self.headers.get("content-length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= _LARGEST_BODY:
            self.close_connection = True
            self._send(Response(status=413))
            return
        response = self._answered(self.rfile.read(length))
        if response.drop:
            self.close_connection = True
            return
        self._send(response)

    def _answered(self, body: bytes) -> Response:
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={key.lower(): value for key, value in self.headers.items()},
            body=body,
            tls=self.server.tls is not None,
        )
        try:
            return self.server.answer(request)
        except NoAnswer:
            return Response(drop=True)
        except Exception as error:  # the client gets what a broken service would give
            return json_response({"message": f"the stand-in failed: {type(error).__name__}: {error}"}, status=500)

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for key, value in response.headers.items():
            self.send_header(key, value)
        for cookie in response.cookies:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
