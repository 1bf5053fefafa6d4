"""A cell that somebody else changes now: exit 5, who and since when, and what happens when they are dead."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from warm import client

from cellctl.home import Home
from cellctl.leases import Holder, SqliteLeases


def cellctl(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return client.cellctl(*words, cwd=home, env={"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    cells = tmp_path / "cells"
    cells.mkdir()
    (cells / "acme.yaml").write_text(
        "metadata: {name: acme}\nspec: {cloud: aws, account: sandbox, region: eu-west-1}\n"
    )
    found = Home(tmp_path)
    found.prepare()
    return found


def test_the_second_up_of_a_cell_is_told_who_and_since_when(home: Home) -> None:
    leases = SqliteLeases(home.database)
    lease = leases.acquire("acme", Holder.current(command="cellctl up acme"), ttl_s=600)
    done = cellctl(home.root, "up", "acme", "--yes")
    assert done.returncode == 5, (done.stdout, done.stderr)
    assert "cell 'acme' is being changed by" in done.stderr
    assert f"(pid {os.getpid()}, `cellctl up acme`) since 2" in done.stderr
    assert "hint: wait until that ends, or look: cellctl status acme" in done.stderr
    assert "Traceback" not in done.stderr
    status = cellctl(home.root, "status", "acme", "--format", "json")
    assert status.returncode == 0, status.stderr
    assert json.loads(status.stdout)["state"] == "changing"
    assert f"(pid {os.getpid()}, `cellctl up acme`)" in json.loads(status.stdout)["holder"]
    leases.check(lease)


def test_in_jsonl_the_last_line_says_that_it_is_locked(home: Home) -> None:
    SqliteLeases(home.database).acquire("acme", Holder.current(command="cellctl up acme"), ttl_s=600)
    done = cellctl(home.root, "up", "acme", "--yes", "--output", "jsonl")
    summary = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 5
    assert summary["kind"] == "summary"
    assert [error["code"] for error in summary["errors"]] == ["locked"]
