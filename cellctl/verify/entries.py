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
_LOOK_UPS = 3
"""A balancer has an address in each zone, and a look-up may show one of them at a time: each must answer."""


def web_check(entry: EntryTarget, dialer: Dialer) -> Check:
    """Return the check that the portal answers under its name, through whatever stands before the nodes."""

    def look() -> CheckResult:
        missing = set(entry.nodes)
        for _ in range(_TRIES * max(1, len(entry.nodes))):
            try:
                answer, shown = _asked(entry, dialer)
            except (httpx.HTTPError, OSError) as error:
                return _unreachable("web", entry, error)
            if answer.status_code != httpx.codes.OK:
                message = f"https://{entry.host} answers with HTTP {answer.status_code}{said(answer)}"
                hint = "the load balancer answers, and no node behind it does: look at its targets"
                return _bad("web", entry, message, hint, "verify_web_status")
            if not _is_for(shown, entry.host):
                message = f"https://{entry.host} shows a certificate that is not for this name"
                hint = "which certificates has the listener of port 443? Without the cell's own it shows another one"
                return _bad("web", entry, message, hint, "verify_web_certificate")
            missing.discard(str(answer.json().get("Name")))
            if not missing:
                return CheckResult(kind="web", target=entry.host, passed=True, message=f"https://{entry.host} answers")
        message = f"https://{entry.host} answers, and never leads to node {', '.join(sorted(missing))}"
        hint = "is the node among the targets of the load balancer, and healthy?"
        return _bad("web", entry, message, hint, "verify_web_nodes")

    return look


def _asked(entry: EntryTarget, dialer: Dialer) -> tuple[httpx.Response, bytes]:
    """Ping through the portal's name, over a connection of its own: balancers choose once for each connection.

    Return the answer and the certificate that came with it, DER.
    """
    route = dialer.route(entry.host, entry.port)
    url, named = f"https://{route.host}:{route.port}{PING}", {"sni_hostname": entry.host}
    with (
        httpx.Client(verify=_any_certificate(), timeout=_TIMEOUT_S, trust_env=False) as client,
        client.stream("GET", url, headers={"Host": entry.host}, extensions=named) as answer,
    ):
        tls = answer.extensions["network_stream"].get_extra_info("ssl_object")
        shown = tls.getpeercert(True) if tls is not None else None  # by place: its name differs between TLS objects
        answer.read()
        return answer, shown or b""


def _is_for(shown: bytes, host: str) -> bool:
    """Tell whether a certificate is for a host, whoever has signed it."""
    from cryptography import x509

    try:
        found = x509.load_der_x509_certificate(shown).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return False
    names = [name.lower() for name in found.value.get_values_for_type(x509.DNSName)]
    return host.lower() in names or f"*.{host.lower().partition('.')[2]}" in names


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
        seen: set[tuple[str, int]] = set()
        try:
            for _ in range(_LOOK_UPS):
                route = dialer.route(entry.host, entry.port)
                for *_, address in socket.getaddrinfo(route.host, route.port, type=socket.SOCK_STREAM):
                    where = str(address[0]), int(address[1])
                    if where not in seen:
                        seen.add(where)
                        _shake_hands(entry, *where)
        except OSError as error:
            return _unreachable("polling", entry, error)
        message = f"{who} reach {entry.host}:{entry.port}"
        return CheckResult(kind="polling", target=_where(entry), passed=True, message=message)

    return look


def _shake_hands(entry: EntryTarget, host: str, port: int) -> None:
    with (
        socket.create_connection((host, port), _TIMEOUT_S) as plain,
        _any_certificate().wrap_socket(plain, server_hostname=entry.host),
    ):
        pass


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
