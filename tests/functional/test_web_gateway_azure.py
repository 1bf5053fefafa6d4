"""A cell on Azure whose web is behind an application gateway: up, reached through it by TLS, drained, changed, down."""

from __future__ import annotations

import json
import re
import shlex
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prepared.home import LICENCES, RunningHome, licence
from warm import client, keys

from cellctl.errors import GuardError
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.host import SandboxHost, open_host

pytestmark = pytest.mark.turn(3, 2)

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "web-gateway-azure.md").read_text(encoding="utf-8")
STEPS = re.findall(r"^\$ cellctl (.+)$", GUIDE, re.MULTILINE)
INGRESS = re.search(r"(?ms)^  ingress:\n.*?(?=^```)", GUIDE)
HOST = "acme.corp.example"
PING = "/api/octopusservernodes/ping"


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> RunningHome:
    root = tmp_path_factory.mktemp("web")
    keys.give(root)
    home = RunningHome(root, "azure")
    home.write(LICENCES["azure"])
    with (root / "cells" / "acme.yaml").open("a", encoding="utf-8") as file:
        assert INGRESS is not None
        file.write(INGRESS[0])
    home.control.put_secret(LICENCES["azure"], licence(4))
    return home


@contextmanager
def host_of(home: RunningHome) -> Iterator[SandboxHost]:
    host = open_host(home=home.root, cell="acme", cloud="azure", clock="stepped")
    try:
        yield host
    finally:
        host.close()


def fetch(host: SandboxHost, path: str, *, method: str = "GET", body: bytes = b"", **headers: str) -> httpx.Response:
    """Return what a client of the frontend gets, who trusts the sandbox's issuer alone and looks at the name."""
    route = host.dialer.route(HOST, 443)
    trust = ssl.create_default_context(cadata=route.trust_anchor)
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    with httpx.Client(verify=trust, trust_env=False, timeout=20) as client:
        return client.request(
            method, f"{route.url}{path}", content=body, headers=named, extensions={"sni_hostname": HOST}
        )  # fmt: skip


def object_id(home: RunningHome, name: str) -> str:
    """Return the id of the cell's object with a logical name."""
    rows = Database.open(home.root).rows(
        "SELECT id FROM objects WHERE cell = 'acme' AND gone_s IS NULL AND urn LIKE ?", (f"%::{name}",)
    )
    ((found,),) = rows
    return str(found)


def test_without_its_certificate_nothing_begins(cell: RunningHome) -> None:
    ended = cell.up()
    assert (ended.result, ended.codes) == ("refused", ["certificate_missing"])
    assert not [*Database.open(cell.root).rows("SELECT id FROM objects WHERE cell = 'acme'")]


def test_a_role_that_the_vault_has_not_heard_of_yet_costs_a_second_run(cell: RunningHome) -> None:
    (cell.root / "web.pfx").write_text("a certificate with its key")
    step, last = STEPS
    put = client.cellctl(*shlex.split(step), "--home", str(cell.root), cwd=cell.root)
    assert (put.returncode, last) == (0, "up acme"), put.stderr
    role = "azure-native:authorization:RoleAssignment"
    cell.control.add_fault(
        {"type": role, "name": "acme-web-certificate-read", "op": "create", "effect": "stale", "delay_s": 1500}
    )
    ended = cell.up()
    assert ended.result == "failed"
    assert "ApplicationGatewayKeyVaultSecretException" in ended.failures
    cell.control.clear_faults()
    with host_of(cell) as host:
        host.sleep(1500)


def test_it_comes_up_and_is_reached_through_the_gateway_by_tls(cell: RunningHome) -> None:
    ended = cell.up()
    assert ended.result == "succeeded", ended.failures
    assert ended.outputs["pollAddresses"] == [f"https://polling.{HOST}:10943", f"https://polling.{HOST}:10944"]
    assert cell.cell.preview(options=cell.options()).empty
    with host_of(cell) as host:
        assert fetch(host, PING).status_code == 200


def test_a_node_that_drains_gets_nothing_from_the_gateway(cell: RunningHome) -> None:
    with host_of(cell) as host:
        outputs = cell.cell.outputs()
        key = host.secrets.read(str(outputs["apiKeySecret"]))
        assert {fetch(host, PING).json()["Name"] for _ in range(4)} == {"acme-1", "acme-2"}

        def drain(node: str, on: bool) -> int:
            path, body = (
                f"/api/octopusservernodes/OctopusServerNodes-{node}",
                f'{{"IsInMaintenanceMode": {str(on).lower()}}}',
            )
            return fetch(host, path, method="PUT", body=body.encode(), x_octopus_apikey=key).status_code

        assert drain("acme-1", True) == 200
        assert {fetch(host, PING).json()["Name"] for _ in range(4)} == {"acme-2"}
        assert drain("acme-1", False) == 200
        assert {fetch(host, PING).json()["Name"] for _ in range(4)} == {"acme-1", "acme-2"}


def test_a_package_gets_through_and_would_not_through_a_firewall_that_reads_bodies(cell: RunningHome) -> None:
    package, firewall = bytes(3 * 1024 * 1024), object_id(cell, "acme-web-firewall")
    with host_of(cell) as host:
        path = "/api/Spaces-1/packages/raw"
        answer = fetch(host, path, method="POST", body=package, content_type="application/octet-stream")
        assert answer.status_code == 401  # a node has answered: it wants to know who that is
        for setting in ("requestBodyCheck", "requestBodyEnforcement"):
            cell.control.edit(firewall, f"policySettings.{setting}", True)
        assert fetch(host, path, method="POST", body=package).status_code == 413
        for setting in ("requestBodyCheck", "requestBodyEnforcement"):
            cell.control.edit(firewall, f"policySettings.{setting}", False)


@pytest.mark.parametrize(
    ("group", "rule", "what"),
    [
        ("acme-network-gateway-nsg", "in-https", "no rule of nsg-oct-acme-gateway admits 10.255.0.4 to port 443"),
        ("acme-network-nodes-nsg", "in-https", "no rule of nsg-oct-acme-nodes admits 10.64.10."),
        ("acme-network-gateway-nsg", "in-probe", "no rule of nsg-oct-acme-gateway admits 168.63.129.16"),
    ],
)
def test_a_rule_that_is_missing_is_a_time_out_that_names_it(
    cell: RunningHome, group: str, rule: str, what: str
) -> None:
    id = object_id(cell, group)
    ((inputs,),) = Database.open(cell.root).rows("SELECT inputs FROM objects WHERE id = ?", (id,))
    rules = [one["name"] for one in json.loads(str(inputs))["securityRules"]]
    cell.control.edit(id, f"securityRules.{rules.index(rule)}.access", "Deny")
    with host_of(cell) as host:
        if rule == "in-https" and "gateway" in group:
            with pytest.raises(TimeoutError, match=what):
                host.dialer.route(HOST, 443)
        else:
            answer = fetch(host, PING)
            assert answer.status_code == 502
            assert what in answer.json()["ErrorMessage"]
    cell.control.edit(id, f"securityRules.{rules.index(rule)}.access", "Allow")


def test_without_its_role_on_the_secret_the_gateway_has_no_certificate(cell: RunningHome) -> None:
    role = object_id(cell, "acme-web-certificate-read")
    scope = f"{role.partition('/providers/Microsoft.Authorization')[0]}"
    cell.control.edit(role, "scope", f"{scope}-other")
    with host_of(cell) as host:
        answer = fetch(host, PING)
    assert answer.status_code == 502
    assert "ApplicationGatewayKeyVaultSecretException: no role assignment on secret acme-web" in answer.text
    cell.control.edit(role, "scope", scope)


@pytest.mark.parametrize(
    ("instead", "field", "why"),
    [
        ("balancer: load_balancer", "ingress.balancer", "Tentacles poll another name then"),
        ("balancer: application_gateway", "ingress.certificate", "the gateway's role is on that vault"),
    ],
)
def test_what_tentacles_and_the_role_hang_on_stays_and_nothing_is_declared(
    cell: RunningHome, instead: str, field: str, why: str
) -> None:
    file = cell.root / "cells" / "acme.yaml"
    before = file.read_text()
    text = re.sub(r"    firewall: .*\n", "", before).replace("balancer: application_gateway", instead)
    file.write_text(text.replace("kv-certificates", "kv-else") if field == "ingress.certificate" else text)
    calls = "SELECT count(*) FROM calls"
    known = [*Database.open(cell.root).rows(calls)]
    try:
        ended = cell.up()
    finally:
        file.write_text(before)
    assert (ended.result, ended.codes) == ("refused", ["frozen_field"])
    assert ended.objections[0].reason.startswith(f"{field} is ")
    assert why in ended.objections[0].reason
    assert [*Database.open(cell.root).rows(calls)] == known


def test_a_firewall_that_turns_away_is_a_change_in_place(cell: RunningHome) -> None:
    cell.rewrite(("firewall: detect", "firewall: prevent"))
    ended = cell.up()
    assert (ended.result, {key: n for key, n in ended.changes.items() if n and key != "same"}) == (
        "succeeded", {"update": 1},
    )  # fmt: skip


def test_another_certificate_of_its_vault_replaces_nothing_but_who_may_read_it(cell: RunningHome) -> None:
    cell.control.put_secret("https://kv-certificates.vault.azure.net/secrets/acme-web-2", "another one")
    cell.rewrite((r"secrets/acme-web ", "secrets/acme-web-2 "))
    ended = cell.up()
    assert ended.result == "succeeded", ended.failures
    assert ended.plan is not None
    replaced = {change.name for change in ended.plan.changes if change.action == "replace"}
    assert replaced == {"acme-web-certificate-read", "acme-web-nodes-read"}
    with host_of(cell) as host:
        assert {fetch(host, PING).json()["Name"] for _ in range(4)} == {"acme-1", "acme-2"}


def test_a_third_node_is_put_behind_the_gateway(cell: RunningHome) -> None:
    cell.rewrite((r"count: 2\n    roles: \[both, both\]", "count: 3\n    roles: [both, both, both]"))
    ended = cell.up()
    assert ended.result == "succeeded", ended.failures
    assert (ended.changes["replace"], ended.changes["delete"]) == (0, 0)
    with host_of(cell) as host:
        assert {fetch(host, PING).json()["Name"] for _ in range(6)} == {"acme-1", "acme-2", "acme-3"}


def test_down_takes_all_of_it(cell: RunningHome) -> None:
    down = cell.cell.down(ask=lambda *_: True, delete_data=True, options=cell.options())
    assert down.result == "succeeded", down.failures
    query = "SELECT id FROM objects WHERE cell = 'acme' AND gone_s IS NULL AND type LIKE '%:network:%'"
    assert [*Database.open(cell.root).rows(query)] == []


def test_a_cell_that_is_there_keeps_its_load_balancer(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    home = running_home("azure", tmp_path)
    assert home.cell.preview(options=home.options()).empty
    assert INGRESS is not None
    with (tmp_path / "cells" / "acme.yaml").open("a", encoding="utf-8") as file:
        file.write(INGRESS[0])
    with pytest.raises(GuardError) as caught:
        home.cell.preview(options=home.options())
    (only,) = caught.value.objections
    assert only.code == "frozen_field"
    assert only.reason.startswith("ingress.balancer is load_balancer and cannot become application_gateway")
