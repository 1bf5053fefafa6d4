"""A rule with a count strikes the calls that the seed draws, whoever comes first; functions are struck too."""

from __future__ import annotations

from pathlib import Path

import pulumi_aws as aws
import pytest
from pulumi_aws import sns

from cellctl_sandbox.control import Control
from cellctl_sandbox.testing import OperationFailed, PulumiSandbox

NAMES = tuple(f"topic-{number}" for number in range(8))


def topics() -> None:
    for name in NAMES:
        sns.Topic(name, name=name)


def struck(folder: Path, seed: int, **rule: int) -> list[str]:
    with PulumiSandbox(folder) as sandbox:
        Control(folder).reset(seed=seed)
        sandbox.fault(type="aws:sns/*", op="create", error="throttle", **rule)
        outcome = sandbox.stack("dev", topics).up(check=False)
        assert not outcome.succeeded
        return sorted(step.name for step in outcome.steps if step.failed)


def test_which_calls_of_one_instant_are_struck_is_drawn_from_the_seed(tmp_path: Path) -> None:
    first = struck(tmp_path / "1", 7, count=2)
    assert len(first) == 2
    assert struck(tmp_path / "2", 7, count=2) == first
    others = [struck(tmp_path / f"seed-{seed}", seed, count=2) for seed in (8, 9)]
    assert any(other != first for other in others)
    after = struck(tmp_path / "3", 7, count=2, skip=2)
    assert len(after) == 2
    assert not set(after) & set(first), "the first two of the same order pass"


@pytest.mark.parametrize("rule", [{"op": "invoke"}, {"type": "aws:index/getRegion:getRegion"}])
def test_a_function_fails_where_a_rule_is_about_functions(pulumi_sandbox: PulumiSandbox, rule: dict[str, str]) -> None:
    stack = pulumi_sandbox.stack("dev", lambda: aws.get_region() and None)
    pulumi_sandbox.fault(type="aws:*", error="auth")
    assert stack.up().succeeded, "a rule about anything is not about functions"
    pulumi_sandbox.fault(error="throttle", count=1, **rule)
    with pytest.raises(OperationFailed, match="Rate exceeded"):
        stack.preview()
    assert stack.preview().succeeded
