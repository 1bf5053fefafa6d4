"""The load balancer of a cell on Azure: reached by TLS that a node ends, drained, and closed but for its ports."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from prepared.home import RunningHome

from cellctl_sandbox.host import SandboxHost, open_host

HOST, PING = "acme.octopus.internal", "/api/octopusservernodes/ping"
BOTH = {"acme-1", "acme-2"}


@pytest.fixture(scope="module")
def cell(running_home: Callable[[str, Path], RunningHome], tmp_path_factory: pytest.TempPathFactory) -> RunningHome:
    return running_home("azure", tmp_path_factory.mktemp("balanced"))


@contextmanager
def host_of(home: RunningHome) -> Iterator[SandboxHost]:
    host = open_host(home=home.root, cell="acme", cloud="azure", clock="stepped")
    try:
        yield host
    finally:
        host.close()


def fetch(
    host: SandboxHost, path: str = PING, *, method: str = "GET", body: bytes = b"", key: str = ""
) -> httpx.Response:
    """Return what a client of the frontend gets, who trusts the sandbox's issuer alone and looks at the name."""
    route = host.dialer.route(HOST, 443)
    trust = ssl.create_default_context(cadata=route.trust_anchor)
    headers = {"X-Octopus-ApiKey": key} if key else {}
    with httpx.Client(verify=trust, trust_env=False, timeout=20) as client:
        return client.request(
            method, f"{route.url}{path}", content=body, headers=headers, extensions={"sni_hostname": HOST}
        )


def answering(host: SandboxHost) -> set[str]:
    """Return the nodes that the frontend leads to, asked often enough to meet all."""
    return {str(fetch(host).json()["Name"]) for _ in range(6)}


def shown(host: SandboxHost, port: int) -> x509.Certificate:
    """Return the certificate that whoever ends TLS behind a port of the frontend shows."""
    route = host.dialer.route(HOST, port)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection((route.host, route.port), 5)
    with plain, context.wrap_socket(plain, server_hostname=HOST) as spoken:
        return x509.load_der_x509_certificate(spoken.getpeercert(binary_form=True) or b"")


def opened(host: SandboxHost, port: int) -> None:
    """Connect to a port of the frontend.

    Raises:
        OSError: Nothing answers there.
    """
    route = host.dialer.route(HOST, port)
    socket.create_connection((route.host, route.port), 2).close()


def drain(host: SandboxHost, home: RunningHome, node: int, *, on: bool) -> None:
    key = host.secrets.read(str(home.cell.outputs()["apiKeySecret"]))
    path = f"/api/octopusservernodes/OctopusServerNodes-acme-{node}"
    body = json.dumps({"IsInMaintenanceMode": on}).encode()
    assert fetch(host, path, method="PUT", body=body, key=key).status_code == 200


def test_a_client_that_trusts_the_nodes_issuer_gets_through_the_frontend_by_tls(cell: RunningHome) -> None:
    with host_of(cell) as host:
        assert fetch(host).status_code == 200
        assert answering(host) == BOTH
        names = shown(host, 443).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert HOST in names.get_values_for_type(x509.DNSName), "the node ends TLS: the balancer has no certificate"
        route = host.dialer.route(HOST, 443)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{route.url}{PING}", verify=ssl.create_default_context(), trust_env=False)


@pytest.mark.parametrize("port", [80, 8443, 10945, 3389, 1433])
def test_what_the_frontend_does_not_offer_is_closed(cell: RunningHome, port: int) -> None:
    with host_of(cell) as host:
        opened(host, 443)
        with pytest.raises((ConnectionRefusedError, TimeoutError)):
            opened(host, port)


def test_a_node_that_drains_gets_no_requests_and_keeps_its_tentacles(cell: RunningHome) -> None:
    with host_of(cell) as host:
        own = {port: shown(host, port).subject for port in (10943, 10944)}
        drain(host, cell, 1, on=True)
        assert answering(host) == {"acme-2"}
        assert {port: shown(host, port).subject for port in (10943, 10944)} == own, "no probe cuts what still runs"
        drain(host, cell, 1, on=False)
        assert answering(host) == BOTH
        assert all(name.get_attributes_for_oid(NameOID.COMMON_NAME) for name in own.values())
