"""A JSON API on loopback, for fakes of forges: one thread, any number of requests, kept until it is closed."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass
class Answer:
    """Status, body and headers of one answer."""

    status: int
    body: object
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Limited:
    """An answer that a forge gives instead of the next one."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


class Loopback:
    """Base of the fakes: `respond` makes the answers. Use as a context manager; `url` is the API's address."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self._instead: list[Limited] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Address of the API."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer_next(self, *answers: Limited) -> None:
        """Give these answers to the next requests, whatever they ask."""
        self._instead.extend(answers)

    def take(self, method: str, target: str, headers: Mapping[str, str], body: object) -> Answer:
        """Return the answer to one request, one at a time."""
        with self._lock:
            self.requests.append(f"{method} {target}")
            if self._instead:
                limited = self._instead.pop(0)
                return Answer(limited.status, {"message": limited.message}, dict(limited.headers))
            return self.respond(method, target, headers, body if isinstance(body, dict) else {})

    def respond(self, method: str, target: str, headers: Mapping[str, str], body: dict[str, object]) -> Answer:
        """Return the answer to one request; header names are in lower case."""
        raise NotImplementedError


def _handler(api: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = {name.lower(): value for name, value in self.headers.items()}
            answer = api.take(self.command, self.path, asked, json.loads(text) if text else None)
            data = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            headers = {**answer.headers, "Content-Type": "application/json", "Content-Length": str(len(data))}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = _serve  # noqa: N815  the names that the base class calls

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
