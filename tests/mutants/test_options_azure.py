"""A cell on Azure whose nodes share a queue and offer gRPC: it comes up, and whatever is missing of it is noticed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from trials import Mutation, trial_of

from cellctl_sandbox.testing.mutants import reason
from cellctl_sandbox.testing.pretended import pretended

pytestmark = pytest.mark.turn(3, 0)

OF_QUEUE = ("-queue", "redis", "polling", "grpc", "8443", "10000", "10943")
NEEDED = ("acme-queue-endpoint", "acme-queue-nodes-key", "acme-network-redisenterprise-link", "acme-files-cluster")


@pytest.fixture(scope="module")
def queued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mutation]:
    asked = {"ingress": {"polling": "redis", "grpc": True}}
    with trial_of("azure", tmp_path_factory.mktemp("queued"), asked=asked) as found:
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


def test_no_argument_of_a_queue_is_only_echoed(queued: Mutation) -> None:
    used = {record.type: set(record.inputs) for record in queued.trial.records if "redisenterprise" in record.type}
    assert len(used) == 2
    found = {token: pretended(token, names, queued.reads.seen.get(token, set())) for token, names in used.items()}
    assert {token: names for token, names in found.items() if names} == {}
