"""Previews of many cells share a warm process: each equals a preview alone, and one broken cell stops no other."""

from __future__ import annotations

import json
import os
import signal
import socket
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import pytest
from warm import client, keys

from cellctl.cell import Cell, preview_all
from cellctl.engine.operation import Operation, Process
from cellctl.engine.wire import Setup
from cellctl.errors import CellctlError, EngineError, Interrupted, SpecError, UsageError
from cellctl.home import Home
from cellctl.plan import Plan
from cellctl.run import many
from cellctl.run.options import Interrupter, RunOptions
from cellctl.spec import CellSpec
from cellctl.views.saved_plan import approval_of

PROCESSES: list[Process] = []


def start(setup: Setup, channel: socket.socket) -> Process:
    PROCESSES.append(client.operation(setup, channel))
    return PROCESSES[-1]


OPTIONS = RunOptions(clock="stepped", start=start, at_once=1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home of three good cells on two clouds, and one whose file is broken."""
    made = Home(tmp_path_factory.mktemp("home"))
    made.prepare()
    keys.give(made.root)
    for name, cloud, region in (
        ("anna", "aws", "eu-west-1"),
        ("bert", "aws", "eu-central-1"),
        ("zoe", "azure", "westeurope"),
    ):
        made.write_cell(CellSpec.minimal(name, cloud=cloud, account="sandbox", region=region))
    made.cell_file("broken").write_text("kind: Cell\nmetadata: {name: broken}\nspec: {cloud: aws, nods: 3}\n")
    return made


def test_plans_equal_those_of_previews_alone_and_cells_of_one_cloud_share_a_process(home: Home) -> None:
    found: dict[str, Plan | CellctlError] = {}
    pids: dict[str, int] = {}
    for name, plan in preview_all(home, options=OPTIONS):
        found[name], pids[name] = plan, _child()
    assert list(found) == ["anna", "bert", "broken", "zoe"]  # a broken file stops no other
    assert pids["anna"] == pids["bert"] != pids["zoe"]
    error = found.pop("broken")
    assert isinstance(error, SpecError)
    assert "nods" in str([problem.field for problem in error.problems])
    runs = home.runs(limit=100)
    assert sorted((run.cell, run.result) for run in runs) == [(name, "succeeded") for name in found]
    for name, plan in found.items():
        assert isinstance(plan, Plan), plan
        assert plan.cell == name
        assert plan.summary()["create"] > 60
        if name != "anna":  # the first of its process is alone already
            assert _said(plan) == _said(Cell.open(name, home=home).preview(options=OPTIONS))
    for run in [run for run in runs if run.cell != "zoe"]:
        text = (home.runs_folder / run.id / "events.ndjson").read_text()
        other = {"anna": "bert", "bert": "anna"}[run.cell]
        assert f"cell-{run.cell}::" in text
        assert f"cell-{other}::" not in text
        assert all(json.loads(line) for line in text.splitlines())
        assert (home.runs_folder / run.id / "log.txt").exists()


def test_cells_previewed_side_by_side_have_the_plans_they_have_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "cores", lambda: 2)
    before = len(PROCESSES)
    found = dict(preview_all(home, ["anna", "bert"], options=replace(OPTIONS, at_once=2)))
    assert len(PROCESSES) == before + 2
    assert all(process.poll() is not None for process in PROCESSES)
    alone = dict(preview_all(home, ["bert"], options=OPTIONS))
    assert _said(alone["bert"]) == _said(found["bert"])
    assert [plan.cell for plan in found.values() if isinstance(plan, Plan)] == ["anna", "bert"]


@pytest.mark.parametrize("count", [12, pytest.param(500, marks=pytest.mark.explore)])
def test_a_worker_mixes_no_stacks_and_holds_no_more_with_each(tmp_path: Path, count: int) -> None:
    made = Home(tmp_path)
    made.prepare()
    keys.give(made.root)
    for name, region in (("ida", "westeurope"), ("kurt", "northeurope")):
        made.write_cell(CellSpec.minimal(name, cloud="azure", account="sandbox", region=region))
    first: dict[str, tuple[object, ...]] = {}
    sizes: list[float] = []
    for name, plan in preview_all(made, islice(cycle(["ida", "kurt"]), count), options=OPTIONS):
        assert isinstance(plan, Plan), plan
        assert all(row.urn.startswith(f"urn:pulumi:cell-{name}::") for row in plan.changes)
        config, outputs = _told(made, name)
        assert {"ida": "westeurope", "kurt": "northeurope"}[name] in config
        assert name in outputs
        assert {"ida": "kurt", "kurt": "ida"}[name] not in config + outputs
        assert first.setdefault(name, _said(plan)) == _said(plan)
        sizes.append(_resident_mb(_child()))
    assert sizes[-1] - sizes[8] < 6, sizes[8:]


def _told(home: Home, name: str) -> tuple[str, str]:
    """Return the config and the stack's outputs that the newest run of a cell told of."""
    run = home.runs(limit=1)[0]
    assert run.cell == name
    lines = (home.runs_folder / run.id / "events.ndjson").read_text().splitlines()
    done = [line for line in lines if "resOutputsEvent" in line and '"type":"pulumi:pulumi:Stack"' in line]
    stack = json.loads(done[-1])["resOutputsEvent"]["metadata"]["new"]
    return next(line for line in lines if "preludeEvent" in line), json.dumps(stack["outputs"])


def _resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_a_worker_that_dies_is_replaced_and_one_whose_iterator_is_closed_early_ends(home: Home) -> None:
    results: list[object] = []
    previews = preview_all(home, ["anna", "bert", "anna", "zoe"], options=OPTIONS)
    for _, result in islice(previews, 3):
        results.append(result)
        if len(results) == 1:
            os.kill(_child(), signal.SIGKILL)
    pid = _child()
    previews.close()  # type: ignore[attr-defined]
    assert not Path(f"/proc/{pid}").exists()
    assert isinstance(results[0], Plan)
    assert all(isinstance(item, Plan | EngineError) for item in results)
    first, last = results[0], results[2]
    assert isinstance(last, Plan)
    assert _said(last) == _said(first)


def test_an_unknown_cell_is_said_and_an_interrupt_ends_all_previews_and_their_process(home: Home) -> None:
    switch = Interrupter()
    previews = preview_all(home, ["nobody", "anna", "bert"], options=OPTIONS, interrupter=switch)
    name, error = next(previews)
    assert (name, type(error)) == ("nobody", UsageError)
    assert next(previews)[0] == "anna"
    pid = _child()
    switch.interrupt()
    with pytest.raises(Interrupted):
        next(previews)
    assert not Path(f"/proc/{pid}").exists()


def test_a_real_account_never_gets_a_warm_process(home: Home) -> None:
    from cellctl.clouds import AccountFacts
    from cellctl.run.worker import Worker

    setup = Setup(
        home=str(home.root), cell="x", cloud="aws", stack="cell-x", work_dir=".", run_dir=".", engine="pulumi",
        clock="", spec={}, incarnation=1, account=AccountFacts(id="123456789012"), environment={},
    )  # fmt: skip
    with Worker() as worker, pytest.raises(ValueError, match="simulated"):
        worker.operation(setup)
    assert not Operation(setup).alive


def _said(plan: Plan | CellctlError) -> tuple[object, ...]:
    """Return all of a plan but its order and what a new cell draws by lot: a certificate of its own."""
    assert isinstance(plan, Plan), plan
    rows = [
        (
            row.urn,
            row.action,
            row.stateful,
            row.parent,
            sorted((d.path, _text(d.before), _text(d.after)) for d in row.diff),
        )
        for row in plan.changes
    ]
    return sorted(rows), plan.summary(), plan.diagnostics, plan.spec_digest, plan.checkpoint_digest, plan.versions


def _text(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return "a certificate" if "BEGIN CERTIFICATE" in text else text


def _child() -> int:
    """Return the process id of the only operation process."""
    (found,) = (process.pid for process in PROCESSES if process.poll() is None)
    return found


def test_the_command_saves_a_plan_of_each_cell_that_would_change(tmp_path: Path) -> None:
    made = Home(tmp_path)
    made.prepare()
    keys.give(tmp_path)
    made.write_cell(CellSpec.minimal("zoe", cloud="azure", account="sandbox", region="westeurope"))
    made.cell_file("broken").write_text("kind: Cell\nmetadata: {name: broken}\nspec: {cloud: aws, nods: 3}\n")
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "broken.json").write_text("{}")  # of an earlier preview
    done = client.cellctl("preview", "--all", "--save", "plans", "--clock", "stepped", cwd=tmp_path)
    assert (done.returncode, [file.name for file in (tmp_path / "plans").iterdir()]) == (7, ["zoe.json"]), done.stderr
    broken, zoe = done.stdout.splitlines()
    assert broken.startswith("broken  failed: ")
    assert zoe.startswith("zoe  ")
    assert zoe.endswith(" create")
    approval = approval_of((tmp_path / "plans" / "zoe.json").read_text())
    assert (approval.plan.cell, approval.plan.operation) == ("zoe", "up")
    assert client.cellctl("preview", "--all", cwd=tmp_path).returncode == 2
    assert client.cellctl("preview", "zoe", "--all", "--save", "plans", cwd=tmp_path).returncode == 2
