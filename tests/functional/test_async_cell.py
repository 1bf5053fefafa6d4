"""Cells inside another program: awaited, iterated, cancelled, many at once; with the program's own hooks."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from prepared.small import ENGINE, TWO, Small
from warm import client

from cellctl import Approval, AsyncCell, Hooks, Running, RunOptions
from cellctl.errors import GuardError, Interrupted, Objection, StaleApproval, UsageError
from cellctl.events import PlanReady, ResourceDone, ResourceStarted, RunStarted
from cellctl.plan import Outcome, Plan
from cellctl.running import Several
from cellctl.spec import CellSpec

T = TypeVar("T")
OPTIONS = RunOptions(engine=ENGINE, start=client.operation)


def within(coroutine: Coroutine[object, object, T]) -> T:
    return asyncio.run(asyncio.wait_for(coroutine, 60))  # type: ignore[arg-type]


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


@pytest.fixture
def cell(small: Small) -> AsyncCell:
    return AsyncCell(small.cell.spec, home=small.home)


def test_a_plan_is_approved_streamed_and_applied_once(small: Small, cell: AsyncCell) -> None:
    async def story() -> None:
        plan = await cell.preview(options=OPTIONS)
        running = cell.up(plan, options=OPTIONS)
        seen = [event async for event in running]
        assert [event.phase for event in seen if isinstance(event, RunStarted)] == ["preview", "apply", "verify"]
        assert {event.name for event in seen if isinstance(event, ResourceDone)} >= {"a", "b"}
        assert [event.plan.hash for event in seen if isinstance(event, PlanReady)] == [plan.hash]
        outcome = await running
        assert (outcome.result, running.done, await running is outcome) == ("succeeded", True, True)
        assert [event async for event in running] == []  # it has ended
        with pytest.raises(StaleApproval, match="not what would happen now") as stale:
            await cell.up(plan, options=OPTIONS)
        assert "the cell's state is another one" in stale.value.differences[0]
        assert int(stale.value.exit_code) == 6
        assert (await cell.outputs(options=OPTIONS))["url"] == "https://acme.example.com"

    within(story())
    assert sorted(small.objects) == ["a", "b"]


def test_an_approval_expires_by_the_callers_clock(small: Small) -> None:
    plan = small.cell.preview(options=small.options())
    approval = Approval(plan=plan, saved_at=0.0, expires_at=100.0)
    late = replace(small.options(), hooks=Hooks(now=lambda: 101.0))
    with pytest.raises(StaleApproval) as expired:
        small.cell.up(approval, options=late, on_event=small.events.append)
    assert (expired.value.code, small.objects) == ("approval_expired", [])
    assert {event.moment.at for event in small.events} == {101.0}


def test_a_change_that_nobody_agreed_to_is_wrong_input(cell: AsyncCell) -> None:
    with pytest.raises(UsageError) as refused:
        cell.up()
    assert (refused.value.code, int(refused.value.exit_code)) == ("not_asked", 2)


async def _begun(running: Running[Outcome], small: Small) -> asyncio.Task[Outcome]:
    """Return the task that awaits a run, once the run has come to resource b."""
    task = asyncio.ensure_future(_awaiting(running))
    while not (small.root / "reached-b").exists():
        assert not task.done(), task
        await asyncio.sleep(0.02)
    return task


async def _awaiting(running: Running[Outcome]) -> Outcome:
    return await running


def test_cancelling_ends_gracefully_and_leaves_what_the_next_up_continues(small: Small, cell: AsyncCell) -> None:
    small.declare([*TWO, {"name": "c", "of": "b"}], b={"sleep_s": 0.4})

    async def story() -> Running[Outcome]:
        running = cell.up(ask=_agree, options=small.options())
        task = await _begun(running, small)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return running

    ended = within(story()).result()
    assert (ended.result, ended.remaining) == ("interrupted", 1)
    assert sorted(small.objects) == ["a", "b"]  # what was under way ended and is recorded
    assert small.process is not None
    assert small.process.poll() is not None
    assert small.cell.status().holder == ""
    assert small.up().result == "succeeded"
    assert sorted(small.objects) == ["a", "b", "c"]


def test_three_cancellations_go_down_the_ladder(small: Small, cell: AsyncCell) -> None:
    small.declare(TWO, b={"sleep_s": 300.0})

    async def story() -> Running[Outcome]:
        running = cell.up(ask=_agree, options=small.options())
        task = await _begun(running, small)
        for _ in range(3):
            assert not task.done()
            task.cancel()
            await asyncio.sleep(0.1)
        with pytest.raises(asyncio.CancelledError):
            await task
        return running

    assert within(story()).result().result == "interrupted"
    assert (small.cell.status().holder, small.objects) == ("", ["a"])


def test_leaving_the_block_or_the_iteration_by_a_cancel_ends_the_run(small: Small, cell: AsyncCell) -> None:
    small.declare(TWO, a={"sleep_s": 0.3})

    async def broken_off() -> Outcome:
        async with cell.up(ask=_agree, options=small.options()) as running:
            async for event in running:
                if isinstance(event, ResourceStarted) and event.name == "a":
                    break
        return running.result()

    async def timed_out() -> None:
        async with asyncio.timeout(0.05):
            async for _ in cell.up(ask=_agree, options=small.options()):
                pass

    assert within(broken_off()).result == "interrupted"
    assert small.objects == ["a"]
    with pytest.raises(TimeoutError):
        within(timed_out())
    assert (small.objects, small.cell.status().holder) == (["a"], "")


def test_a_question_may_take_its_time_and_is_withdrawn_by_a_cancel(small: Small, cell: AsyncCell) -> None:
    asked = asyncio.Event()

    async def wait_for_ever(plan: Plan, objections: Sequence[Objection]) -> bool:
        asked.set()
        await asyncio.sleep(3600)
        return True

    async def story() -> None:
        running = cell.up(ask=wait_for_ever, options=OPTIONS)
        task = asyncio.ensure_future(_awaiting(running))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(Interrupted, match="before anything was changed"):
            running.result()

    within(story())
    assert (small.objects, small.cell.status().holder) == ([], "")


def test_three_cells_come_up_at_once_on_one_loop_and_the_program_is_left_as_it_was(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    touched: list[str] = []
    watching = True

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in ("os.chdir", "os.putenv", "os.unsetenv", "builtins.input"):
            touched.append(f"{event} {arguments}")

    small = Small(tmp_path)
    small.declare([{"name": "a", "size": 1}])
    cells = [
        AsyncCell(CellSpec.minimal(f"c{number}", cloud="aws", region="eu-west-1"), home=small.home)
        for number in range(3)
    ]

    async def one(cell: AsyncCell) -> tuple[set[str], Outcome]:
        running = cell.up(ask=_agree, options=OPTIONS)
        urns = {event.urn async for event in running if isinstance(event, ResourceDone)}
        return urns, await running

    async def story() -> list[tuple[set[str], Outcome]]:
        return await asyncio.gather(*(one(cell) for cell in cells))

    before = (os.getcwd(), dict(os.environ))
    sys.addaudithook(audit)
    try:
        ended = within(story())
    finally:
        watching = False
    assert [outcome.result for _, outcome in ended] == ["succeeded"] * len(cells)
    for cell, (urns, outcome) in zip(cells, ended, strict=True):
        assert outcome.cell == cell.name
        assert all(f":cell-{cell.name}::" in urn for urn in urns)
    assert (os.getcwd(), dict(os.environ), touched) == (*before, [])
    assert capfd.readouterr() == ("", "")


def test_the_authoriser_sees_every_plan_before_its_change_and_may_refuse(small: Small, cell: AsyncCell) -> None:
    judged: list[Plan] = []

    async def authorise(plan: Plan) -> Sequence[Objection]:
        await asyncio.sleep(0)
        judged.append(plan)
        return [Objection(code="not_paid", reason="the invoice is open", remedy="pay it")]

    options = replace(OPTIONS, hooks=Hooks(authorise=authorise))
    with pytest.raises(GuardError, match="the invoice is open") as refused:
        within(_awaiting(cell.up(ask=_agree, options=options)))
    assert [(item.code, item.remedy) for item in refused.value.objections] == [("not_paid", "pay it")]
    assert ([plan.operation for plan in judged], small.objects) == (["up"], [])
    with pytest.raises(UsageError) as blocked:
        small.cell.up(ask=small.yes, options=options)
    assert blocked.value.code == "not_awaited"


def test_a_passphrase_of_the_callers_own_seals_the_state_and_touches_no_disk(tmp_path: Path) -> None:
    small = Small(tmp_path)
    for left in (tmp_path / ".cellctl" / "pulumi").iterdir():
        left.unlink()
    asked: list[str] = []

    async def passphrase(stack: str) -> str:
        asked.append(stack)
        return "correct horse battery staple"

    cell = AsyncCell(small.cell.spec, home=small.home)
    options = replace(OPTIONS, hooks=Hooks(passphrase=passphrase))
    assert within(_awaiting(cell.up(ask=_agree, options=options))).result == "succeeded"
    assert asked[0] == "cell-acme"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"battery" in path.read_bytes() for path in files)
    assert not (tmp_path / ".cellctl" / "pulumi" / "key").exists()
    assert within(_outputs(cell, options))["url"] == "https://acme.example.com"


def test_a_tracer_gets_a_span_of_the_run_within_the_callers_and_one_of_each_resource(
    small: Small, cell: AsyncCell
) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("shop")
    small.declare(TWO, b={"fail": "VcpuLimitExceeded: more vCPU capacity than your quota"})

    async def request() -> Outcome:
        with tracer.start_as_current_span("POST /customers"):
            return await cell.up(ask=_agree, options=replace(OPTIONS, hooks=Hooks(tracer=tracer)))

    outcome = within(request())
    spans = {span.name: span for span in kept.get_finished_spans()}
    assert spans["cellctl up"].parent == spans["POST /customers"].get_span_context()
    run, made, failed = spans["cellctl up"], spans["create a"], spans["create b"]
    assert run.attributes is not None
    assert run.attributes["cellctl.cell"] == "acme"
    assert (run.attributes["cellctl.result"], run.attributes["cellctl.run_id"]) == ("failed", outcome.run_id)
    assert [event.name for event in run.events] == ["preview", "plan", "apply"]
    for span in (made, failed):
        assert span.parent is not None
        assert span.parent.span_id == run.get_span_context().span_id
        assert run.start_time <= span.start_time <= span.end_time <= run.end_time
    assert (run.status.status_code, made.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert failed.attributes is not None
    assert (failed.status.status_code, failed.attributes["error.type"]) == (StatusCode.ERROR, "quota")


def test_a_look_at_many_cells_is_a_span_that_holds_nothing_of_its_reader() -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("shop")
    options = replace(OPTIONS, hooks=Hooks(tracer=tracer))
    many = Several(lambda _line: iter([("a", 1), ("b", 2)]), words=("preview", "*"), options=options)
    for _ in many.here():
        tracer.start_span("reader").end()
    spans = kept.get_finished_spans()
    assert [span.name for span in spans] == ["reader", "reader", "cellctl preview"]
    assert [span.parent for span in spans] == [None, None, None]


async def _outputs(cell: AsyncCell, options: RunOptions) -> dict[str, object]:
    return dict(await cell.outputs(options=options, show_secrets=True))


def _agree(plan: Plan, objections: Sequence[Objection]) -> bool:
    return not objections
