"""The checks that follow an `up`, against the Octopus stand-in: wrong answers, wrong certificates, patience."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cellctl import verify
from cellctl.dialer import Route
from cellctl.errors import EngineError
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.dialer import SandboxDialer
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.octopus import Cluster, NodeFacts, NodePort, OctopusStandin

ONCE = verify.Patience(limit_s=0.0, every_s=1.0)


@dataclass
class Machines:
    found: list[NodeFacts] = field(default_factory=list)
    seconds: float = 0.0

    def nodes(self, cell: str = "") -> Sequence[NodeFacts]:
        return [node for node in self.found if cell in ("", node.cell)]

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class World:
    machines: Machines
    cluster: Cluster
    dialer: SandboxDialer


def machine(name: str, address: str, up_from_s: float) -> NodeFacts:
    ports = (NodePort(port=443, tls=True), NodePort(port=8080))
    return NodeFacts(
        cell="acme", name=name, address=address, ports=ports, up_from_s=up_from_s, database=True,
        version="2026.4.7000", tls_names=("acme.example.com",),
    )  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    machines = Machines([machine("acme-1", "10.64.1.21", 0.0), machine("acme-2", "10.64.2.22", 400.0)])
    documents = Documents(tmp_path / "sandbox.db", "octopus_documents")
    standin = OctopusStandin(documents, machines, Authority(), cell="acme")
    dialer = SandboxDialer([standin])
    yield World(machines, standin.cluster, dialer)
    dialer.close()


def outputs(**changed: object) -> dict[str, object]:
    first = {"name": "acme-1", "address": "10.64.1.21", "port": 8080.0, "scheme": "http"}
    return {"nodes": [first | changed], "url": "ignored"}


def test_all_nodes_are_waited_for_in_simulated_time(world: World) -> None:
    both = {"nodes": [*outputs()["nodes"], {"name": "acme-2", "address": "10.64.2.22", "port": 8080, "scheme": "http"}]}
    first, second = verify.run(both, world.dialer, sleep=world.machines.sleep)
    assert (first.passed, second.passed) == (True, True)
    assert (first.attempts, second.attempts) == (1, 28)
    assert world.machines.seconds == pytest.approx(405)
    assert second.message == "node acme-2 answers on 10.64.2.22:8080"


def test_tls_is_verified_with_the_anchor_and_the_name(world: World) -> None:
    good = outputs(port=443, scheme="https", tlsName="acme.example.com")
    assert verify.run(good, world.dialer, patience=ONCE, sleep=world.machines.sleep)[0].passed
    wrong = outputs(port=443, scheme="https", tlsName="other.example.com")
    (result,) = verify.run(wrong, world.dialer, patience=ONCE, sleep=world.machines.sleep)
    assert (result.passed, result.code) == (False, "verify_node_untrusted")
    assert "other.example.com" in result.hint


def test_a_certificate_of_another_authority_is_not_trusted(world: World) -> None:
    class Stranger:
        def route(self, name: str, port: int) -> Route:
            way = world.dialer.route(name, port)
            return Route(host=way.host, port=way.port, trust_anchor=Authority().trust_anchor)

    wanted = outputs(port=443, scheme="https", tlsName="acme.example.com")
    (result,) = verify.run(wanted, Stranger(), patience=ONCE, sleep=world.machines.sleep)
    assert result.code == "verify_node_untrusted"


def test_a_draining_node_says_so(world: World) -> None:
    with world.cluster.moment("acme") as moment:
        (row,) = moment.rows()
        moment.change(row.id, draining=True, cap=None)
    (result,) = verify.run(outputs(), world.dialer, patience=ONCE, sleep=world.machines.sleep)
    assert (result.code, result.passed) == ("verify_node_draining", False)


def test_a_node_that_is_not_there_is_one_sentence(world: World) -> None:
    (result,) = verify.run(outputs(address="10.9.9.9"), world.dialer, patience=ONCE, sleep=world.machines.sleep)
    assert result.code == "verify_node_unreachable"
    assert "refused" in result.message
    assert "127.0.0.1" not in result.message + result.hint


def test_patience_ends(world: World) -> None:
    patience = verify.Patience(limit_s=60, every_s=20)
    (result,) = verify.run(outputs(port=9), world.dialer, patience=patience, sleep=world.machines.sleep)
    assert (result.passed, result.attempts, world.machines.seconds) == (False, 4, 60.0)


def test_an_interrupted_wait_ends_the_checks(world: World) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify.run(outputs(port=9), world.dialer, sleep=interrupted)


def test_nothing_to_check_is_fine(world: World) -> None:
    assert verify.run({}, world.dialer) == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"nodes": {}},
        {"nodes": ["acme-1"]},
        outputs(scheme="ftp"),
        outputs(address=""),
        outputs(port=0),
        outputs(port="80"),
        outputs(port=True),
        {"database": "x"},
        {"database": {"server": "s"}},
    ],
)
def test_outputs_of_another_shape_are_refused_with_a_remedy(world: World, wrong: dict[str, object]) -> None:
    with pytest.raises(EngineError) as refused:
        verify.run(wrong, world.dialer)
    assert (refused.value.code, bool(refused.value.hint)) == ("verify_outputs", True)


def test_a_database_that_nobody_can_sign_in_to_is_a_result(world: World) -> None:
    database = {"server": "sql.example.com", "name": "octo_acme_g1", "kind": "rds", "login": "l", "passwordSecret": "r"}
    (result,) = verify.run({"database": database}, world.dialer, patience=ONCE, sleep=world.machines.sleep)
    assert (result.passed, result.code) == (False, "verify_database_secret")
