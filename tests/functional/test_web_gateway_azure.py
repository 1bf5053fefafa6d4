"""A cell on Azure whose web is behind an application gateway: up, reached through it by TLS, drained, changed, down."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from prepared.home import LICENCES, RunningHome, licence
from warm import keys

from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.host import SandboxHost, open_host

pytestmark = pytest.mark.turn(3, 2)

CERTIFICATE = "https://kv-own-certificates.vault.azure.net/secrets/acme-web"
HOST = "acme.corp.example"
PING = "/api/octopusservernodes/ping"


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> RunningHome:
    root = tmp_path_factory.mktemp("web")
    keys.give(root)
    home = RunningHome(root, "azure")
    home.write(LICENCES["azure"])
    with (root / "cells" / "acme.yaml").open("a", encoding="utf-8") as file:
        file.write(f"  ingress: {{host: {HOST}, balancer: application_gateway, certificate: '{CERTIFICATE}'}}\n")
    home.control.put_secret(LICENCES["azure"], licence(4))
    return home


@contextmanager
def host_of(home: RunningHome) -> Iterator[SandboxHost]:
    host = open_host(home=home.root, cell="acme", cloud="azure", clock="stepped")
    try:
        yield host
    finally:
        host.close()


def fetch(host: SandboxHost, path: str, *, body: bytes = b"", kind: str = "application/octet-stream") -> httpx.Response:
    """Return what a client of the frontend gets, who trusts the sandbox's issuer alone and looks at the name."""
    route = host.dialer.route(HOST, 443)
    trust = ssl.create_default_context(cadata=route.trust_anchor)
    with httpx.Client(verify=trust, trust_env=False, timeout=20) as client:
        return client.request(
            "POST" if body else "GET", f"{route.url}{path}", content=body, headers={"content-type": kind},
            extensions={"sni_hostname": HOST},
        )  # fmt: skip


def test_without_its_certificate_nothing_begins(cell: RunningHome) -> None:
    ended = cell.up()
    assert (ended.result, ended.codes) == ("refused", ["certificate_missing"])
    assert not [*Database.open(cell.root).rows("SELECT id FROM objects WHERE cell = 'acme'")]


def test_it_comes_up_and_is_reached_through_the_gateway_by_tls(cell: RunningHome) -> None:
    cell.control.put_secret(CERTIFICATE, "a certificate with its key")
    ended = cell.up()
    assert ended.result == "succeeded", ended.failures
    assert ended.outputs["pollAddresses"] == [f"https://polling.{HOST}:10943", f"https://polling.{HOST}:10944"]
    assert cell.cell.preview(options=cell.options()).empty
    with host_of(cell) as host:
        assert fetch(host, PING).status_code == 200


def test_down_takes_all_of_it(cell: RunningHome) -> None:
    down = cell.cell.down(ask=lambda *_: True, delete_data=True, options=cell.options())
    assert down.result == "succeeded", down.failures
    query = "SELECT id FROM objects WHERE cell = 'acme' AND gone_s IS NULL AND type LIKE '%:network:%'"
    assert [*Database.open(cell.root).rows(query)] == []
