"""A node is up when `GET /api/octopusservernodes/ping` answers 200: what the load balancers look at too."""

from __future__ import annotations

import ssl

import httpx

from cellctl.dialer import Dialer, Route
from cellctl.verify.checks import Check, CheckResult
from cellctl.verify.outputs import NodeTarget

PING = "/api/octopusservernodes/ping"
_TIMEOUT_S = 5.0
_LONGEST = 300  # characters of a server's own words
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody


def node_check(node: NodeTarget, dialer: Dialer) -> Check:
    """Return the check of one node: 200 is online, 418 draining, anything else is bad (reference/octopus.md 2.2)."""

    def look() -> CheckResult:
        try:
            answer = _ping(node, dialer.route(node.address, node.port))
        except (httpx.HTTPError, OSError) as error:
            return _unreachable(node, error)
        return _judged(node, answer)

    return look


def _ping(node: NodeTarget, route: Route) -> httpx.Response:
    port = f":{node.port}" if node.port != {"http": 80, "https": 443}[node.scheme] else ""
    url = f"{node.scheme}://{route.host}:{route.port}{PING}"
    headers = {"Host": f"{node.tls_name}{port}"}
    # Loading the system's certificates costs 20 ms: only where there is TLS.
    verify = ssl.create_default_context(cadata=route.trust_anchor or None) if node.scheme == "https" else _NO_TLS
    # The socket goes to the route, the certificate must be of the name that users dial.
    extensions = {"sni_hostname": node.tls_name}
    with httpx.Client(verify=verify, timeout=_TIMEOUT_S, trust_env=False) as client:
        return client.get(url, headers=headers, extensions=extensions)


def _judged(node: NodeTarget, answer: httpx.Response) -> CheckResult:
    status = answer.status_code
    if status == httpx.codes.OK:
        message = f"node {node.name} answers on {node.address}:{node.port}"
        return CheckResult(kind="node", target=node.name, passed=True, message=message)
    if status == httpx.codes.IM_A_TEAPOT:
        return CheckResult(
            kind="node",
            target=node.name,
            passed=False,
            message=f"node {node.name} is draining: it takes no work and the load balancer sends it none",
            hint="undrain the node in Octopus (Configuration, Nodes), then run `cellctl up` again",
            code="verify_node_draining",
        )
    return CheckResult(
        kind="node",
        target=node.name,
        passed=False,
        message=f"node {node.name} answers its ping with HTTP {status}{said(answer)}",
        hint="look at the Octopus Server log on the node; 503 right after a start is usual",
        code="verify_node_status",
    )


def said(answer: httpx.Response) -> str:
    """Return what Octopus says of an error, after a colon and on one line; `` if it says nothing."""
    try:
        message = answer.json()["ErrorMessage"]
    except (ValueError, KeyError, TypeError):
        return ""
    return f": {' '.join(str(message).split())[:_LONGEST]}" if message else ""


def _unreachable(node: NodeTarget, error: httpx.HTTPError | OSError) -> CheckResult:
    untrusted = "CERTIFICATE_VERIFY_FAILED" in str(error)
    why = "its certificate is not trusted or of another name" if untrusted else _reason(error)
    return CheckResult(
        kind="node",
        target=node.name,
        passed=False,
        message=f"node {node.name} cannot be reached on {node.address}:{node.port}: {why}",
        hint=(
            f"the certificate must name {node.tls_name} and be issued by a CA that this machine trusts"
            if untrusted
            else "is the node running, and may this machine reach it? `cellctl doctor` tests the path"
        ),
        code="verify_node_untrusted" if untrusted else "verify_node_unreachable",
    )


def _reason(error: httpx.HTTPError | OSError) -> str:
    if isinstance(error, OSError):
        return str(error)
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {_TIMEOUT_S:.0f} s"
    if isinstance(error, httpx.ConnectError):
        return "the connection was refused or the name is unknown"
    return "the connection broke off"
