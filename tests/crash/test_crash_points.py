"""Every kill point of the witness with every victim, and a sample of those of whole cells: the next run ends well.

The points are those that the run itself passes (`crashes.explore`); each is struck by a real SIGKILL. Nothing is lost,
doubled or left over. In which order the kills come, and which points of whole cells are struck, changes with the seed,
and that with the day. CELLCTL_CRASH_SEED repeats a day.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from cellctl_provider.probes import Moment

FOLDER = Path(__file__).resolve().parent
SEED = int(os.environ.get("CELLCTL_CRASH_SEED", time.time() // 86400))


def explored(tmp_path: Path, module: str, *words: str) -> tuple[list[dict[str, object]], dict[str, object]]:
    """Run an exploration; return the lines of its journal and its summary."""
    journal = tmp_path / "journal.jsonl"
    with tempfile.TemporaryDirectory() as homes:
        told = [homes, "--seed", str(SEED), "--journal", str(journal), *words]
        done = subprocess.run(
            [sys.executable, "-m", f"crashes.{module}", *told],
            cwd=FOLDER, capture_output=True, text=True, check=False, timeout=3600,
        )  # fmt: skip
    sys.stdout.write(f"CELLCTL_CRASH_SEED={SEED}\n")
    assert done.returncode == 0, done.stderr[-3000:]
    lines = journal.read_text().splitlines()
    return [json.loads(line) for line in lines], json.loads(done.stdout.splitlines()[-1])


def sound(lines: list[dict[str, object]]) -> None:
    """Every point was hit, and no fault was found at any."""
    assert [line["key"] for line in lines if not line["hit"]] == []
    assert [(line["key"], line["faults"], line.get("again")) for line in lines if line["faults"]] == []


@pytest.mark.alone
def test_no_kill_point_of_the_witness_loses_or_doubles_anything(tmp_path: Path) -> None:
    lines, summary = explored(tmp_path, "explore", "--walkers", "4")
    sound(lines)
    keys = {str(line["key"]) for line in lines}
    assert len(keys) == summary["kills"] == 3 * int(str(summary["points"]))
    places = ("before_call", "before_change", "after_change", "after_call", "saving")
    assert {key.split("/")[1] for key in keys} == set(places)
    steps = {
        "create",
        "update",
        "create-replacement",
        "delete-replaced",
        "delete",
        "read",
        "refresh",
        "begin",
        "commit",
    }
    assert {key.split("/")[2] for key in keys} >= steps
    assert {key.split("/")[0] for key in keys} == {"up", "update", "replace", "refresh", "down"}
    assert {key.rpartition("/")[2] for key in keys} == {"operation", "host", "group"}


def test_a_point_that_no_run_passed_fails_the_exploration() -> None:
    with pytest.raises(AssertionError):
        sound([{"key": "up/before_call/create/share//1/host", "hit": False, "faults": []}])


def test_the_witness_holds_the_types_of_provider_cellctl() -> None:
    from crashes import witness

    from cellctl_provider.provider import HANDLERS

    source = Path(witness.__file__).read_text()
    missing = {token for token in HANDLERS if f".{token.rpartition(':')[2]}(" not in source}
    assert missing == set()


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_a_cell_that_is_killed_again_and_again_comes_up_whole(tmp_path: Path, cloud: str) -> None:
    """Some types of the cell's own run, others with every seed; each `up` goes on where the last one was killed."""
    lines, summary = explored(tmp_path, "cells", "--cloud", cloud, "--kills", "6", "--seconds", "30")
    sound(lines)
    assert lines, summary


def test_the_days_strike_each_type_of_a_cell_at_each_place() -> None:
    from crashes.cells import turn

    moments = [Moment(place="before_call", operation="create", urn=str(number)) for number in range(293)]
    days = [turn(moments, seed, 6) for seed in range(SEED, SEED + 49)]
    assert {moment for day in days for moment in day} == set(moments)
    assert {len(day) for day in days} <= {5, 6}
