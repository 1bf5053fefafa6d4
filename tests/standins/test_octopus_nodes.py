"""Octopus' node API in the sandbox, as load balancers, `verify` and node operations meet it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from cellctl.dialer import Route
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.octopus import NodeFacts, NodePort, OctopusStandin, people

KEY: dict[str, str] = {}
PING = "/api/octopusservernodes/ping"


@dataclass
class Machines:
    found: list[NodeFacts] = field(default_factory=list)
    seconds: float = 1000.0

    def nodes(self, cell: str = "") -> Sequence[NodeFacts]:
        return [node for node in self.found if cell in ("", node.cell)]

    def now(self) -> float:
        return self.seconds


def node(name: str, address: str, *, cell: str = "acme", up_from_s: float = 600.0, database: bool = True) -> NodeFacts:
    ports = (NodePort(port=443, tls=True), NodePort(port=80, probe_only=True), NodePort(port=8080))
    return NodeFacts(
        cell=cell, name=name, address=address, ports=ports, up_from_s=up_from_s, database=database,
        version="2026.4.7000", tls_names=("acme.example.com",),
    )  # fmt: skip


@pytest.fixture
def machines() -> Machines:
    return Machines([node("acme-1", "10.64.1.21"), node("acme-2", "10.64.2.22")])


@pytest.fixture
def standin(tmp_path: Path, machines: Machines) -> Iterator[OctopusStandin]:
    documents = Documents(tmp_path / "sandbox.db", "octopus_documents")
    made = OctopusStandin(documents, machines, Authority(), cell="acme")
    with made.cluster.moment("acme") as moment:
        robot = people.add_user(moment, username="robot", email="", display="robot", service=True)
        moment.put("user", str(robot["id"]), {**robot, "administrates": True})
        KEY["X-Octopus-ApiKey"] = people.add_key(moment, robot, "tests")[1]
    yield made
    made.close()


def route(standin: OctopusStandin, address: str = "10.64.1.21", port: int = 8080) -> Route:
    found = standin.route(address, port)
    assert found is not None
    return found


def get(standin: OctopusStandin, path: str, *, address: str = "10.64.1.21", **headers: str) -> httpx.Response:
    return httpx.get(route(standin, address).url + path, headers=headers, trust_env=False)


def summary(standin: OctopusStandin) -> dict[str, dict[str, object]]:
    nodes = get(standin, "/api/octopusservernodes/summary", **KEY).json()["Nodes"]
    return {item["Name"]: item for item in nodes}


def put(standin: OctopusStandin, name: str, **body: object) -> httpx.Response:
    url = f"{route(standin).url}/api/octopusservernodes/{summary(standin)[name]['Id']}"
    return httpx.put(url, json=body, headers=KEY, trust_env=False)


def test_a_node_that_is_up_answers_200_and_a_draining_one_418(standin: OctopusStandin) -> None:
    assert get(standin, PING).status_code == 200
    assert put(standin, "acme-1", IsInMaintenanceMode=True).status_code == 200
    drained = get(standin, PING)
    assert (drained.status_code, drained.json()["Name"]) == (418, "acme-1")
    assert get(standin, PING, address="10.64.2.22").status_code == 200
    assert put(standin, "acme-1", IsInMaintenanceMode=False, MaxConcurrentTasks=0).json()["MaxConcurrentTasks"] == 0
    assert get(standin, PING).status_code == 200


def test_the_version_needs_no_key_and_nodes_do(standin: OctopusStandin) -> None:
    assert get(standin, "/api").json()["Version"] == "2026.4.7000"
    assert get(standin, "/api/serverstatus").status_code == 200
    assert get(standin, "/api/serverstatus/hosted/internal").status_code == 200
    assert get(standin, "/api/octopusservernodes/summary").status_code == 401
    assert get(standin, "/api/octopusservernodes/summary", **{"X-Octopus-ApiKey": "guess"}).status_code == 401
    assert set(summary(standin)) == {"acme-1", "acme-2"}
    assert summary(standin)["acme-1"]["MaxConcurrentTasks"] == 5


def test_a_node_refuses_connections_until_it_has_booted_and_once_it_is_gone(
    standin: OctopusStandin, machines: Machines
) -> None:
    machines.seconds = 599.0
    assert standin.route("10.64.1.21", 8080) is None
    assert standin.names() == []
    machines.seconds = 600.0
    url = route(standin).url
    machines.found.clear()
    assert standin.route("10.64.1.21", 8080) is None
    with pytest.raises(httpx.TransportError):
        httpx.get(url + PING, trust_env=False)


def test_without_its_database_a_node_is_not_healthy(standin: OctopusStandin, machines: Machines) -> None:
    machines.found = [replace(item, database=False) for item in machines.found]
    assert get(standin, PING).status_code == 503
    assert get(standin, "/api").status_code == 503


def test_the_certificate_is_of_the_cells_name(standin: OctopusStandin) -> None:
    way = route(standin, port=443)
    context = ssl.create_default_context(cadata=way.trust_anchor)
    with httpx.Client(verify=context, trust_env=False) as client:
        found = client.get(way.url + PING, extensions={"sni_hostname": "acme.example.com"})
        assert found.status_code == 200
    with httpx.Client(verify=context, trust_env=False) as client, pytest.raises(httpx.ConnectError):
        client.get(way.url + PING, extensions={"sni_hostname": "other.example.com"})
    with httpx.Client(trust_env=False) as stranger, pytest.raises(httpx.ConnectError):
        stranger.get(way.url + PING)


def test_a_probe_port_answers_the_probe_only(standin: OctopusStandin) -> None:
    way = route(standin, port=80)
    assert httpx.get(way.url + PING, trust_env=False).status_code == 200
    assert httpx.get(way.url + "/api", trust_env=False).status_code == 404
    assert standin.route("10.64.1.21", 10943) is None


def test_a_deleted_row_comes_back_at_the_next_check_in(standin: OctopusStandin, machines: Machines) -> None:
    row = summary(standin)["acme-2"]["Id"]
    url = f"{route(standin).url}/api/octopusservernodes/{row}"
    assert httpx.delete(url, headers=KEY, trust_env=False).status_code == 200
    assert httpx.delete(url, headers=KEY, trust_env=False).status_code == 404
    assert set(summary(standin)) == {"acme-1"}
    assert get(standin, PING, address="10.64.2.22").status_code == 503
    machines.seconds += 61
    assert set(summary(standin)) == {"acme-1", "acme-2"}


def test_a_node_whose_machine_is_gone_stays_a_row_that_is_offline(standin: OctopusStandin, machines: Machines) -> None:
    assert len(summary(standin)) == 2
    machines.found.pop()
    machines.seconds += 600
    assert summary(standin)["acme-1"]["LastSeen"] == "2026-01-01T00:26:40.000+00:00"
    gone = summary(standin)["acme-2"]
    assert (gone["IsOffline"], gone["LastSeen"]) == (
        True,
        "2026-01-01T00:16:40.000+00:00",
    )  # when it was asked for last


def test_cells_with_equal_addresses_are_told_apart(standin: OctopusStandin, machines: Machines) -> None:
    machines.found.insert(0, node("zeta-1", "10.64.1.21", cell="zeta"))
    assert get(standin, PING).json()["Name"] == "acme-1"
    assert set(summary(standin)) == {"acme-1", "acme-2"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"IsInMaintenanceMode": "yes"}',
        b"\xff",
        b'{"IsInMaintenanceMode": true, "MaxConcurrentTasks": -1}',
    ],
)
def test_a_wrong_body_changes_nothing(standin: OctopusStandin, body: bytes) -> None:
    url = f"{route(standin).url}/api/octopusservernodes/{summary(standin)['acme-1']['Id']}"
    assert httpx.put(url, content=body, headers=KEY, trust_env=False).status_code == 400
    assert get(standin, PING).status_code == 200


def test_paths_that_do_not_exist_are_404(standin: OctopusStandin) -> None:
    assert get(standin, "/api/projects", **KEY).status_code == 404
    assert httpx.post(route(standin).url + PING, headers=KEY, trust_env=False).status_code == 404


def test_a_database_that_is_told_apart_now_has_what_an_older_sandbox_kept_and_a_second_life_has_not(
    standin: OctopusStandin, machines: Machines
) -> None:
    known = summary(standin)
    machines.found = [replace(one, store="database-1") for one in machines.found]
    assert summary(standin) == known
    machines.found = [replace(one, store="database-2") for one in machines.found]
    assert get(standin, "/api/octopusservernodes/summary", **KEY).status_code == 401
