"""Load balancers before simulated nodes: who leaves rotation when it drains, and zones that have no healthy target."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from cellctl.dialer import Route
from cellctl.verify import entries
from cellctl.verify.outputs import EntryTarget
from cellctl_sandbox.network.entry import Entry, Target, Zones
from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.standins.balancers import BalancerStandin
from cellctl_sandbox.standins.documents import Documents
from cellctl_sandbox.standins.octopus import NodeFacts, NodePort, OctopusStandin

HOST, POLLING = "acme.example.com", "polling.acme.example.com"
PING = "/api/octopusservernodes/ping"
ADDRESSES = {"a": "10.64.1.21", "b": "10.64.2.22"}


@dataclass
class Machines:
    found: Sequence[NodeFacts]

    def nodes(self, cell: str = "") -> Sequence[NodeFacts]:
        return [node for node in self.found if cell in ("", node.cell)]

    def now(self) -> float:
        return 1000.0


@dataclass
class Balancers:
    ports: dict[tuple[str, int], Entry] = field(default_factory=dict)

    def entry(self, name: str, port: int) -> Entry | None:
        return self.ports.get((name, port))


@dataclass
class Ways:
    """The dialer of this little world, as `verify` uses one."""

    balancers: BalancerStandin

    def route(self, name: str, port: int) -> Route:
        found = self.balancers.route(name, port)
        assert found is not None
        return found


def target(zone: str, port: int, path: str = "") -> Target:
    return Target(address=ADDRESSES[zone], port=port, health_port=port, health_path=path, zone=zone)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[OctopusStandin]:
    ports = (NodePort(port=8080), NodePort(port=10943, tls=True))
    found = [
        NodeFacts(cell="acme", name=f"acme-{zone}", address=address, ports=ports, up_from_s=600.0, database=True,
                  version="2026.4.7000", tls_names=(HOST,))
        for zone, address in ADDRESSES.items()
    ]  # fmt: skip
    standin = OctopusStandin(Documents(tmp_path / "sandbox.db", "octopus"), Machines(found), Authority(), cell="acme")
    for address in ADDRESSES.values():  # a node is in the cluster once it has been asked
        way = standin.route(address, 8080)
        assert way is not None
        httpx.get(f"{way.url}{PING}", trust_env=False)
    yield standin
    standin.close()


@pytest.fixture
def balancers() -> Balancers:
    web = tuple(target(zone, 8080, PING) for zone in ADDRESSES)
    ports = {(HOST, 443): Entry(balancer="web", port=443, targets=web, ends_tls=True)}
    for ordinal, zone in enumerate(ADDRESSES):
        ports[POLLING, 10943 + ordinal] = Entry(balancer="polling", port=10943, targets=(target(zone, 10943),))
    return Balancers(ports)


@pytest.fixture
def ways(nodes: OctopusStandin, balancers: Balancers) -> Iterator[Ways]:
    standin = BalancerStandin(balancers, nodes, Authority())
    yield Ways(standin)
    standin.close()


def drain(nodes: OctopusStandin, name: str, *, on: bool) -> None:
    with nodes.cluster.moment("acme") as moment:
        (row,) = [row for row in moment.rows() if row.name == name]
        moment.change(row.id, draining=on, cap=None)


def answering(ways: Ways) -> set[str]:
    """Return the nodes that the portal leads to, asked often enough to meet all."""
    found = set()
    for _ in range(6):
        way = ways.route(HOST, 443)
        with httpx.Client(verify=ssl.create_default_context(cadata=way.trust_anchor), trust_env=False) as client:
            answer = client.get(f"https://{way.host}:{way.port}{PING}", extensions={"sni_hostname": HOST})
        found.add(str(answer.json().get("Name", answer.status_code)))
    return found


def polled(ways: Ways, port: int) -> bool:
    way = ways.route(POLLING, port)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((way.host, way.port), 5) as plain, context.wrap_socket(plain) as spoken:
        return bool(spoken.version())


def test_a_draining_node_leaves_the_portal_and_its_tentacles_stay(nodes: OctopusStandin, ways: Ways) -> None:
    assert answering(ways) == {"acme-a", "acme-b"}
    drain(nodes, "acme-a", on=True)
    assert answering(ways) == {"acme-b"}
    assert polled(ways, 10943)
    assert polled(ways, 10944)
    drain(nodes, "acme-b", on=True)
    assert answering(ways) == {"504"}
    assert polled(ways, 10943)
    drain(nodes, "acme-a", on=False)
    assert answering(ways) == {"acme-a"}


def keeping(entry: Entry, *groups: tuple[Target, ...], zones: tuple[str, ...] = ("a", "b")) -> Entry:
    return replace(entry, zones=Zones(names=zones, groups=groups))


def met(ways: Ways, port: int) -> list[bool]:
    """Return for six look-ups of the name whether its port answered."""
    found = []
    for _ in range(6):
        try:
            ways.route(POLLING, port)
        except TimeoutError:
            found.append(False)
        else:
            found.append(True)
    return found


def test_an_address_in_a_zone_without_a_healthy_target_does_not_answer(ways: Ways, balancers: Balancers) -> None:
    """Each node's port has its one target in one zone: no zone has one for every port, so none leaves the name."""
    groups = [balancers.ports[POLLING, port].targets for port in (10943, 10944)]
    for port in (10943, 10944):
        assert met(ways, port) == [True] * 6, "over all zones every address leads to the node"
        balancers.ports[POLLING, port] = keeping(balancers.ports[POLLING, port], *groups)
        assert sorted(met(ways, port)) == [False] * 3 + [True] * 3
        entry = EntryTarget(host=POLLING, port=port)
        result = entries.polling_check(entry, ways)()
        assert (result.passed, result.code) == (False, "verify_polling_unreachable")
        assert "its address there sends to no other zone" in result.message


def test_a_zone_that_lacks_a_target_of_the_only_group_leaves_the_name(
    nodes: OctopusStandin, ways: Ways, balancers: Balancers
) -> None:
    shared = tuple(target(zone, 10943) for zone in ADDRESSES)
    one = replace(balancers.ports[POLLING, 10943], targets=shared)
    balancers.ports[POLLING, 10943] = keeping(one, shared, zones=("a", "b", "c"))
    assert met(ways, 10943) == [True] * 6, "zone c has no target: its address is not in the name"
    assert entries.polling_check(EntryTarget(host=POLLING, port=10943), ways)().passed
    only = (replace(shared[0], why="no route"), shared[1])
    balancers.ports[POLLING, 10943] = keeping(replace(one, targets=only), only, zones=("a", "b", "c"))
    assert met(ways, 10943) == [True] * 6, "zone a has no healthy target any more and leaves too"
    lost = tuple(replace(one, why="no route") for one in shared)
    balancers.ports[POLLING, 10943] = keeping(replace(one, targets=lost), lost, zones=("a", "b", "c"))
    assert met(ways, 10943) == [False] * 6, "where no zone is up the name leads to all of them"


def test_a_portal_that_shows_another_cells_certificate_is_found(ways: Ways, balancers: Balancers) -> None:
    entry = EntryTarget(host=HOST, port=443, nodes=("acme-a", "acme-b"))
    assert entries.web_check(entry, ways)().passed
    balancers.ports[HOST, 443] = replace(balancers.ports[HOST, 443], shows=("other.example.com",))
    result = entries.web_check(entry, ways)()
    assert (result.passed, result.code) == (False, "verify_web_certificate")
