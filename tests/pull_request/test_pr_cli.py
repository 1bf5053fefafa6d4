"""`cellctl pr preview` from the command line: real previews in the sandbox, its formats and its exit codes."""

from __future__ import annotations

import functools
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from test_looking import Site
from warm import client

from cellctl.cell import preview_all
from cellctl.engine.operation import Process
from cellctl.engine.wire import Setup
from cellctl.home import Home
from cellctl.pull_request.looking import Asked, look
from cellctl.pull_request.report_file import load_report
from cellctl.pull_request.repository import Repository
from cellctl.pull_request.words import verdict
from cellctl.run.options import RunOptions
from cellctl.testing import FakeGitHub

ROOT = Path(__file__).resolve().parents[2]


def cellctl(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *words], cwd=folder, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=240,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", **environment},
    )  # fmt: skip
    assert "Traceback" not in done.stdout + done.stderr
    return done


def start(setup: Setup, channel: socket.socket) -> Process:
    return client.operation(setup, channel)


def test_equal_new_cells_are_one_group(tmp_path: Path) -> None:
    """Real previews of real programs, so that names and drawn values are those that cells have."""
    site = Site(tmp_path / "repo")
    site.cell("umbra")
    site.cell("lumen")
    options = RunOptions(clock="stepped", start=start)
    previews = functools.partial(preview_all, Home(site.home), options=options)
    report = look(Repository.of(site.home, os.environ), Asked(base="main"), previews)
    (group,) = report.groups
    assert (group.level, group.cells, group.refusals) == ("creates", ("lumen", "umbra"), ())
    assert verdict(report) == f"2 cells: same {group.total} changes"
    assert group.total > 60
    assert group.monthly_usd[1] > group.monthly_usd[0] == 0  # what a plan tells of costs and time is in the report
    assert group.slowest is not None
    assert report.sandbox


def test_a_removed_cell_fails_the_check_and_is_said_first(tmp_path: Path) -> None:
    site = Site(tmp_path / "repo")
    site.file("acme").unlink()
    done = cellctl(site.home, "pr", "preview", "--base", "main")
    assert done.returncode == 4
    assert "### ⛔ <code>acme</code> keeps running and is no longer described; use" in done.stdout.splitlines()[2]


def test_in_a_run_for_a_pull_request_comment_check_summary_and_page_are_written(tmp_path: Path) -> None:
    site = Site(tmp_path / "repo")
    site.file("acme").unlink()
    event, summary = tmp_path / "event.json", tmp_path / "summary.md"
    with FakeGitHub() as server:
        server.token("t", login="github-actions[bot]")
        event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": server.commit}}}))
        environment = {
            "GITHUB_TOKEN": "t", "GITHUB_API_URL": server.url, "GITHUB_REPOSITORY": server.repository,
            "GITHUB_EVENT_PATH": str(event), "GITHUB_EVENT_NAME": "pull_request", "GITHUB_STEP_SUMMARY": str(summary),
        }  # fmt: skip
        words = ("--base", "main", "--format", "json", "--output-file", "report.json", "--page", "page.html")
        done = cellctl(site.home, "pr", "preview", *words, "--post", "github", **environment)
    assert done.returncode == 4, done.stderr
    assert load_report(site.home / "report.json").gone[0].cell == "acme"  # both of one run
    (comment,), (check,) = server.comments, server.checks
    assert check["conclusion"] == "failure"
    for text in (str(comment["body"]), summary.read_text(), (site.home / "page.html").read_text()):
        assert "<code>acme</code> keeps running and is no longer described" in text


@pytest.mark.parametrize("event", ["pull_request_target", "workflow_run"])
def test_a_run_with_credentials_never_runs_the_code_of_a_pull_request(tmp_path: Path, event: str) -> None:
    site = Site(tmp_path / "repo")
    done = cellctl(site.home, "pr", "preview", "--base", "main", GITHUB_EVENT_NAME=event)
    assert done.returncode == 4
    assert "[foreign_code]" in done.stderr
    words = ("pr", "preview", "--base", "main", "--head", "main", "--files-only")
    assert cellctl(site.home, *words, GITHUB_EVENT_NAME=event).returncode == 0


def test_preview_and_pr_preview_object_to_the_same(tmp_path: Path) -> None:
    """What CI refuses is what a person sees at home: the same codes, reasons, remedies and flags."""
    site = Site(tmp_path / "repo")
    site.cell("acme", body="  database: {retentionDays: 3}\n  protection: {deletion: false}\n")
    here = client.cellctl("preview", "acme", "--format", "json", cwd=site.home)
    assert here.returncode == 0, here.stderr
    there = client.cellctl("pr", "preview", "--base", "main", "--format", "json", cwd=site.home)
    assert there.returncode == 4, there.stderr
    (group,) = json.loads(there.stdout)["groups"]
    said = [{key: item[key] for key in ("code", "reason", "remedy", "flag")} for item in group["refusals"]]
    told = [
        {key: item[key] for key in ("code", "reason", "remedy", "flag")}
        for item in json.loads(here.stdout)["objections"]
    ]
    assert "policy_retention" in [item["code"] for item in told]
    assert sorted(said, key=str) == sorted(told, key=str)
