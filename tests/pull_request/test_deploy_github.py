"""The workflows to copy: they parse, are pinned, may write only where nothing foreign runs, and call what exists."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.core
import typer.main
import yaml

from cellctl.cli.app import app

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "github"
FILES = {path.stem: path for path in FOLDER.rglob("*.yml")}
PREVIEW, COMMENT = "cellctl-preview", "cellctl-comment"


def parsed(name: str) -> dict:
    text = FILES[name].read_text(encoding="utf-8")
    return yaml.safe_load(text.replace("\non:\n", "\n'on':\n"))


def jobs(name: str) -> dict:
    return parsed(name)["jobs"]


def steps() -> Iterator[tuple[str, dict]]:
    for name in (PREVIEW, COMMENT):
        for job, found in jobs(name).items():
            yield from ((f"{name}.{job}", step) for step in found["steps"])
    yield from (("action", step) for step in parsed("action")["runs"]["steps"])


def test_every_action_is_pinned_to_a_commit_with_its_version_beside_it() -> None:
    pins = [line for path in FILES.values() for line in path.read_text().splitlines() if "uses:" in line]
    foreign = [line for line in pins if "uses: ./.github/actions/cellctl-preview" not in line]
    assert len(foreign) > 8
    assert [line for line in foreign if not re.search(r"@[0-9a-f]{40}  # v\d+\.\d+\.\d+$", line)] == []


def test_permissions_are_minimal() -> None:
    assert parsed(PREVIEW)["permissions"] == parsed(COMMENT)["permissions"] == {}
    read_only = {"contents": "read", "id-token": "write"}
    assert jobs(PREVIEW)["preview"]["permissions"] == read_only
    assert jobs(COMMENT)["fork"]["permissions"] == read_only
    writes = {"actions": "read", "checks": "write", "contents": "read", "pull-requests": "write"}
    assert jobs(COMMENT)["comment"]["permissions"] == writes
    assert "pull_request_target" not in "".join(path.read_text() for path in FILES.values())


def test_where_credentials_are_nothing_foreign_is_checked_out_or_run() -> None:
    assert list(parsed(COMMENT)["on"]) == ["workflow_run"]
    assert [
        step for place, step in steps() if "checkout" in step.get("uses", "") and "ref" in step.get("with", {})
    ] == []
    assert jobs(PREVIEW)["preview"]["if"].endswith("head.repo.full_name == github.repository")
    (preview,) = [step for step in jobs(COMMENT)["fork"]["steps"] if "cellctl-preview" in step.get("uses", "")]
    assert preview["with"]["files-only"] == "true"
    posting = jobs(COMMENT)["comment"]["steps"]
    assert [step["run"] for step in posting if "run" in step][-1] == 'cellctl pr comment "$REPORT"'
    (artifact,) = [step for step in posting if "download-artifact" in step.get("uses", "")]
    assert artifact["with"]["path"].startswith("${{ runner.temp }}/")
    tokens = [place for place, step in steps() if "GITHUB_TOKEN" in step.get("env", {})]
    assert tokens == [f"{COMMENT}.comment"]


def test_every_pull_request_is_previewed_whatever_it_touches() -> None:
    """A change that was taken back must be said too; and a required check must report on every pull request."""
    assert parsed(PREVIEW)["on"] == {"pull_request": None}


def test_json_and_page_of_one_run_are_kept() -> None:
    (preview,) = [step for place, step in steps() if place == "action"]
    assert '--output-file "$REPORT" --page "$PAGE"' in preview["run"]
    assert preview["run"].count("cellctl ") == 1
    kept = [step["with"]["path"].split() for _, step in steps() if "upload-artifact" in step.get("uses", "")]
    assert kept == [["cellctl-report.json", "cellctl-report.html"]] * 2
    inputs = parsed("action")["inputs"]
    assert [inputs["report"]["default"], inputs["page"]["default"]] == kept[0]


def test_a_preview_that_failed_or_was_stopped_is_commented_too() -> None:
    job = jobs(COMMENT)["comment"]
    assert "conclusion" not in job["if"]
    assert job["if"].startswith("always()")
    (download,) = [step for step in job["steps"] if "download-artifact" in step.get("uses", "")]
    assert download["continue-on-error"] is True
    posting = job["steps"][-1]
    assert "if" not in posting  # `pr comment` says so where there is no report: test_github.py
    assert posting["env"]["REPORT"].endswith("/cellctl-report.json")


def test_one_variable_keeps_the_code_of_branches_away_from_the_role() -> None:
    assert jobs(PREVIEW)["preview"]["if"].startswith("vars.CELLCTL_CODE != 'base' && ")
    assert "(vars.CELLCTL_CODE == 'base' || " in jobs(COMMENT)["fork"]["if"]


def test_scripts_take_foreign_words_from_the_environment_only_and_parse() -> None:
    scripts = [step["run"] for _, step in steps() if "run" in step]
    assert [script for script in scripts if "${{" in script] == []
    for script in scripts:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize("place", ["action", f"{COMMENT}.comment"])
def test_the_commands_exist_with_their_options(place: str) -> None:
    script = [step["run"] for name, step in steps() if name == place and "run" in step][-1]
    words = ["pr", *re.findall(r"\bpr (preview|comment)\b", script)[:1]]
    at = typer.main.get_command(app)
    for word in words:
        assert isinstance(at, typer.core.TyperGroup)
        at = at.get_command(None, word)
    known = {option for parameter in at.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z][a-z-]*", script)) <= known
