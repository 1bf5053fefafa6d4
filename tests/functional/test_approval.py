"""`preview --save` and `up --plan`: what was approved is applied once, and only while nothing has moved."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from prepared.home import RunningHome
from prepared.small import TWO, Small
from warm import client

from cellctl.approval import Approval
from cellctl.errors import StaleApproval, UsageError
from cellctl.views.saved_plan import approval_of, saved_plan
from cellctl_sandbox.testing.small_world import World

WIDER = [{**TWO[0], "size": 5}, TWO[1]]


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


def approved(small: Small) -> Approval:
    """Preview, save to a file's text and read it again."""
    now = time.time()
    plan = small.cell.preview(options=small.options())
    return approval_of(json.dumps(saved_plan(Approval(plan=plan, saved_at=now, expires_at=now + 3600))))


def refused(small: Small, approval: Approval) -> StaleApproval:
    before = (small.objects, World(small.root).objects())
    with pytest.raises(StaleApproval) as stale:
        small.up(approval=approval)
    assert (small.objects, World(small.root).objects()) == before
    return stale.value


def test_what_was_approved_is_applied_once(small: Small) -> None:
    first = approved(small)
    assert small.up(approval=first).result == "succeeded"
    small.declare(WIDER)
    second = approved(small)
    assert small.up(approval=second).result == "succeeded"
    for used in (first, second):
        assert "a run changed the cell since" in refused(small, used).differences[0]


def test_what_moved_since_is_named(small: Small) -> None:
    small.up()
    small.declare(WIDER)
    approval = approved(small)
    small.declare([{**TWO[0], "size": 6}, {**TWO[1], "size": 3}])
    assert refused(small, approval).differences == (
        "a: size: 1 → 5 was approved, now it is 1 → 6",
        "b (small:index:Thing): update was not approved",
    )
    small.declare(TWO)
    assert refused(small, approval).differences == (
        "a (small:index:Thing): update was approved, and is no longer to be done",
    )


def test_a_file_that_changed_and_a_cloud_that_was_changed_by_hand_are_told(small: Small) -> None:
    small.up()
    small.declare(WIDER)
    approval = approved(small)
    world = World(small.root)
    id_, (urn, body) = next((id_, item) for id_, item in world.objects().items() if item[0].endswith("::a"))
    world.put(urn, {**body, "size": 9}, id_)
    small.label(tier="gold")
    told = refused(small, approval).differences
    assert "the cell's file says something else now" in told
    assert any(line.startswith("new: a was changed by somebody else") for line in told)


def test_an_approval_ends_and_belongs_to_one_cell_and_one_version(small: Small) -> None:
    approval = approved(small)
    assert refused(small, replace(approval, expires_at=time.time())).code == "approval_expired"
    elsewhere = replace(approval, plan=replace(approval.plan, account="prod"))
    assert refused(small, elsewhere).code == "approval_elsewhere"
    older = replace(approval, plan=replace(approval.plan, versions={**approval.plan.versions, "cellctl": "0.0.9"}))
    (told,) = refused(small, older).differences
    assert told.startswith("cellctl was 0.0.9 and is ")
    assert small.up(approval=approval).result == "succeeded"


def test_an_altered_file_and_one_that_is_no_plan_are_wrong_input(small: Small) -> None:
    now = time.time()
    plan = small.cell.preview(options=small.options())
    document = saved_plan(Approval(plan=plan, saved_at=now, expires_at=now + 60))
    nicer = json.loads(json.dumps(document))
    del nicer["changes"][-1]
    with pytest.raises(UsageError, match="was altered"):
        approval_of(json.dumps(nicer))
    for text in ("", "[]", "{}", "{" * 100_000, json.dumps({**document, "operation": "down"}), '{"changes": 1}'):
        with pytest.raises(UsageError, match="is no plan"):
            approval_of(text)
    with pytest.raises(UsageError, match="had failed"):
        approval_of(json.dumps({**document, "errored": True}))


def test_a_pipeline_applies_what_was_approved_without_a_question(
    running_home: Callable[[str, Path], RunningHome], tmp_path: Path
) -> None:
    home = running_home("azure", tmp_path)

    def cellctl(*words: str) -> tuple[int, str]:
        done = client.cellctl(*words, "--clock", "stepped", "--refresh", "none", "--home", str(tmp_path), cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    home.rewrite((r"taskCap: \d+", "taskCap: 20"))
    plan = tmp_path / "plan.json"
    assert cellctl("preview", "acme", "--save", str(plan), "--expires", "2h")[0] == 0
    home.rewrite((r"taskCap: \d+", "taskCap: 30"))
    code, said = cellctl("up", "--plan", str(plan))
    assert code == 6, said
    assert "error: what was approved is not what would happen now" in said
    assert "taskCap: 10 → 20 was approved, now it is 10 → 30" in said
    assert "hint: look at `cellctl preview acme --save FILE`" in said
    home.rewrite((r"taskCap: \d+", "taskCap: 20"))
    code, said = cellctl("up", "--plan", str(plan))
    assert code == 0, said
    assert {cap for _, _, cap, _ in home.nodes()} == {20}
    assert cellctl("up", "--plan", str(tmp_path / "none.json"))[0] == 2
    assert cellctl("preview", "acme", "--save", str(plan), "--expires", "soon")[0] == 2
