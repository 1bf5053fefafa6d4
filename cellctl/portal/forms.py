"""Who may ask, and who may press a button: this machine, under its own name, from a page that this process made.

A page of somebody else's that a browser here has open cannot press it (its origin is another one, and it does not know
the token), and a name that leads here by a trick of DNS is not answered at all.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qs, urlsplit

from fastapi import Request
from fastapi.responses import PlainTextResponse, Response

_LARGEST_FORM = 4096


def is_loopback(host: str) -> bool:
    """Tell whether a name or address is of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Forms:
    """Guards every request; `token` stands in each form."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.token = secrets.token_urlsafe(32)
        self._headers = headers

    async def guarded(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Answer a request, or refuse it (middleware)."""
        why = await self._refusal(request)
        answer = PlainTextResponse(f"refused: {why}\n", status_code=403) if why else await call_next(request)
        answer.headers.update(self._headers)
        return answer

    async def _refusal(self, request: Request) -> str:
        host = request.headers.get("host", "")
        if not is_loopback(urlsplit(f"//{host}").hostname or ""):
            return "this portal is called by the name of this machine only"
        if request.method in ("GET", "HEAD"):
            return ""
        if request.headers.get("origin", "") != f"{request.url.scheme}://{host}":
            return "the form is of another page"
        body = await request.body() if int(request.headers.get("content-length") or 0) <= _LARGEST_FORM else b""
        given = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0]
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            return "the form is of an earlier portal: load the page again"
        return ""
