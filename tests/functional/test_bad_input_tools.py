"""A real account whose Pulumi CLI is missing, too old, broken or hangs, or whose provider crashes."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from warm import client

from cellctl.testing import FakeCli

INSTALL = "hint: curl -fsSL https://get.pulumi.com | sh -s -- --version 3.272.0"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "cellctl.yaml").write_text('accounts: {prod: {cloud: aws, id: "123456789012"}}\n')
    (tmp_path / "cells").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "cells" / "acme.yaml").write_text(
        "metadata: {name: acme}\nspec: {cloud: aws, account: prod, region: eu-west-1}\n"
    )
    return tmp_path


def cellctl(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(home / "bin"), "HOME": str(home), "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
    done = client.cellctl(*words, cwd=home, env=environment)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def preview(home: Path) -> subprocess.CompletedProcess[str]:
    return cellctl(home, "preview", "acme")


def put_cli(home: Path, script: str) -> None:
    path = home / "bin" / "pulumi"
    path.write_text(f"#!{os.path.realpath('/bin/sh')}\n{script}\n")
    path.chmod(0o755)


def test_no_cli(home: Path) -> None:
    done = preview(home)
    assert done.returncode == 2
    assert "there is no `pulumi` on PATH; real accounts and --engine pulumi need it" in done.stderr
    assert INSTALL in done.stderr


@pytest.mark.parametrize("version", ["v3.100.0", "v4.0.0"])
def test_a_cli_that_does_not_fit(home: Path, version: str) -> None:
    put_cli(home, f"echo {version}")
    done = preview(home)
    assert done.returncode == 2
    assert version.removeprefix("v") in done.stderr
    assert "3.205.0 or newer of major version 3" in done.stderr
    assert INSTALL in done.stderr


def test_a_cli_that_does_not_run(home: Path) -> None:
    put_cli(home, "exit 3")
    done = preview(home)
    assert done.returncode == 1
    assert "pulumi version` fails" in done.stderr
    assert INSTALL in done.stderr


VPC = "urn:pulumi:cell-acme::octopus-cells::aws:ec2/vpc:Vpc::network"
EMPTY = json.dumps({"version": 3, "deployment": {"resources": []}})


def step(kind: str, *, preview: bool) -> dict[str, object]:
    new = {"urn": VPC, "custom": True, "inputs": {}, "outputs": {}}
    metadata = {"op": "create", "urn": VPC, "type": "aws:ec2/vpc:Vpc", "old": None, "new": new, "logical": True}
    return {kind: {"metadata": metadata, "planning": preview}}


def lines(*rows: dict[str, object]) -> list[str]:
    return [json.dumps({"sequence": at, "timestamp": 1, **row}) for at, row in enumerate(rows)]


def planned() -> list[str]:
    summary = {"isPreview": True, "result": "succeeded", "resourceChanges": {"create": 1}, "durationSeconds": 1}
    ended = {"summaryEvent": {**summary, "maybeCorrupt": False, "PolicyPacks": {}}}
    return lines(
        step("resourcePreEvent", preview=True), step("resOutputsEvent", preview=True), ended, {"cancelEvent": {}}
    )


@pytest.fixture
def fake(home: Path) -> FakeCli:
    """A CLI whose previews find one thing to create."""
    cli = FakeCli(home / "bin")
    cli.plays("preview", events=planned())
    cli.plays("stack export", stdout=EMPTY)
    return cli


def summary_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert last["kind"] == "summary"
    return last


@pytest.mark.parametrize("sigints", [1, 0], ids=["that ends when asked", "that must be killed"])
def test_a_preview_whose_cli_hangs_is_ended(home: Path, fake: FakeCli, sigints: int) -> None:
    fake.plays("preview", sleep_s=300, sigints=sigints)
    began = time.monotonic()
    done = cellctl(home, "preview", "acme", "--refresh", "none", "--deadline", "1s")
    assert time.monotonic() - began < 60
    assert done.returncode == 1
    assert "error: preview did not end within 1 s" in done.stderr
    assert "hint: " in done.stderr
    assert gone(fake.calls()[-1].pid)


def test_an_up_whose_cli_hangs_tells_what_was_done_and_how_to_go_on(home: Path, fake: FakeCli) -> None:
    done_so_far = lines(step("resourcePreEvent", preview=False), step("resOutputsEvent", preview=False))
    fake.plays("up", events=done_so_far, sleep_s=300)
    done = cellctl(home, "up", "acme", "--yes", "--deadline", "3s", "--output", "jsonl")
    last = summary_of(done)
    assert (done.returncode, last["result"], last["changes"]["create"]) == (1, "failed", 1)
    assert [error["code"] for error in last["errors"]] == ["deadline"]
    assert gone(fake.calls()[-1].pid)


def test_a_provider_that_crashes_under_the_cli_is_told_by_name(home: Path, fake: FakeCli) -> None:
    said = {"urn": VPC, "message": "error reading from server: EOF", "severity": "error", "color": "never"}
    broken = lines(
        step("resourcePreEvent", preview=False), {"diagnosticEvent": said}, step("resOpFailedEvent", preview=False)
    )
    fake.plays("up", events=broken, code=1, stderr="error: update failed")
    done = cellctl(home, "up", "acme", "--yes")
    assert done.returncode == 1
    assert "network: error reading from server: EOF" in done.stderr
    assert "what the provider had begun is looked up first" in done.stderr
    assert "To go on: cellctl up acme" in done.stderr


@pytest.mark.parametrize("text", ["soon", "-5s", "0", "5 m"])
def test_a_deadline_that_is_no_time(home: Path, text: str) -> None:
    done = cellctl(home, "preview", "acme", f"--deadline={text}")
    assert done.returncode == 2
    assert f"--deadline needs a time, not '{text}'" in done.stderr
    assert "hint: such as 90s, 30m or 2h" in done.stderr


def test_doctor_says_the_same_of_each(home: Path) -> None:
    for script, words in (("echo v3.100.0", "3.205.0 or newer"), ("exit 3", "pulumi version` fails")):
        put_cli(home, script)
        done = cellctl(home, "doctor")
        assert done.returncode == 1
        assert words in " ".join(done.stdout.split())
        assert "get.pulumi.com" in done.stdout


def gone(pid: int) -> bool:
    """Tell whether a process has ended, or does so within a moment."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
