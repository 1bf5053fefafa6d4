"""Load balancers: HTTPS ended and proxied, or TCP passed through, to nodes that are healthy."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from cellctl.dialer import Route
from cellctl_sandbox.network.entry import Entry, Redirect, Target, Zones
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.web import Listener, Request, Response, json_response

_TIMEOUT_S = 5.0
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Targets and probes speak plain HTTP. It trusts nobody: httpx would load certificates for 20 ms at every request."""


class Entries(Protocol):
    """Says what stands behind a name and port."""

    def entry(self, name: str, port: int) -> Entry | None:
        """Return the port of the balancer that a name leads to now, None if it leads to none."""


class Machines(Protocol):
    """What targets listen on (the Octopus stand-in)."""

    def route(self, name: str, port: int) -> Route | None:
        """Return the route to a target by its address, None if nothing listens there."""


class BalancerStandin:
    """Serves every load balancer that a program declares; asked again at each dial and request."""

    def __init__(self, entries: Entries, machines: Machines, authority: Authority) -> None:
        self._entries = entries
        self._machines = machines
        self._authority = authority
        self._lock = threading.Lock()
        self._turn = 0
        self._listeners: dict[tuple[str, int, tuple[str, ...]], Listener] = {}

    def route(self, name: str, port: int) -> Route | None:
        """Return the route through a balancer; None if it is none's name, or nothing listens on the port.

        Raises:
            TimeoutError: TCP would be passed to a target, and none is healthy; the text says why.
        """
        entry = self._entries.entry(name, port)
        if entry is None or not (entry.targets or entry.ends_tls or entry.redirect):
            return None
        if entry.redirect:
            here = self._sending_on(name, port, entry.redirect).port
            return Route(host="127.0.0.1", port=here, url=f"http://127.0.0.1:{here}")
        if entry.ends_tls:
            here = self._listener(name, port, entry.shows or (name,)).port
            url = f"https://127.0.0.1:{here}"
            return Route(host="127.0.0.1", port=here, url=url, trust_anchor=self._authority.trust_anchor)
        target, why = self._healthy(entry)
        if target is None:
            raise TimeoutError(f"timed out: {entry.balancer} has no healthy target on port {port}: {why}")
        return self._machines.route(target.address, target.port)

    def names(self) -> Sequence[tuple[str, int, str]]:
        """Return nothing: the names of balancers are looked up, never listed."""
        return ()

    def close(self) -> None:
        """Stop all listeners."""
        with self._lock:
            for listener in self._listeners.values():
                listener.close()
            self._listeners.clear()

    def _listener(self, name: str, port: int, shows: tuple[str, ...]) -> Listener:
        key = (name, port, shows)
        with self._lock:
            if key not in self._listeners:
                tls = self._authority.server_context(*shows)
                self._listeners[key] = Listener(lambda request: self._proxied(name, port, request), tls=tls)
            return self._listeners[key]

    def _sending_on(self, name: str, port: int, redirect: Redirect) -> Listener:
        def answer(request: Request) -> Response:
            onward = f"https://{name}:{redirect.port}{request.path}"
            return Response(status=redirect.status, headers={"Location": onward})

        key: tuple[str, int, tuple[str, ...]] = (name, port, ())
        with self._lock:
            if key not in self._listeners:
                self._listeners[key] = Listener(answer)
            return self._listeners[key]

    def _proxied(self, name: str, port: int, request: Request) -> Response:
        import httpx

        entry = self._entries.entry(name, port)
        if entry is not None and entry.turns_away:
            return Response(status=entry.turns_away)
        if entry is None or not entry.targets:
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, f"{name}:{port} has no registered targets")
        if _too_large(entry, request):
            return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the firewall of {entry.balancer} limits bodies")
        target, why = self._healthy(entry)
        route = self._machines.route(target.address, target.port) if target else None
        if target is None or route is None:
            return _error(entry.unserved, why)
        headers = {"host": name} | {key: request.headers[key] for key in _PASSED if key in request.headers}
        with httpx.Client(verify=self._trust(target), timeout=_TIMEOUT_S, trust_env=False) as client:
            answer = client.request(
                request.method, f"{_url(target, route)}{request.path}", params=dict(request.query), headers=headers,
                content=request.body, extensions=_named(target),
            )  # fmt: skip
        kind = answer.headers.get("content-type", "")
        return Response(status=answer.status_code, body=answer.content, content_type=kind)

    def _healthy(self, entry: Entry) -> tuple[Target | None, str]:
        """Return the next healthy target, or None and why the last one is not."""
        why = "no target is registered"
        with self._lock:
            self._turn += 1
            turn = self._turn
        targets = entry.targets
        if entry.zones is not None:
            zones = self._in_name(entry.zones)
            zone = zones[turn % len(zones)]
            targets = tuple(target for target in targets if target.zone == zone)
            why = f"none is in zone {zone}, and its address there sends to no other zone"
            turn //= len(zones)
        first = turn % max(1, len(targets))
        for target in (*targets[first:], *targets[:first]):
            why = target.why or self._unhealthy(target)
            if not why:
                return target, ""
        return None, why

    def _in_name(self, zones: Zones) -> tuple[str, ...]:
        """Return the zones whose addresses the balancer's name leads to: those that are up, all if none is."""
        up = tuple(name for name in zones.names if all(self._serves(group, name) for group in zones.groups))
        return up or zones.names

    def _serves(self, group: Sequence[Target], zone: str) -> bool:
        return any(target.zone == zone and not (target.why or self._unhealthy(target)) for target in group)

    def _unhealthy(self, target: Target) -> str:
        import httpx

        where = f"{target.address}:{target.health_port}"
        route = self._machines.route(target.address, target.health_port)
        if route is None:
            return f"nothing listens on {where}"
        if not target.health_path:
            return ""
        with httpx.Client(verify=self._trust(target), timeout=_TIMEOUT_S, trust_env=False) as client:
            try:
                status = client.get(
                    f"{_url(target, route)}{target.health_path}", extensions=_named(target)
                ).status_code  # fmt: skip
            except httpx.TransportError as error:
                return f"the probe of {where} meets {error}"
        return "" if _is_of(status, target.healthy) else f"the probe of {where} is answered with HTTP {status}"

    def _trust(self, target: Target) -> ssl.SSLContext:
        """Return whom a target is trusted by: the issuer of every certificate here, where it is spoken to over TLS."""
        return ssl.create_default_context(cadata=self._authority.trust_anchor) if target.tls_name else _NO_TLS


def _url(target: Target, route: Route) -> str:
    return f"{'https' if target.tls_name else 'http'}://{route.host}:{route.port}"


def _named(target: Target) -> dict[str, str]:
    """Return what tells httpx which name a target's certificate must be for."""
    return {"sni_hostname": target.tls_name} if target.tls_name else {}


def _is_of(status: int, ranges: Sequence[str]) -> bool:
    parts = (one.partition("-") for one in ranges)
    return any(int(first) <= status <= int(last or first) for first, _, last in parts)


def _too_large(entry: Entry, request: Request) -> bool:
    file = request.headers.get("content-type", "").startswith("multipart/form-data")
    limit = entry.largest_file if file else entry.largest_body
    return 0 < limit < len(request.body)


_PASSED = ("x-octopus-apikey", "content-type", "accept")


def _error(status: int, why: str) -> Response:
    phrase = HTTPStatus(status).phrase
    return json_response({"ErrorMessage": f"{phrase}: {why}"}, status=status)
