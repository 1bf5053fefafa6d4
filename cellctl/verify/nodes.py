"""A node is up when `GET /api/octopusservernodes/ping` answers 200: what the load balancers look at too.

Whether it reaches the queue that nodes share it says itself, and only of itself.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx

from cellctl.dialer import Dialer, Route, trust
from cellctl.verify.checks import Check, CheckKind, CheckResult
from cellctl.verify.outputs import NodeTarget

PING = "/api/octopusservernodes/ping"
QUEUE = "/api/serverstatus/redis"
_TIMEOUT_S = 5.0
_LONGEST = 300  # characters of a server's own words
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a node answered its health probe, and what it runs, `` and None where it did not say."""

    status: int
    answer: httpx.Response
    version: str = ""
    task_cap: int | None = None


def node_check(node: NodeTarget, dialer: Dialer) -> Check:
    """Return the check of one node: 200 is online, 418 draining, anything else is bad (reference/octopus.md 2.2)."""

    def look() -> CheckResult:
        try:
            seen = _seen(node, dialer.route(node.address, node.port))
        except (httpx.HTTPError, OSError) as error:
            return _unreachable(node, error)
        return _judged(node, seen) if seen.status != httpx.codes.OK else _running(node, seen)

    return look


def queue_check(node: NodeTarget, dialer: Dialer) -> Check:
    """Return the check that a node uses the queue of polling Tentacles (reference/octopus.md 2.2)."""

    def look() -> CheckResult:
        try:
            with _asking(node, dialer.route(node.address, node.port)) as ask:
                answer = ask(QUEUE)
        except (httpx.HTTPError, OSError) as error:
            return _unreachable(node, error)
        found = _document(answer)
        if all(found.get(key) is True for key in ("IsEnabled", "IsConfigured", "IsReachable")):
            message = f"node {node.name} shares the queue of polling Tentacles"
            return CheckResult(kind="queue", target=node.name, passed=True, message=message)
        what = "does not reach the queue" if found.get("IsConfigured") is True else "knows no queue"
        message = f"node {node.name} {what} of polling Tentacles, so requests to them are not taken on"
        hint = "look at the queue's security group and token, then restart the node: it reads them when it starts"
        return _wrong(node, message, hint, "verify_queue", kind="queue")

    return look


@contextlib.contextmanager
def _asking(node: NodeTarget, route: Route) -> Iterator[Callable[[str], httpx.Response]]:
    port = f":{node.port}" if node.port != {"http": 80, "https": 443}[node.scheme] else ""
    url = f"{node.scheme}://{route.host}:{route.port}"
    headers = {"Host": f"{node.tls_name}{port}"}
    verify = trust(route.trust_anchor) if node.scheme == "https" else _NO_TLS
    # The socket goes to the route, the certificate must be of the name that users dial.
    extensions = {"sni_hostname": node.tls_name}
    with httpx.Client(verify=verify, timeout=_TIMEOUT_S, trust_env=False) as client:
        yield lambda path: client.get(f"{url}{path}", headers=headers, extensions=extensions)


def _seen(node: NodeTarget, route: Route) -> Seen:
    with _asking(node, route) as ask:
        ping = ask(PING)
        if ping.status_code != httpx.codes.OK or not node.version:
            return Seen(status=ping.status_code, answer=ping)
        about = _document(ask("/api"))
    cap, version = _document(ping).get("MaxConcurrentTasks"), about.get("Version")
    return Seen(
        status=ping.status_code,
        answer=ping,
        version=version if isinstance(version, str) else "",
        task_cap=cap if isinstance(cap, int) else None,
    )


def _document(answer: httpx.Response) -> dict[str, object]:
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _running(node: NodeTarget, seen: Seen) -> CheckResult:
    """Judge a node that is online by what it runs."""
    message = f"node {node.name} answers on {node.address}:{node.port}"
    if seen.version and seen.version != node.version:
        return _wrong(
            node,
            f"node {node.name} runs Octopus {seen.version} instead of {node.version}",
            "`cellctl up` upgrades the nodes of a cell together",
            "verify_node_version",
        )
    if seen.task_cap is None or not seen.version:
        return CheckResult(kind="node", target=node.name, passed=True, message=message)
    if seen.task_cap == 0 and node.task_cap:
        return _wrong(
            node,
            f"node {node.name} takes no tasks, and is to take {node.task_cap}",
            "`cellctl up --refresh all` looks at every node and sets it again",
            "verify_node_cap",
        )
    work = f"up to {seen.task_cap} tasks" if seen.task_cap else "web only"
    if node.task_cap is not None and seen.task_cap != node.task_cap:
        work += f", changed by somebody from {node.task_cap}"
    return CheckResult(kind="node", target=node.name, passed=True, message=f"{message}: Octopus {seen.version}, {work}")


def _wrong(node: NodeTarget, message: str, hint: str, code: str, *, kind: CheckKind = "node") -> CheckResult:
    return CheckResult(kind=kind, target=node.name, passed=False, message=message, hint=hint, code=code)


def _judged(node: NodeTarget, seen: Seen) -> CheckResult:
    status, answer = seen.status, seen.answer
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
