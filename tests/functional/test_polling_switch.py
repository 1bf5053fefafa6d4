"""A cell that runs goes over from one polling address for each node to one for all: nodes learn of their queue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prepared.home import RunningHome

pytestmark = pytest.mark.turn(3, 2)

MEMBER = "cellctl:octopus:QueueMember"


@pytest.fixture(scope="module")
def home(running_home: Callable[[str, Path], RunningHome], tmp_path_factory: pytest.TempPathFactory) -> RunningHome:
    return running_home("aws", tmp_path_factory.mktemp("switch"))


def test_a_running_cell_comes_to_share_a_queue_also_when_it_is_cut_off(home: RunningHome) -> None:
    before = home.cell.outputs()
    assert len(before["pollAddresses"]) == 2  # type: ignore[arg-type]
    file = home.root / "cells" / "acme.yaml"
    file.write_text(f"{file.read_text().rstrip()}\n  ingress: {{polling: redis}}\n")
    plan = home.cell.preview(options=home.options())
    touched = [change for change in plan.changes if change.action not in ("same", "create")]
    kept = [
        change.action
        for change in touched
        if change.name.startswith("acme-ingress-polling") and "Listener" in change.type
    ]
    assert sorted(kept) == ["delete", "update"], "the listener of the first node's port becomes the one of all"
    replaced = [change.name for change in touched if change.stateful and change.action != "update"]
    assert (plan.errored, replaced) == (False, [])
    home.control.add_fault({"type": MEMBER, "name": "acme-queue-2", "op": "create", "effect": "crash", "count": 1})
    cut = home.up()
    assert cut.result == "failed"
    done = home.up()
    assert done.result == "succeeded", done.failures
    assert home.nodes() == [("acme-1", "2026.4.7000", 10, "active"), ("acme-2", "2026.4.7000", 10, "active")]
    assert done.outputs["pollAddresses"] == ["https://polling.acme.octopus.internal:10943"]
    assert home.cell.preview(options=home.options()).empty


def test_it_does_not_go_back(home: RunningHome) -> None:
    home.rewrite((r"polling: redis", "polling: per_node"))
    assert home.up().codes == ["polling_change"]
