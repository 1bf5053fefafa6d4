"""Octopus Server's HTTP API, as far as provider `cellctl` asks it: one node at a time, through the Dialer.

Paths and members: reference/octopus.md 2.2 and Octopus' own clients (OctopusDeploy/OctopusClients, read 2026-11). What
goes into a header or body is never part of an error.
"""

from __future__ import annotations

import contextlib
import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cellctl.dialer import Dialer, trust
from cellctl.state.values import Struct, Value
from cellctl_provider.protocol import ErrorCode, ProviderError

if TYPE_CHECKING:
    import httpx

PING = "/api/octopusservernodes/ping"
Method = Literal["GET", "POST", "PUT", "DELETE"]
_TIMEOUT_S = 30.0
_CSRF = re.compile(r"Octopus-Csrf-Token.*", re.IGNORECASE)
_CODES: dict[int, ErrorCode] = {
    400: "invalid", 401: "auth", 403: "auth", 404: "not_found", 409: "conflict", 429: "throttle", 503: "unreachable",
}  # fmt: skip
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """Where one node's API answers. `tls_name` is the name that its certificate must carry."""

    node: str
    address: str
    port: int
    scheme: str
    tls_name: str


class OctopusApi:
    """One node's API, as nobody, as the owner of an API key, or (after `sign_in`) as a person."""

    def __init__(self, client: httpx.Client, door: Door, key: str = "") -> None:
        self._client = client
        self._door = door
        self._headers = {"X-Octopus-ApiKey": key} if key else {}

    @property
    def node(self) -> str:
        """Name of the node."""
        return self._door.node

    def ping(self) -> int:
        """Return the status of the health probe: 200 online, 418 draining, anything else bad."""
        return self._sent("GET", PING).status_code

    def version(self) -> str:
        """Return the version of Octopus Server that the node runs."""
        return text(self.object("GET", "/api"), "Version")

    def sign_in(self, username: str, password: str) -> None:
        """Act as a person from now on.

        Raises:
            ProviderError: Octopus does not take name and password (code `auth`).
        """
        answer = self._sent("POST", "/api/users/login", {"Username": username, "Password": password})
        if answer.status_code in (400, 401, 403):
            raise ProviderError(f"Octopus does not take the password of '{username}'", code="auth")
        _judged(answer, "sign in")
        tokens = [cookie.value for cookie in self._client.cookies.jar if _CSRF.fullmatch(cookie.name)]
        self._headers = {"X-Octopus-Csrf-Token": tokens[0] or ""} if tokens else {}

    def use_key(self, key: str) -> None:
        """Act as the owner of an API key from now on; as nobody where it is empty."""
        self._client.cookies.clear()
        self._headers = {"X-Octopus-ApiKey": key} if key else {}

    def object(self, method: Method, path: str, body: Struct | None = None) -> Struct:
        """Return the JSON object that a request is answered with."""
        found = self.call(method, path, body)
        if not isinstance(found, dict):
            raise ProviderError(f"node {self.node} answers {path} with something else than an object", code="internal")
        return found

    def objects(self, path: str, member: str = "") -> list[Struct]:
        """Return the objects of a list: of the answer itself, or of one of its members."""
        found = self.call("GET", path)
        listed = found.get(member) if member and isinstance(found, dict) else found
        return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []

    def call(self, method: Method, path: str, body: Struct | None = None) -> Value:
        """Return what a request is answered with.

        Raises:
            ProviderError: It is refused, or the node does not answer.
        """
        answer = _judged(self._sent(method, path, body), f"{method} {path}")
        try:
            found: Value = answer.json() if answer.content else None
        except ValueError:
            raise ProviderError(f"node {self.node} answers {path} with something else than JSON") from None
        return found

    def _sent(self, method: Method, path: str, body: Struct | None = None) -> httpx.Response:
        import httpx

        door = self._door
        try:
            return self._client.request(
                method, path, json=body, headers=self._headers, extensions={"sni_hostname": door.tls_name}
            )
        except httpx.HTTPError as error:
            kind = type(error).__name__
            message = f"node {door.node} cannot be reached on {door.address}:{door.port} ({kind})"
            raise ProviderError(message, code="unreachable") from None


@contextlib.contextmanager
def opened(dialer: Dialer, door: Door, *, key: str = "") -> Iterator[OctopusApi]:
    """Open a node's API; the connection lasts as long as the block."""
    import httpx

    try:
        route = dialer.route(door.address, door.port)
    except OSError as error:
        raise ProviderError(f"node {door.node} cannot be reached: {error}", code="unreachable") from None
    port = "" if _PORTS.get(door.scheme) == door.port else f":{door.port}"
    with httpx.Client(
        base_url=f"{door.scheme}://{route.host}:{route.port}",
        headers={"Host": f"{door.tls_name}{port}"},
        verify=trust(route.trust_anchor) if door.scheme == "https" else _NO_TLS,
        timeout=_TIMEOUT_S,
        trust_env=False,
    ) as client:
        yield OctopusApi(client, door, key)


def text(document: Struct, key: str) -> str:
    """Return a member that is text, `` if it is missing."""
    value = document.get(key)
    return value if isinstance(value, str) else ""


_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody


def _judged(answer: httpx.Response, what: str) -> httpx.Response:
    if answer.is_success:
        return answer
    raise ProviderError(
        f"Octopus refuses to {what}: {_said(answer) or f'HTTP {answer.status_code}'}",
        code=_CODES.get(answer.status_code, "internal"),
    )


def _said(answer: httpx.Response) -> str:
    """Return what Octopus says, in one line of at most 300 characters."""
    try:
        document = json.loads(answer.content)
    except ValueError:
        return ""
    message = document.get("ErrorMessage") if isinstance(document, dict) else None
    return " ".join(message.split())[:300] if isinstance(message, str) else ""
