"""A cell on Azure behind an application gateway: it comes up, and whatever is missing of it is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from trials import Mutation, trial_of

from cellctl_sandbox.standins.authority import Authority
from cellctl_sandbox.testing.mutants import reason
from cellctl_sandbox.testing.pretended import excused, parts, pretended

pytestmark = pytest.mark.turn(3, 1)

CERTIFICATE = "https://kv-own-certificates.vault.azure.net/secrets/acme-web"
ROOT = Authority().trust_anchor
OWN = ("acme-web", "gateway", "polling-record", "acme-network-nodes-nsg", "acme-ingress", "host-record")


@pytest.fixture(scope="module")
def fronted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mutation]:
    asked = {"ingress": {"balancer": "application_gateway", "certificate": CERTIFICATE, "authority": ROOT}}
    with trial_of("azure", tmp_path_factory.mktemp("fronted"), asked=asked, secrets=[CERTIFICATE]) as found:
        yield found


UNSEEN = {
    "NetworkSecurityGroup acme-network-gateway-nsg securityRules[deny-rest]": (
        "it keeps others out; cellctl is let in itself, so it cannot see: the test of the graph holds the rules"
    ),
    "VirtualNetwork acme-network-vnet subnets[gateway]networkSecurityGroup": "as its last rule",
    "ApplicationGateway acme-web-gateway probes[octopus-ping]match": (
        "a node that drains answers 418, which Azure does not take for healthy either; it keeps redirects out"
    ),
    "PrivateRecordSet acme-ingress-polling-record does not wait for LoadBalancer acme-ingress-balancer": (
        "as the host's: until the balancer is there its name leads nowhere"
    ),
}
"""What nothing notices at `up` or `verify`, each with the reason why the program has it."""


def test_every_part_of_the_gateway_is_needed(fronted: Mutation) -> None:
    mutants = [one for one in fronted.mutants if any(word in one.id for word in OWN)]
    assert {one.type.rpartition(":")[2] for one in mutants} >= {
        "ApplicationGateway",
        "RoleAssignment",
        "VirtualNetwork",
    }
    caught = [fronted.trial.judge(one) for one in mutants]
    assert {one.mutant.id for one in caught if not one.by and not reason(one)} == set(UNSEEN)
    assert fronted.trial.verified() == []


def test_no_argument_of_a_gateway_is_only_echoed(fronted: Mutation) -> None:
    kinds, used = ("ApplicationGateway", "WebApplicationFirewallPolicy"), dict[str, set[str]]()
    for record in fronted.trial.records:
        if record.type.endswith(kinds):
            used.setdefault(record.type, set()).update(parts(record.inputs))
    assert len(used) == 2
    seen = fronted.reads.seen
    found = {token: pretended(token, names, seen.get(token, set())) for token, names in used.items()}
    assert {token: names for token, names in found.items() if names} == {}
    stale = {token: excused(token, names, seen.get(token, set())) for token, names in used.items()}
    assert {token: names for token, names in stale.items() if names} == {}


def test_a_public_one_comes_up_and_needs_its_address_and_its_managers(tmp_path: Path) -> None:
    asked = {
        "ingress": {
            "balancer": "application_gateway", "certificate": CERTIFICATE, "exposure": "public", "firewall": "off",
            "host": "acme.example.com", "allow": ["20.30.40.0/24"],
        }
    }  # fmt: skip
    with trial_of("azure", tmp_path, asked=asked, secrets=[CERTIFICATE]) as public:
        words = (
            "in-managers",
            "acme-web-address",
            "acme-web-gateway frontendIPConfigurations",
            "gateway-nsg securityRules[in-probe]",
        )
        mutants = [one for one in public.mutants if any(word in one.id for word in words)]
        caught = [public.trial.judge(one) for one in mutants]
        assert len(mutants) >= len(words)
        assert [one.mutant.id for one in caught if not one.by and not reason(one)] == []
        assert public.trial.verified() == []
