"""The GitLab template: the token is where no foreign code runs, forks are data, and what it runs exists and works."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import fleets
import pytest
import typer.core
import typer.main
import yaml
from test_pr_cli import cellctl

from cellctl.cli.app import app
from cellctl.pull_request.report_file import report_json
from cellctl.testing import FakeGitLab

TEMPLATE = Path(__file__).resolve().parents[2] / "deploy" / "gitlab" / "cellctl-preview.yml"
PREVIEW, COMMENT, FORK, COMMENT_FORK = (
    "cellctl preview",
    "cellctl comment",
    "cellctl preview fork",
    "cellctl comment fork",
)
JOBS = (PREVIEW, COMMENT, FORK, COMMENT_FORK)


def jobs() -> dict[str, dict]:
    """Return every job with what it takes over from those it extends, as GitLab merges them."""
    found = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))

    def whole(name: str) -> dict:
        job = found[name]
        return {**whole(job["extends"]), **job} if "extends" in job else job

    return {name: whole(name) for name in found if name.startswith("cellctl ")}


def script(job: dict) -> list[str]:
    return [*job.get("before_script", []), *job["script"]]


def test_the_token_is_only_where_no_foreign_code_runs() -> None:
    assert set(jobs()) == set(JOBS)
    with_token = [name for name, job in jobs().items() if "environment" in job]
    assert with_token == [COMMENT, COMMENT_FORK]
    assert {jobs()[name]["environment"]["name"] for name in with_token} == {"cellctl-comment"}
    assert [name for name, job in jobs().items() if "id_tokens" in job] == [PREVIEW, FORK]
    posting = script(jobs()[COMMENT])
    checkout, install = (
        posting.index("git checkout --quiet --detach FETCH_HEAD"),
        posting.index("python -m pip install -r requirements.txt"),
    )
    assert checkout < install  # the target's code, not the branch's
    assert "GITLAB_TOKEN" not in "".join(line for name in JOBS for line in script(jobs()[name]))


def test_forks_are_data_and_their_pipelines_run_on_the_default_branch_only() -> None:
    own = "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID"
    for name in (PREVIEW, COMMENT):
        (rule,) = jobs()[name]["rules"]
        assert own in rule["if"]
        assert '$CELLCTL_CODE != "base"' in rule["if"]
    for name in (FORK, COMMENT_FORK):
        (rule,) = jobs()[name]["rules"]
        assert rule["if"] == '$CELLCTL_FORK && $CI_PIPELINE_SOURCE == "web" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH'
    assert "--files-only" in jobs()[FORK]["script"][-1]
    assert "checkout" not in "".join(script(jobs()[FORK]))
    early, *_ = (number for number, line in enumerate(script(jobs()[FORK])) if "git fetch" in line)
    assert "git remote remove origin" in script(jobs()[FORK])[early]  # before anything is installed


def test_a_preview_that_failed_is_commented_too_and_both_forms_are_kept() -> None:
    for name, before in ((COMMENT, PREVIEW), (COMMENT_FORK, FORK)):
        assert jobs()[name]["rules"][0]["when"] == "always"
        assert jobs()[name]["needs"] == [{"job": before, "artifacts": True}]
        assert jobs()[before]["artifacts"]["when"] == "always"
        assert jobs()[before]["artifacts"]["paths"] == ["report/"]
        assert "--output-file report/report.json --page report/report.html" in jobs()[before]["script"][-1]


@pytest.mark.parametrize("name", JOBS)
def test_scripts_parse_and_the_commands_exist_with_their_options(name: str) -> None:
    lines = script(jobs()[name])
    subprocess.run(["bash", "-n"], input="\n".join(lines), text=True, check=True)
    words = ["pr", *re.findall(r"\bpr (preview|comment)\b", lines[-1])[:1]]
    at = typer.main.get_command(app)
    for word in words:
        assert isinstance(at, typer.core.TyperGroup)
        at = at.get_command(None, word)
    known = {option for parameter in at.params for option in parameter.opts}
    assert set(re.findall(r"--[a-z][a-z-]*", lines[-1].replace("$(cat report/commit.txt)", ""))) <= known


@pytest.mark.parametrize("number", ["7; true", "-1", "x"])
def test_a_number_that_is_none_stops_before_anything_is_fetched(number: str, tmp_path: Path) -> None:
    (text,) = [line for line in script(jobs()[FORK]) if "git fetch" in line]
    environment = {"CELLCTL_FORK": number, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["bash", "-e", "-c", text], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode != 0
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(("name", "crashed"), [(COMMENT, False), (COMMENT, True), (COMMENT_FORK, False)])
def test_what_the_comment_job_runs_writes_the_comment(name: str, crashed: bool, tmp_path: Path) -> None:
    made = fleets.report(iter([fleets.upgrade("acme", same=1)]))
    with FakeGitLab() as server:
        server.token("t", user=5)
        (tmp_path / "report").mkdir()
        (tmp_path / "report" / "commit.txt").write_text(f"{server.commit}\n")
        if not crashed:
            (tmp_path / "report" / "report.json").write_text(json.dumps(report_json(made)))
        line = jobs()[name]["script"][-1].replace("$CELLCTL_FORK", "7")
        words = shlex.split(line.replace("$(cat report/commit.txt)", server.commit))[1:]
        environment = {"GITLAB_TOKEN": "t", "CI_API_V4_URL": server.url, "CI_PROJECT_ID": server.project}
        if name == COMMENT:
            environment |= {"CI_MERGE_REQUEST_IID": "7", "CI_COMMIT_SHA": server.commit}
        done = cellctl(tmp_path, *words, **environment)
        assert done.returncode == (2 if crashed else 0), done.stderr
        (note,), (status,) = server.notes, server.statuses
    assert ("the preview failed, no plan is known" in str(note["body"])) == crashed
    assert status["state"] == ("failed" if crashed else "success")
