"""Whole runs through a real operation process and the embedded engine, over a small world."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from prepared.small import TWO, Small

from cellctl import versions
from cellctl.cell import Cell, cells
from cellctl.errors import GuardError, Locked, Objection, UsageError
from cellctl.events import PlanReady, ResourceDone, ResourceFailed, RunStarted
from cellctl.leases import Holder, SqliteLeases
from cellctl.plan import Outcome, Plan
from cellctl.run.options import Interrupter
from cellctl.run.target import record_of
from cellctl.spec import CellSpec
from cellctl_sandbox.testing.small_world import World


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


def test_up_creates_then_has_nothing_to_do_then_down_removes(small: Small) -> None:
    first = small.up()
    assert (first.result, first.changes["create"], first.failures) == ("succeeded", 4, ())
    assert first.outputs["url"] == "https://acme.example.com"
    assert small.cell.status().state == "up"
    assert record_of(small.home, "acme")["versions"] == versions.versions("aws")
    assert [event.phase for event in small.events if isinstance(event, RunStarted)] == ["preview", "apply", "verify"]
    again = small.up()
    assert (again.result, len(small.plans)) == ("nothing", 1)
    assert again.outputs == first.outputs
    with pytest.raises(GuardError) as refused:
        small.down()
    assert [item.code for item in refused.value.objections] == ["stateful_delete"]
    assert sorted(small.objects) == ["a", "b"]
    gone = small.down(delete_data=True)
    assert (gone.result, gone.remaining, small.objects) == ("succeeded", 0, [])
    assert small.home.incarnation("acme") == 2
    assert small.cell.status().state == "absent"


def test_preview_shows_what_up_would_do_and_writes_no_state(small: Small) -> None:
    plan = small.cell.preview(options=small.options())
    assert (plan.complete, plan.applyable, plan.errored, plan.summary()["create"]) == (True, True, False, 4)
    assert not small.home.stack_file("acme").exists()
    assert small.objects == []


def test_no_at_the_question_changes_nothing(small: Small) -> None:
    outcome = small.cell.up(ask=lambda plan, objections: False, options=small.options())
    assert (outcome.result, small.objects) == ("nothing", [])


def test_what_ask_raises_passes_through_and_frees_the_cell(small: Small) -> None:
    def refuse(plan: Plan, objections: Sequence[Objection]) -> bool:
        raise UsageError("no terminal")

    with pytest.raises(UsageError, match="no terminal"):
        small.cell.up(ask=refuse, options=small.options())
    assert small.up().result == "succeeded"


def test_replacing_what_holds_data_needs_its_name_and_puts_protection_back(small: Small) -> None:
    small.up()
    small.label(fixed="y")
    with pytest.raises(GuardError) as refused:
        small.up()
    plan, _ = small.plans[-1]
    changes = {change.name: change for change in plan.changes}
    assert (changes["a"].action, changes["a"].blocked_by, changes["a"].replace_keys) == (
        "replace",
        "protect",
        ("fixed",),
    )
    assert changes["b"].action == "update"  # the plan is complete although protection stops the engine
    assert (plan.complete, plan.applyable) == (True, False)
    assert refused.value.objections[0].urn == changes["a"].urn
    before = set(World(small.root).objects())
    done = small.up(allow=frozenset({changes["a"].urn}))
    assert (done.result, done.changes["replace"]) == ("succeeded", 1)
    assert sorted(small.objects) == ["a", "b"]
    assert len(set(World(small.root).objects()) & before) == 1
    with pytest.raises(GuardError):
        small.down()


def test_a_failing_resource_is_a_failed_outcome_with_its_code(small: Small) -> None:
    small.declare(TWO, b={"fail": "VcpuLimitExceeded: you have requested more vCPU capacity than your quota"})
    outcome = small.up()
    assert outcome.result == "failed"
    assert [(item.code, item.urn.rsplit("::", 1)[-1]) for item in outcome.failures] == [("quota", "b")]
    assert [event.name for event in small.events if isinstance(event, ResourceFailed)] == ["b"]
    small.declare(TWO)
    assert small.up().result == "succeeded"
    assert sorted(small.objects) == ["a", "b"]


@pytest.mark.parametrize("after", [False, True], ids=["before the object is made", "after it is made"])
def test_kill_9_in_the_middle_then_up_again_continues(small: Small, after: bool) -> None:
    small.declare(TWO, b={"sleep_s": 30, "after": after})
    died: list[Outcome] = []
    thread = threading.Thread(target=lambda: died.append(small.up()))
    thread.start()
    small.wait_reached("b")
    os.kill(small.child(), signal.SIGKILL)
    thread.join(20)
    done = [event.action for event in small.events if isinstance(event, ResourceDone)]
    assert died[0].result == "failed"
    assert [failure.code for failure in died[0].failures] == ["operation_died"]
    assert (died[0].changes["create"], died[0].of_cloud["create"]) == (done.count("create"), 1)
    assert died[0].remaining == 1
    assert small.cell.status().state == "partial"
    small.declare(TWO)
    outcome = small.up()
    assert outcome.result == "succeeded"
    assert sorted(small.objects) == ["a", "b"]  # no duplicate, no orphan
    assert small.cell.status().pending == ()
    assert small.up().result == "nothing"


def test_a_provider_that_crashes_is_one_sentence_and_the_next_up_goes_on(small: Small) -> None:
    small.declare(TWO, b={"crash": True})
    (failure,) = small.up().failures
    assert "Traceback" not in failure.message
    assert failure.code == "operation_died"
    small.declare(TWO)
    assert small.up().result == "succeeded"
    assert sorted(small.objects) == ["a", "b"]


def test_an_interrupt_finishes_what_is_under_way_and_says_what_remains(small: Small) -> None:
    small.declare([*TWO, {"name": "c", "of": "b"}], b={"sleep_s": 1.0})
    interrupter = Interrupter()
    threading.Thread(target=lambda: (small.wait_reached("b"), interrupter.interrupt())).start()
    outcome = small.up(interrupter)
    assert (outcome.result, outcome.of_cloud["create"], outcome.remaining) == ("interrupted", 2, 1)
    assert sorted(small.objects) == ["a", "b"]
    small.declare([*TWO, {"name": "c", "of": "b"}])
    assert small.up().result == "succeeded"
    assert sorted(small.objects) == ["a", "b", "c"]


def test_a_third_interrupt_kills_and_the_next_up_repairs(small: Small) -> None:
    small.declare(TWO, b={"sleep_s": 30, "after": True})
    interrupter = Interrupter()

    def press() -> None:
        small.wait_reached("b")
        for _ in range(3):
            interrupter.interrupt()

    threading.Thread(target=press).start()
    assert small.up(interrupter).result == "interrupted"
    small.declare(TWO)
    assert small.up().result == "succeeded"
    assert sorted(small.objects) == ["a", "b"]


def test_two_ups_at_once_the_second_is_told_who_holds_the_cell(small: Small) -> None:
    small.declare(TWO, b={"sleep_s": 1.5})
    first: list[Outcome] = []
    thread = threading.Thread(target=lambda: first.append(small.up(command="cellctl up acme")))
    thread.start()
    small.wait_reached("b")
    with pytest.raises(Locked) as locked:
        small.up()
    assert "cellctl up acme" in f"{locked.value} {locked.value.hint}"
    assert small.cell.status().state == "changing"
    thread.join(20)
    assert first[0].result == "succeeded"


def test_a_stateful_object_deleted_behind_our_back_stops_everything(small: Small) -> None:
    small.up()
    world = World(small.root)
    gone = next(id_ for id_, (urn, _) in world.objects().items() if urn.endswith("::a"))
    world.remove(gone)
    for attempt in (small.up, lambda: small.cell.preview(options=small.options())):
        with pytest.raises(GuardError) as refused:
            attempt()
        assert refused.value.objections[0].code == "stateful_gone"
    assert small.objects == ["b"]
    urn = refused.value.objections[0].urn
    assert small.up(forget=frozenset({urn})).result == "succeeded"
    assert sorted(small.objects) == ["a", "b"]


def test_a_preview_beside_a_run_that_deletes_says_who_is_at_it(small: Small) -> None:
    small.up()
    world = World(small.root)
    world.remove(next(id_ for id_, (urn, _) in world.objects().items() if urn.endswith("::a")))
    leases = SqliteLeases(small.home.database)
    lease = leases.acquire("acme", Holder.current(command="cellctl down acme"))
    try:
        with pytest.raises(Locked, match="is being changed by"):
            small.cell.preview(options=small.options())
    finally:
        leases.release(lease)


def test_down_keeping_data_and_up_completes_the_cell_again(small: Small) -> None:
    small.up()
    kept = set(World(small.root).objects())
    outcome = small.down(keep_data=True)
    assert (outcome.result, small.objects) == ("succeeded", ["a"])
    assert small.cell.status().state == "data_only"
    assert small.up().result == "succeeded"
    assert sorted(small.objects) == ["a", "b"]
    assert kept & set(World(small.root).objects())


def test_down_works_without_the_cell_file(small: Small) -> None:
    small.declare([{"name": "b", "size": 2}])
    small.up()
    cell = Cell.open("acme", home=small.home)
    assert cell.spec is None
    assert cell.down(ask=small.yes, options=small.options()).result == "succeeded"
    assert small.objects == []


def test_another_region_for_a_cell_that_exists_is_refused(small: Small) -> None:
    small.up()
    moved = Cell(CellSpec.minimal("acme", cloud="aws", region="eu-central-1"), home=small.home)
    with pytest.raises(GuardError) as refused:
        moved.up(ask=small.yes, options=small.options())
    assert [item.code for item in refused.value.objections] == ["frozen_field"]


def test_a_truncated_checkpoint_is_replaced_by_the_previous_one_and_that_is_said(small: Small) -> None:
    small.up()
    file = small.home.stack_file("acme")
    file.write_bytes(file.read_bytes()[:200])
    assert "damaged" in small.cell.status().warnings[0]
    outcome = small.up()
    said = [event.diagnostic.message for event in small.events if hasattr(event, "diagnostic")]
    assert any("damaged" in message for message in said)
    assert outcome.result in ("succeeded", "nothing")
    assert sorted(small.objects) == ["a", "b"]
    assert small.cell.status().warnings == ()


def test_no_secret_reaches_plan_event_record_or_clear_state(small: Small) -> None:
    small.declare([{"name": "a", "secret": "correct-horse-battery"}])
    small.up()
    small.declare([{"name": "a", "secret": "another-horse-battery"}])
    small.up()
    plan = small.plans[-1][0]
    assert [item.path for change in plan.changes for item in change.diff if change.name == "a"] == ["password"]
    assert "horse-battery" not in repr(small.plans) + repr(small.events)
    for file in (small.root / ".cellctl").rglob("*"):
        if file.is_file():
            assert b"horse-battery" not in file.read_bytes(), file


def test_refresh_records_drift_in_the_state_only(small: Small) -> None:
    small.up()
    world = World(small.root)
    id_, (urn, body) = next((key, row) for key, row in world.objects().items() if row[0].endswith("::b"))
    world.put(urn, {**body, "size": 7}, id_)
    outcome = small.cell.refresh(ask=small.yes, options=small.options())
    assert (outcome.result, outcome.changes["update"]) == ("succeeded", 1)
    plan = small.plans[-1][0]
    assert [change.name for change in plan.changes if change.action == "update"] == ["b"]
    assert small.up().changes["update"] == 1
    assert world.objects()[id_][1]["size"] == 2


def test_cells_and_run_records_tell_what_happened(small: Small) -> None:
    small.up()
    assert [(item.name, item.state, item.resources) for item in cells(small.home)] == [("acme", "up", 2)]
    run = small.home.runs("acme")[0]
    folder = small.home.runs_folder / run.id
    assert run.result == "succeeded"
    assert json.loads((folder / "outcome.json").read_text())["changes"]["create"] == 4
    kinds = [
        next(iter(set(json.loads(line)) - {"sequence", "timestamp"}))
        for line in (folder / "events.ndjson").read_text().splitlines()
    ]
    assert {"resourcePreEvent", "resOutputsEvent", "summaryEvent"} <= set(kinds)
    assert (folder / "events.ndjson").stat().st_mode & 0o077 == 0
    assert any(isinstance(event, PlanReady) for event in small.events)
    assert [event.name for event in small.events if isinstance(event, ResourceDone)].count("a") == 1
