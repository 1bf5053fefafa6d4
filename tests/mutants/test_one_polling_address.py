"""A cell on AWS with the newer options: Linux nodes that share a queue and offer gRPC, in a network of others.

It comes up, and whatever is missing of it is noticed.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from trials import Mutation, trial_of

from cellctl_sandbox.control import Control
from cellctl_sandbox.testing.mutants import reason
from cellctl_sandbox.testing.pretended import pretended

pytestmark = pytest.mark.turn(3, 1)

QUEUE = "-queue-"
NEEDED = ("acme-network-queue-in-tcp-6379-nodes", "acme-queue-group", "acme-queue-subnets", "authToken", "in-tcp-8443")


@pytest.fixture(scope="module")
def queued(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mutation]:
    home = tmp_path_factory.mktemp("queued")
    laid = Control(home).network("shared", region="eu-west-1", cidr="10.80.0.0/16", zones=3)
    asked = {**laid, "nodes": {"os": "linux"}, "ingress": {"polling": "redis", "grpc": True}}
    with trial_of("aws", home, asked=asked) as found:
        yield found


def test_every_part_of_the_queue_is_needed(queued: Mutation) -> None:
    mutants = [one for one in queued.mutants if QUEUE in one.id or one.id.endswith("-polling") or "8443" in one.id]
    assert {name for name in NEEDED if any(name in one.id for one in mutants)} == set(NEEDED)
    caught = [queued.trial.judge(one) for one in mutants]
    unseen = [one.mutant.id for one in caught if not one.by and not reason(one)]
    # Nodes show one certificate, so nobody outside tells which of them answers; one of two will do.
    assert unseen == [f"TargetGroupAttachment acme-nodes-{ordinal}-polling" for ordinal in (1, 2)]
    assert queued.trial.verified() == []


def test_every_group_and_rule_in_a_network_of_others_is_needed(queued: Mutation) -> None:
    mutants = [one for one in queued.mutants if "acme-network" in one.id and QUEUE not in one.id]
    assert len(mutants) > 20
    caught = [queued.trial.judge(one) for one in mutants]
    assert [one.mutant.id for one in caught if not one.by and not reason(one)] == []
    assert queued.trial.verified() == []


def test_no_argument_of_a_queue_is_only_echoed(queued: Mutation) -> None:
    used = {record.type: set(record.inputs) for record in queued.trial.records if "elasticache" in record.type}
    assert len(used) == 3
    found = {token: pretended(token, names, queued.reads.seen.get(token, set())) for token, names in used.items()}
    assert {token: names for token, names in found.items() if names} == {}
