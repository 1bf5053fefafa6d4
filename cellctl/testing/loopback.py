"""A JSON API on loopback, for fakes of forges: one thread, any number of requests, kept until it is closed."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping
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


class Rate:
    """So many requests in a window of so many seconds; windows follow each other, as forges count them."""

    def __init__(self, requests: int, window_s: float, now: Callable[[], float]) -> None:
        self.requests, self._window_s, self._now = requests, window_s, now
        self._began, self._taken = now(), 0

    def take(self) -> bool:
        """Count one request; tell whether it is still within the limit."""
        if self._now() >= self._began + self._window_s:
            self._began, self._taken = self._now(), 0
        self._taken += 1
        return self._taken <= self.requests

    @property
    def left(self) -> int:
        """How many more fit into this window."""
        return max(0, self.requests - self._taken)

    @property
    def resets_at(self) -> int:
        """When the next window begins, in whole seconds since 1970."""
        return math.ceil(self._began + self._window_s)

    @property
    def wait_s(self) -> int:
        """How many whole seconds it is until then."""
        return max(1, math.ceil(self._began + self._window_s - self._now()))


class Loopback:
    """Base of the fakes: `respond` makes the answers. Use as a context manager; `url` is the API's address.

    Requests over the forge's own limit get what the forge gives then (`over_rate`); `limit` sets a tighter one.
    """

    usual = (5_000, 3_600.0)
    """Requests and seconds of the real forge's limit."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.refused = 0
        self.limit(*self.usual)
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

    def limit(self, requests: int, window_s: float, *, now: Callable[[], float] = time.time) -> None:
        """Answer at most `requests` in each window of `window_s` seconds of the clock `now`."""
        self.rate = Rate(requests, window_s, now)

    def take(self, method: str, target: str, headers: Mapping[str, str], body: object) -> Answer:
        """Return the answer to one request, one at a time."""
        with self._lock:
            self.requests.append(f"{method} {target}")
            if self._instead:
                limited = self._instead.pop(0)
                return Answer(limited.status, {"message": limited.message}, dict(limited.headers))
            within = self.rate.take()
            self.refused += not within
            answer = self.respond(method, target, headers, body if isinstance(body, dict) else {}) if within else None
            answer = answer or self.over_rate()
            return Answer(answer.status, answer.body, {**self.rate_headers(), **answer.headers})

    def rate_headers(self) -> dict[str, str]:
        """Return what every answer says of the limit."""
        return {}

    def over_rate(self) -> Answer:
        """Return the answer to a request over the limit."""
        return Answer(429, {"message": "Too Many Requests"}, {"Retry-After": str(self.rate.wait_s)})

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
