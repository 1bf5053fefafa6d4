"""A cell that runs is changed through the real command line: task cap, nodes, version, administrator; also cut off."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from prepared.home import RunningHome
from warm import client

from cellctl.state.values import Struct

OLD, NEW = "2026.4.7000", "2026.4.7100"


@dataclass(frozen=True)
class World:
    """One home, and everything that was ever printed in it but secrets that were asked for."""

    home: Path
    cloud: str
    printed: list[str]

    def cellctl(self, *words: str, expect: int = 0) -> str:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CELLCTL_")}
        done = client.cellctl(*words, "--home", str(self.home), cwd=self.home, env=environment)
        if words[:2] != ("sandbox", "secret"):
            self.printed.extend((done.stdout, done.stderr))
        assert done.returncode == expect, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def run(self, verb: str, *words: str, expect: int = 0) -> list[Struct]:
        """Return the jsonl lines of an operation in stepped time."""
        text = self.cellctl(verb, "acme", "--output", "jsonl", "--clock", "stepped", *words, expect=expect)
        return [json.loads(line) for line in text.splitlines()]


TURNS = [pytest.param(name, marks=pytest.mark.turn(2, which)) for which, name in enumerate(("aws", "azure"))]


@pytest.fixture(scope="module", params=TURNS)
def world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    running_home: Callable[[str, Path], RunningHome],
) -> World:
    home = running_home(request.param, tmp_path_factory.mktemp(request.param)).root
    return World(home=home, cloud=request.param, printed=[])


def rewrite(world: World, *pairs: tuple[str, str]) -> None:
    file = world.home / "cells" / "acme.yaml"
    text = file.read_text()
    for pattern, instead in pairs:
        text, count = re.subn(pattern, instead, text)
        assert count == 1, f"{pattern} in {text}"
    file.write_text(text)


def status(world: World) -> list[tuple[str, str, int, str]]:
    found = json.loads(world.cellctl("status", "acme", "--format", "json"))
    return [(node["name"], node["version"], node["task_cap"], node["state"]) for node in found["nodes"]]


def warnings(lines: list[Struct]) -> str:
    plan = next(line["plan"] for line in lines if line["kind"] == "plan.ready")
    return " ".join(item["message"] for item in plan["diagnostics"])


def api_key(world: World) -> str:
    reference = json.loads(world.cellctl("outputs", "acme", "--format", "json"))["apiKeySecret"]
    return world.cellctl("sandbox", "secret", str(reference)).strip()


def test_1_the_task_cap_and_a_third_node_come_with_one_up(world: World) -> None:
    key = api_key(world)
    assert status(world) == [("acme-1", OLD, 10, "active"), ("acme-2", OLD, 10, "active")]
    rewrite(
        world,
        (r"taskCap: \d+", "taskCap: 20"),
        (r"count: 2", "count: 3"),
        (r"roles: \[[^]]*\]", "roles: [both, ui, both]"),
    )
    summary = world.run("up", "--yes")[-1]
    assert (summary["result"], summary["changes"]["replace"]) == ("succeeded", 0)
    assert status(world) == [
        ("acme-1", OLD, 20, "active"), ("acme-2", OLD, 0, "web only"), ("acme-3", OLD, 20, "active")
    ]  # fmt: skip
    assert api_key(world) == key


@pytest.mark.parametrize("world", [TURNS[1]], indirect=True)
def test_2_what_running_nodes_cannot_become_is_refused(world: World) -> None:
    file = world.home / "cells" / "acme.yaml"
    before = file.read_text()
    for pairs, code in (
        ([(OLD, "2026.3.1")], "version_older"),
        (
            [(OLD, NEW), (r"count: 3", "count: 4"), (r"roles: \[[^]]*\]", "roles: [both, ui, both, both]")],
            "upgrade_with_growth",
        ),
    ):
        rewrite(world, *pairs)
        summary = world.run("up", "--yes", "--refresh", "none", expect=4)[-1]
        assert [error["code"] for error in summary["errors"]] == [code]
        file.write_text(before)
    assert [row[1] for row in status(world)] == [OLD] * 3


def test_3_an_upgrade_says_that_it_is_an_outage_and_is_finished_after_a_crash(world: World) -> None:
    rewrite(world, (OLD, NEW))
    # Its turn is after the first one's, when all the others are stopped.
    second = "acme-nodes-2-octopus" if world.cloud == "aws" else "acme-node-2-octopus"
    world.cellctl(
        "sandbox", "fault", "--type", "cellctl:octopus:Node", "--name", second, "--op", "update", "--effect", "crash",
        "--count", "1",
    )  # fmt: skip
    assert "an outage of about 5 to 10 minutes" in warnings(world.run("up", "--yes", expect=1))
    summary = world.run("up", "--yes")[-1]
    assert summary["result"] == "succeeded", summary
    assert status(world) == [
        ("acme-1", NEW, 20, "active"), ("acme-2", NEW, 0, "web only"), ("acme-3", NEW, 20, "active")
    ]  # fmt: skip
    assert world.run("up", "--yes", "--refresh", "none")[-1]["result"] == "nothing"  # of the first change, too
    listed = json.loads(world.cellctl("registry", "restore-points", "acme", "--format", "json"))["restore_points"]
    (before,) = (one for one in listed if one["kind"] == "before_upgrade")  # the run that went on found it begun
    (last,) = (one for one in listed if one["kind"] == "point_in_time")
    assert before["db_time"] < last["db_time"] < last["expires"]
    assert before["location"] == last["location"]
    assert before["master_key_version"] == last["master_key_version"] != ""
    assert json.loads(world.cellctl("status", "acme", "--format", "json"))["restore_points"] == listed
    assert "as an upgrade of Octopus began" in world.cellctl("status", "acme").replace("\n", " ")


def test_4_a_node_leaves_and_the_administrator_is_renamed(world: World) -> None:
    rewrite(
        world,
        (r"count: 3", "count: 2"),
        (r"roles: \[[^]]*\]", "roles: [both, both]"),
        (r"username: \w+", "username: root"),
    )
    named: list[str] = []
    if (
        world.cloud == "azure"
    ):  # the third zone's way out goes with its node, and somebody may have admitted its address
        refused = world.run("up", "--yes", "--refresh", "none", expect=4)[-1]["errors"]
        assert {error["code"] for error in refused} == {"stateful_delete"}
        named = [word for error in refused for word in ("--allow-replace", str(error["urn"]))]
    lines = world.run("up", "--yes", *named)
    assert lines[-1]["result"] == "succeeded"
    assert "1 of 3 nodes leave, the cell stays up" in warnings(lines)
    assert lines[-1]["outputs"]["administrator"]["username"] == "root"
    assert status(world) == [("acme-1", NEW, 20, "active"), ("acme-2", NEW, 20, "active")]


def test_5_no_secret_was_printed_or_kept_in_clear(world: World) -> None:
    key = api_key(world)
    printed = "".join(world.printed)
    files = [file for file in Path(world.home).rglob("*") if file.is_file() and file.name != "key"]
    assert key.startswith("API-")
    assert key not in printed
    assert [file.name for file in files if key.encode() in file.read_bytes()] == []
