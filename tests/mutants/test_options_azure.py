"""A cell on Azure with a queue, gRPC and a certificate of others: it comes up, and whatever is missing is noticed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from trials import Mutation, trial_of

from cellctl_sandbox.clouds.configuration import unconfigured
from cellctl_sandbox.testing.mutants import reason
from cellctl_sandbox.testing.pretended import pretended

pytestmark = pytest.mark.turn(3, 0)

CERTIFICATE = "https://kv-web.vault.azure.net/secrets/web"
OWN = f"/subscriptions/{unconfigured('azure-native').account}/resourceGroups/rg-own"
VAULT = f"{OWN}/providers/Microsoft.KeyVault/vaults/kv-web"
OF_QUEUE = ("-queue", "redis", "polling", "grpc", "8443", "10000", "10943")
NEEDED = ("acme-queue-endpoint", "acme-queue-nodes-key", "acme-network-redisenterprise-link", "acme-files-cluster")


@pytest.fixture(scope="module")
def queued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mutation]:
    asked = {"ingress": {"polling": "redis", "grpc": True, "certificate": f"{VAULT}/secrets/web"}}
    with trial_of("azure", tmp_path_factory.mktemp("queued"), asked=asked, secrets=[CERTIFICATE]) as found:
        yield found


def test_every_part_of_the_queue_is_needed(queued: Mutation) -> None:
    mutants = [one for one in queued.mutants if any(word in one.id for word in (*OF_QUEUE, "acme-files-cluster"))]
    assert {name for name in NEEDED if any(name in one.id for one in mutants)} == set(NEEDED)
    caught = [queued.trial.judge(one) for one in mutants]
    unseen = [one.mutant.id for one in caught if not one.by and not reason(one)]
    # As with the file shares: machines alone dial the queue, and they wait for the link of every zone themselves.
    zone_group = "PrivateDnsZoneGroup acme-queue-endpoint-dns"
    # A cell that is up does not tell when its folders were made; a run does, as docs/mutants.md has it of each share.
    tree = "FolderTree acme-files-tree does not wait for FileShare acme-files-cluster"
    assert unseen == [tree, f"{zone_group} does not wait for VirtualNetworkLink acme-network-redisenterprise-link"]
    assert queued.trial.verified() == []


def test_nodes_may_read_the_certificate_before_they_boot(queued: Mutation) -> None:
    mutants = [one for one in queued.mutants if "acme-certificate-read" in one.id]
    assert [one.type for one in mutants][:1] == ["azure-native:authorization:RoleAssignment"]
    caught = [queued.trial.judge(one) for one in mutants]
    assert [one.mutant.id for one in caught if not one.by and not reason(one)] == []


def test_no_argument_of_a_queue_is_only_echoed(queued: Mutation) -> None:
    used = {record.type: set(record.inputs) for record in queued.trial.records if "redisenterprise" in record.type}
    assert len(used) == 2
    found = {token: pretended(token, names, queued.reads.seen.get(token, set())) for token, names in used.items()}
    assert {token: names for token, names in found.items() if names} == {}
