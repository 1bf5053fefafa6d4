"""A cell on each cloud through the real command line: up, look, nothing to do, refused, data kept, data deleted."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from warm import client

from cellctl import Home, versions
from cellctl.state.values import Struct

ROOT = Path(__file__).resolve().parents[2]
CLOUDS = ("aws", "azure")
KINDS = {
    "run.started", "plan.ready", "resource.started", "resource.progress", "resource.done", "resource.failed",
    "diagnostic", "heartbeat", "summary",
}  # fmt: skip
SECRETS = {
    "aws": ("administrator.passwordSecret", "database.passwordSecret", "masterKeySecret"),
    "azure": ("administrator.passwordSecret", "masterKeySecret"),
}


KEPT = {
    "aws": (
        "a key, disabled, for 30 days",
        "the secret for 30 days",
        "final snapshot ",
        "point-in-time backups, for 14",
    ),
    "azure": ("the vault with its secrets for 90 days", "the account with its shares for about 14 days"),
}
LOST = {"aws": "a bucket goes with every version", "azure": "go with the server"}


@dataclass(frozen=True)
class World:
    """One home, and everything that was ever printed in it."""

    home: Path
    cloud: str
    printed: list[str]

    def cellctl(self, *words: str, expect: int = 0, fresh: bool = False) -> str:
        """Run a command, `fresh` as a person starts it: from the launcher, in interpreters of its own."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CELLCTL_")}
        more = ["--home", str(self.home)]
        if fresh:
            done = subprocess.run(
                [sys.executable, str(ROOT / "cli.py"), *words, *more], capture_output=True, text=True, check=False,
                env=environment, cwd=self.home, timeout=300, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        else:
            done = client.cellctl(*words, *more, cwd=self.home, env=environment)
        if words[:2] != ("sandbox", "secret"):
            self.printed.extend((done.stdout, done.stderr))
        assert done.returncode == expect, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def run(self, verb: str, *words: str, expect: int = 0, fresh: bool = False) -> list[Struct]:
        """Return the jsonl lines of an operation in stepped time."""
        text = self.cellctl(verb, "acme", "--output", "jsonl", "--clock", "stepped", *words, expect=expect, fresh=fresh)
        return [json.loads(line) for line in text.splitlines()]

    def objects(self) -> list[Struct]:
        shown = json.loads(self.cellctl("sandbox", "show", "--cell", "acme", "--format", "json"))
        return [item for account in shown["accounts"] for item in account["objects"]]


@pytest.fixture(scope="module", params=CLOUDS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(home=tmp_path_factory.mktemp(request.param), cloud=request.param, printed=[])
    lines = made.run("up", "--cloud", made.cloud, "--yes", fresh=True)
    made.printed.append(json.dumps(lines))
    (made.home / "up.json").write_text(json.dumps(lines))
    return made


def _up(world: World) -> list[Struct]:
    lines: list[Struct] = json.loads((world.home / "up.json").read_text())
    return lines


def test_up_ends_with_a_summary_of_a_whole_cell(world: World) -> None:
    summary = _up(world)[-1]
    assert summary["kind"] == "summary"
    assert (summary["result"], summary["cell"], summary["cloud"]) == ("succeeded", "acme", world.cloud)
    assert summary["engine"]["name"] == "embedded"
    assert summary["changes"]["create"] > 60
    assert summary["simulated_s"] > 900
    assert summary["errors"] == []
    assert summary["outputs"]["url"] == "https://acme.octopus.internal"


def test_the_first_up_records_in_the_stack_what_made_it(world: World) -> None:
    state = json.loads(Home(world.home).stack_file("acme").read_text())
    (root,) = [row for row in state["checkpoint"]["latest"]["resources"] if row["type"] == "pulumi:pulumi:Stack"]
    assert root["outputs"]["cellctl"]["versions"] == versions.versions(world.cloud)


def test_every_line_has_the_promised_fields(world: World) -> None:
    lines = _up(world)
    assert {line["kind"] for line in lines} <= KINDS
    assert [line["seq"] for line in lines[:-1]] == list(range(len(lines) - 1))
    for line in lines[:-1]:
        assert {"kind", "seq", "at", "simulated_at", "cell", "operation"} <= set(line)


def test_every_resource_that_started_has_ended(world: World) -> None:
    lines = _up(world)
    applied = lines[next(i for i, line in enumerate(lines) if line["kind"] == "plan.ready") :]
    started = {line["urn"] for line in applied if line["kind"] == "resource.started"}
    done = {line["urn"] for line in applied if line["kind"] == "resource.done"}
    assert started <= done


def test_each_object_was_made_by_one_resource(world: World) -> None:
    urns = [item["urn"] for item in world.objects() if item["urn"]]
    assert len(urns) > 60
    assert len(set(urns)) == len(urns)


def test_a_second_up_changes_nothing(world: World) -> None:
    summary = world.run("up", "--yes")[-1]
    assert summary["result"] == "nothing"
    assert {key: value for key, value in summary["changes"].items() if value and key != "same"} == {}


@pytest.mark.parametrize("world", ["azure"], indirect=True)
def test_a_preview_of_an_unchanged_cell_is_empty_and_exits_with_zero(world: World) -> None:
    text = world.cellctl("preview", "acme", "--format", "json", "--exit-code", "--clock", "stepped")
    plan = json.loads(text)
    assert plan["complete"]
    assert plan["applyable"]
    assert {change["action"] for change in plan["changes"]} == {"same"}
    assert len(plan["hash"]) == 64


def test_status_cells_and_outputs_agree(world: World) -> None:
    status = json.loads(world.cellctl("status", "acme", "--format", "json"))
    (row,) = json.loads(world.cellctl("cells", "--format", "json"))["cells"]
    assert status == row
    assert (status["state"], status["cloud"]) == ("up", world.cloud)
    assert world.cellctl("outputs", "acme", "--name", "url").strip() == status["url"]


@pytest.mark.parametrize("world", ["azure"], indirect=True)
def test_a_change_in_the_file_is_previewed_with_exit_code_3(world: World) -> None:
    file = world.home / "cells" / "acme.yaml"
    before = file.read_text()
    file.write_text(re.sub(r"retentionDays: \d+", "retentionDays: 21", before))
    try:
        plan = json.loads(
            world.cellctl("preview", "acme", "--format", "json", "--exit-code", "--clock", "stepped", expect=3)
        )
    finally:
        file.write_text(before)
    changed = [change for change in plan["changes"] if change["action"] != "same"]
    assert changed
    assert {change["action"] for change in changed} == {"update"}
    assert any(item["after"] == 21 for change in changed for item in change["diff"])


def _secret_values(world: World) -> list[str]:
    outputs = json.loads(world.cellctl("outputs", "acme", "--format", "json"))
    values = []
    for path in SECRETS[world.cloud]:
        found = outputs
        for key in path.split("."):
            found = found[key]
        values.append(world.cellctl("sandbox", "secret", found).strip())
    return values


def test_no_secret_is_in_the_state_the_runs_or_anything_printed(world: World) -> None:
    values = _secret_values(world)
    assert all(len(value) >= 16 for value in values)
    kept = [path for path in (world.home / ".cellctl").rglob("*") if path.is_file()]
    for value in values:
        assert not any(value in text for text in world.printed)
        assert [path for path in kept if value.encode() in path.read_bytes()] == []


def test_no_loopback_address_is_in_the_state_or_an_output(world: World) -> None:
    state = (world.home / ".cellctl" / "state").rglob("*.json")
    assert not any("127.0.0.1" in path.read_text() for path in state if path.is_file())
    assert "127.0.0.1" not in world.cellctl("outputs", "acme", "--format", "json")


def test_what_is_kept_is_for_its_owner_only(world: World) -> None:
    private = world.home / ".cellctl"
    assert private.stat().st_mode & 0o077 == 0


def test_down_without_a_word_on_data_is_refused(world: World) -> None:
    before = len(world.objects())
    summary = world.run("down", "--yes", expect=4)[-1]
    assert summary["result"] == "refused"
    assert {error["code"] for error in summary["errors"]} == {"stateful_delete"}
    assert len(world.objects()) == before


def test_data_outlives_a_down_and_the_cell_is_completed_again(world: World) -> None:
    before = {item["id"] for item in world.objects()}
    assert world.run("down", "--keep-data", "--yes")[-1]["result"] == "succeeded"
    kept = {item["id"] for item in world.objects()}
    assert kept < before
    assert json.loads(world.cellctl("status", "acme", "--format", "json"))["state"] == "data_only"
    assert world.run("up", "--yes")[-1]["result"] == "succeeded"
    after = {item["id"] for item in world.objects()}
    assert kept <= after


def test_down_with_the_data_leaves_nothing_and_a_new_cell_can_follow(world: World) -> None:
    lines = world.run("down", "--delete-data", "--yes")
    assert lines[-1]["result"] == "succeeded"
    assert [item for item in world.objects() if item["state"] == "available"] == []
    said = " ".join(str(line["message"]) for line in lines if line["kind"] == "diagnostic")
    assert all(words in said for words in KEPT[world.cloud])
    warned = [row["message"] for line in lines if line["kind"] == "plan.ready" for row in line["plan"]["diagnostics"]]
    assert any(LOST[world.cloud] in text for text in warned)  # before the question, not after it
    left = json.loads(world.cellctl("sandbox", "show", "--format", "json"))
    snapshots = [row for account in left["accounts"] for row in account["objects"] if "napshot" in row["type"]]
    assert [row["id"] in said for row in snapshots] == [True] * (world.cloud == "aws")
    listed = json.loads(world.cellctl("registry", "restore-points", "acme", "--format", "json"))["restore_points"]
    points = {(one["kind"], one["state"]) for one in listed}
    assert points == ({("final_snapshot", "there"), ("kept_backups", "there")} if world.cloud == "aws" else set())
    assert {one["location"] for one in listed} >= {row["id"] for row in snapshots}
    assert all(one["master_key_version"] and one["incarnation"] == 1 for one in listed)
    assert world.run("up", "--yes")[-1]["result"] == "succeeded"
