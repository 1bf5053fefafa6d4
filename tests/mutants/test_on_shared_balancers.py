"""A cell on a reef, behind load balancers that it shares: whatever is missing of what is its own is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from on_a_reef import placed
from trials import waits_of

from cellctl_sandbox.testing.mutants import Mutant, Trial, catalogue, reason

pytestmark = pytest.mark.turn(3, 0)

OWN = {
    "ListenerRule", "ListenerCertificate", "TargetGroup", "TargetGroupAttachment", "Listener", "Record", "Zone", "Role",
    "RolePolicy", "InstanceProfile", "SecurityGroupIngressRule", "SecurityGroupEgressRule",
}  # fmt: skip
"""Types of what a cell has there of its own, of which something may be missing."""


UNSEEN = {
    "TargetGroupAttachment acme-nodes-1-grpc": "any node will do, and one of two is there",
    "TargetGroupAttachment acme-nodes-2-grpc": "any node will do, and one of two is there",
}
UNWAITED = {
    "ListenerRule acme-ingress-web does not wait for ListenerCertificate acme-ingress-web": (
        "until its certificate is there, whoever asks for the cell is shown nobody's: that passes"
    ),
}
"""What nothing notices, each with the reason why the program has it."""


@dataclass(frozen=True)
class Placed:
    """The cell's trial and mutants."""

    trial: Trial
    mutants: list[Mutant]


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Placed]:
    with placed(tmp_path_factory.mktemp("reef")) as up:
        trial = Trial(up.host, "acme", up.failures)
        assert trial.verified() == []
        yield Placed(trial, catalogue(trial.records, list(waits_of(up.stack))))


def test_whatever_is_missing_of_a_cell_on_shared_balancers_is_noticed(cell: Placed) -> None:
    things = [one for one in cell.mutants if not one.only[0]]
    assert {one.type.rpartition(":")[2] for one in things} >= OWN
    caught = [cell.trial.judge(one) for one in things]
    assert {one.mutant.id for one in caught if not one.by and not reason(one)} == set(UNSEEN)
    assert cell.trial.verified() == []


def test_it_waits_for_nothing_without_a_reason(cell: Placed) -> None:
    waits = [one for one in cell.mutants if one.only[0]]
    caught = [cell.trial.judge(one) for one in waits]
    assert {one.mutant.id for one in caught if not one.by and not reason(one)} == set(UNWAITED)
