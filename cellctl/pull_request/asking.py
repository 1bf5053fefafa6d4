"""Asks a forge's HTTP API: waits where it asks for that, gives up in words, and never repeats its text or the token.

The token is in the client's headers and goes to its one host only: no redirect and no link of an answer is followed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import quote

import httpx

from cellctl.errors import ForgeError

Json: TypeAlias = Mapping[str, object]
PAGE = 100
_MOST_PAGES = 300
_TRIES = 5
_LONGEST_WAIT_S = 120.0
_SIGN_IN = 203  # Azure DevOps answers a wrong token with a page to sign in
_ILL = (500, 502, 503, 504)


def client(api: str, headers: Mapping[str, str], *, timeout_s: float = 30.0) -> httpx.Client:
    """Return an HTTP client for one host."""
    sent = {"User-Agent": "cellctl", **headers}
    return httpx.Client(base_url=api.rstrip("/") + "/", headers=sent, timeout=timeout_s, follow_redirects=False)


@dataclass(kw_only=True)
class Asking:
    """One forge, called `name`. `remedy` says what a token needs to write here. `sleep` and `now` are for tests."""

    http: httpx.Client
    name: str
    remedy: str
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    _waited: float = field(default=0.0, init=False)

    def send(self, method: str, path: str, body: Json) -> Json:
        """Return the object that answers a request.

        Raises:
            ForgeError: Refused, unreachable, or the forge wants a longer wait than is sensible.
        """
        found = self._json(self._answer(method, path, body))
        return found if isinstance(found, Mapping) else {}

    def get(self, path: str) -> Json:
        """Return the object at `path`; ForgeError as in `send`."""
        found = self._json(self._answer("GET", path, None))
        return found if isinstance(found, Mapping) else {}

    def pages(self, path: str) -> Iterator[Json]:
        """Yield the objects of every page of a list; ForgeError as in `send`."""
        for page in range(1, _MOST_PAGES + 1):
            response = self._answer("GET", f"{path}{'&' if '?' in path else '?'}per_page={PAGE}&page={page}", None)
            found = self._json(response)
            if not isinstance(found, list):
                raise ForgeError(f"{self.name} answers something else than a list")
            yield from (item for item in found if isinstance(item, Mapping))
            if 'rel="next"' not in response.headers.get("link", ""):
                return

    def values(self, path: str) -> Iterator[Json]:
        """Yield the objects of a list that is in `value` and goes on with a continuation token; errors as in `send`."""
        token = ""
        for _ in range(_MOST_PAGES):
            response = self._answer("GET", f"{path}&continuationToken={quote(token)}" if token else path, None)
            found = self._json(response)
            rows = found.get("value") if isinstance(found, Mapping) else None
            if not isinstance(rows, list):
                raise ForgeError(f"{self.name} answers something else than a list")
            yield from (item for item in rows if isinstance(item, Mapping))
            token = response.headers.get("x-ms-continuationtoken", "")
            if not token:
                return

    def _answer(self, method: str, path: str, body: Json | None) -> httpx.Response:
        for attempt in range(1, _TRIES + 1):
            try:
                response = self.http.request(method, path, json=body)
            except httpx.HTTPError as error:
                self._wait(2.0**attempt, attempt, f"{self.name} cannot be reached ({type(error).__name__})")
                continue
            if response.is_success and response.status_code != _SIGN_IN:
                return response
            wait = self._asked_wait(response, attempt)
            if wait is None:
                raise self._refused(response, method)
            self._wait(wait, attempt, f"{self.name} answers {response.status_code}")
        raise ForgeError(f"{self.name} does not answer", code="forge_unreachable")

    def _asked_wait(self, response: httpx.Response, attempt: int) -> float | None:
        """Return how many seconds to wait before trying again, None where that would not help."""
        if response.status_code in _ILL:
            return 2.0**attempt
        if response.status_code not in (403, 429):
            return None
        after = response.headers.get("retry-after", "")
        if after.isdigit():
            return float(after)
        if response.headers.get("x-ratelimit-remaining") == "0":
            reset = response.headers.get("x-ratelimit-reset", "")
            return max(1.0, float(reset) - self.now()) if reset.isdigit() else 60.0
        return 60.0 if response.status_code == 429 or "secondary rate limit" in response.text.lower() else None

    def _wait(self, seconds: float, attempt: int, why: str) -> None:
        if attempt == _TRIES or self._waited + seconds > _LONGEST_WAIT_S:
            hint = f"it wants a wait of {int(seconds)} s; run it again then"
            raise ForgeError(f"{why}, after {attempt} tries", hint=hint, code="forge_unreachable")
        self._waited += seconds
        self.sleep(seconds)

    def _json(self, response: httpx.Response) -> object:
        try:
            found: object = response.json()
        except ValueError:
            raise ForgeError(f"{self.name} answers something that is no JSON") from None
        return found

    def _refused(self, response: httpx.Response, method: str) -> ForgeError:
        """Return the error for an answer that no retry changes."""
        status = response.status_code
        if status in (401, 302, _SIGN_IN):
            return ForgeError(f"{self.name} does not accept the token", hint="it is missing, wrong or too old")
        if status == 403:
            return ForgeError(
                "the token may not write here, as in every run for a pull request from a fork",
                hint=self.remedy,
                code="forge_forbidden",
            )
        if status in (404, 410):
            return ForgeError(
                f"{self.name} knows no such pull request or commit, or the token may not see it",
                hint="check the number, the repository and the token's permissions",
                code="forge_not_found",
            )
        return ForgeError(f"{self.name} refuses a {method} request with {status}", code="forge_refused")
