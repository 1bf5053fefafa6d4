"""The ways in: the portal under its name, with every node behind it, each polling port, and what must be closed."""

from __future__ import annotations

import socket
import ssl

import httpx

from cellctl.dialer import Dialer
from cellctl.verify.checks import Check, CheckKind, CheckResult
from cellctl.verify.nodes import PING, said
from cellctl.verify.outputs import EntryTarget

_TIMEOUT_S = 10.0
_CLOSED_S = 3.0
_TRIES = 12
"""Connections for each node: with two nodes chosen by chance, one stays unseen once in 16 million runs."""


def web_check(entry: EntryTarget, dialer: Dialer) -> Check:
    """Return the check that the portal answers under its name, through whatever stands before the nodes."""

    def look() -> CheckResult:
        missing = set(entry.nodes)
        for _ in range(_TRIES * max(1, len(entry.nodes))):
            try:
                answer = _asked(entry, dialer)
            except (httpx.HTTPError, OSError) as error:
                return _unreachable("web", entry, error)
            if answer.status_code != httpx.codes.OK:
                message = f"https://{entry.host} answers with HTTP {answer.status_code}{said(answer)}"
                hint = "the load balancer answers, and no node behind it does: look at its targets"
                return _bad("web", entry, message, hint, "verify_web_status")
            missing.discard(str(answer.json().get("Name")))
            if not missing:
                return CheckResult(kind="web", target=entry.host, passed=True, message=f"https://{entry.host} answers")
        message = f"https://{entry.host} answers, and never leads to node {', '.join(sorted(missing))}"
        hint = "is the node among the targets of the load balancer, and healthy?"
        return _bad("web", entry, message, hint, "verify_web_nodes")

    return look


def _asked(entry: EntryTarget, dialer: Dialer) -> httpx.Response:
    """Ping through the portal's name, over a connection of its own: balancers choose once for each connection."""
    route = dialer.route(entry.host, entry.port)
    with httpx.Client(verify=_any_certificate(), timeout=_TIMEOUT_S, trust_env=False) as client:
        return client.get(
            f"https://{route.host}:{route.port}{PING}",
            headers={"Host": entry.host},
            extensions={"sni_hostname": entry.host},
        )


def redirect_check(entry: EntryTarget, dialer: Dialer) -> Check:
    """Return the check that plain HTTP is sent on to the portal, and answered with nothing else."""

    def look() -> CheckResult:
        try:
            route = dialer.route(entry.host, entry.port)
            with httpx.Client(timeout=_TIMEOUT_S, trust_env=False, verify=_any_certificate()) as client:
                answer = client.get(f"http://{route.host}:{route.port}/", headers={"Host": entry.host})
        except (httpx.HTTPError, OSError) as error:
            return _unreachable("web", entry, error)
        onward = httpx.URL(answer.headers.get("location", ""))
        if answer.is_redirect and (onward.scheme, onward.host, onward.port) == ("https", entry.host, None):
            message = f"http://{entry.host} leads to https://{entry.host}"
            return CheckResult(kind="web", target=_where(entry), passed=True, message=message)
        message = f"http://{entry.host} answers with HTTP {answer.status_code} instead of leading to HTTPS"
        return _bad("web", entry, message, "look at the listener of port 80", "verify_web_redirect")

    return look


def closed_check(entry: EntryTarget, dialer: Dialer) -> Check:
    """Return the check that a port does not answer this machine; one that refuses was reached and counts as open."""

    def look() -> CheckResult:
        try:
            route = dialer.route(entry.host, entry.port)
            socket.create_connection((route.host, route.port), _CLOSED_S).close()
        except ConnectionRefusedError:
            pass
        except OSError:
            return CheckResult(
                kind="closed", target=_where(entry), passed=True, message=f"{_where(entry)} is closed, as it must be"
            )
        message = f"{_where(entry)} can be reached from here, and must not be"
        hint = "look at the rules before it: only the cell's own nodes or probes may pass"
        return _bad("closed", entry, message, hint, "verify_open")

    return look


def polling_check(entry: EntryTarget, dialer: Dialer, *, who: str = "Tentacles") -> Check:
    """Return the check that a node speaks TLS on a port that leads to it."""

    def look() -> CheckResult:
        try:
            route = dialer.route(entry.host, entry.port)
            with (
                socket.create_connection((route.host, route.port), _TIMEOUT_S) as plain,
                _any_certificate().wrap_socket(plain, server_hostname=entry.host),
            ):
                message = f"{who} reach {entry.host}:{entry.port}"
                return CheckResult(kind="polling", target=_where(entry), passed=True, message=message)
        except OSError as error:
            return _unreachable("polling", entry, error)

    return look


def _any_certificate() -> ssl.SSLContext:
    """Tentacles trust a thumbprint, and whose browsers trust the portal is not known here: no secret is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _where(entry: EntryTarget) -> str:
    return f"{entry.host}:{entry.port}"


def _unreachable(kind: CheckKind, entry: EntryTarget, error: Exception) -> CheckResult:
    why = str(error) or type(error).__name__
    hint = "the machine that runs cellctl must resolve the cell's names and reach its load balancer"
    return _bad(kind, entry, f"{_where(entry)} cannot be reached: {why}", hint, f"verify_{kind}_unreachable")


def _bad(kind: CheckKind, entry: EntryTarget, message: str, hint: str, code: str) -> CheckResult:
    return CheckResult(kind=kind, target=_where(entry), passed=False, message=message, hint=hint, code=code)
