"""`verify` looks at the ways in: every node through the portal, each polling port, and what must be closed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cellctl import verify
from cellctl.dialer import Route
from cellctl_sandbox.network import NameNotFound
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.octopus import NodeFacts, NodePort, OctopusStandin

ONCE = verify.Patience(limit_s=0.0, every_s=1.0)
PORTAL = "acme.example.com"


class Portal:
    """Two nodes behind one name; connections go to `targets` in turn. Addresses that start with `9.` are shut."""

    def __init__(self, folder: Path) -> None:
        self.targets = ["10.64.1.21", "10.64.2.22"]
        self.turn = 0
        self.standin = OctopusStandin(
            Documents(folder / "sandbox.db", "octopus_documents"), self, Authority(), cell="acme"
        )

    def nodes(self, cell: str = "") -> Sequence[NodeFacts]:
        ports = (NodePort(port=443, tls=True), NodePort(port=10943, tls=True, polling=True), NodePort(port=80))
        return [
            NodeFacts(
                cell="acme",
                name=name,
                address=address,
                ports=ports,
                up_from_s=0.0,
                database=True,
                version="1",
                tls_names=(PORTAL,),
            )
            for name, address in (("acme-1", "10.64.1.21"), ("acme-2", "10.64.2.22"))
        ]

    def now(self) -> float:
        return 100.0

    def route(self, name: str, port: int) -> Route:
        if name == PORTAL:
            self.turn += 1
            name = self.targets[self.turn % len(self.targets)]
        if name == "gone.example.com":
            raise NameNotFound("name not found: no zone holds gone.example.com")
        found = None if name.startswith("9.") else self.standin.route(name, port)
        if found is None:
            raise TimeoutError(f"timed out: no rule admits 10.255.0.4 to port {port}")
        return found


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    made = Portal(tmp_path)
    yield made
    made.standin.close()


def looked(portal: Portal, kind: str, **entry: object) -> verify.CheckResult:
    (result,) = verify.run({"entries": {kind: [entry]}}, portal, patience=ONCE, sleep=lambda _: None)
    return result


def test_every_node_must_answer_through_the_portal(portal: Portal) -> None:
    assert looked(portal, "web", host=PORTAL, port=443, nodes=["acme-1", "acme-2"]).passed
    portal.targets = ["10.64.1.21"]
    result = looked(portal, "web", host=PORTAL, port=443, nodes=["acme-1", "acme-2"])
    assert (result.passed, result.code) == (False, "verify_web_nodes")
    assert "never leads to node acme-2" in result.message


def test_an_unknown_name_and_a_shut_port_say_why(portal: Portal) -> None:
    result = looked(portal, "web", host="gone.example.com", port=443)
    assert (result.code, "no zone holds" in result.message) == ("verify_web_unreachable", True)
    assert looked(portal, "polling", host=PORTAL, port=10943).passed
    result = looked(portal, "polling", host="9.9.9.9", port=10943)
    assert (result.code, "no rule admits" in result.message) == ("verify_polling_unreachable", True)


def test_what_must_be_closed_and_answers_is_a_failure(portal: Portal) -> None:
    assert looked(portal, "closed", host="9.9.9.9", port=80).passed
    result = looked(portal, "closed", host="10.64.1.21", port=80)
    assert (result.passed, result.code) == (False, "verify_open")
