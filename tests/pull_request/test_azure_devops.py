"""The same comment on Azure DevOps, with the real client over HTTP against one that enforces what the real one does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import fleets
import pytest
import yaml
from test_pr_cli import cellctl

from cellctl.errors import ForgeError
from cellctl.pull_request.azure_devops import CLOSED, AzureDevOps, AzurePullRequest, client
from cellctl.pull_request.posting import post
from cellctl.pull_request.report import Report
from cellctl.pull_request.report_file import report_json
from cellctl.testing import FakeAzureDevOps, Limited

TEMPLATE = Path(__file__).resolve().parents[2] / "deploy" / "azure-devops" / "cellctl-preview.yml"


@pytest.fixture
def server() -> Iterator[FakeAzureDevOps]:
    with FakeAzureDevOps(project="Fleet of cells") as made:
        made.token("t", user="build")
        yield made


def posted(server: FakeAzureDevOps, report: Report, token: str = "t", number: int = 7) -> tuple[str, list[float]]:
    """Post a report; return what became of the thread, and the waits."""
    slept: list[float] = []
    of = AzurePullRequest(
        project=server.project, repository=server.repository, number=number, commit=server.commit
    )  # fmt: skip
    with AzureDevOps(http=client(token, organisation=server.url), of=of, sleep=slept.append) as forge:
        return post(forge, report), slept


def made(*names: str) -> Report:
    return fleets.report(iter([fleets.upgrade(name, same=1) for name in names]))


def first(thread: dict) -> dict:
    return thread["comments"][0]


def test_one_thread_is_written_anew_among_many_of_others(server: FakeAzureDevOps) -> None:
    assert posted(server, made("acme")) == ("created", [])
    (ours,) = server.threads
    text = first(ours)["content"]
    assert ours["status"] == CLOSED  # a policy on open comments does not wait for it
    for _ in range(250):
        server.say("somebody", text)
    server.threads.append(server.threads.pop(0))  # behind two continuation tokens
    server.say("build", "another comment of the build service")
    server.answer_next(Limited(429, {"Retry-After": "4"}))
    assert posted(server, made("bert", "zoe")) == ("updated", [4.0])
    assert posted(server, made("bert", "zoe"))[0] == "unchanged"
    assert posted(server, fleets.report(iter([fleets.losing("acme")])))[0] == "updated"
    assert len(server.threads) == 252
    assert [thread["id"] for thread in server.threads if first(thread)["content"] != text][:1] == [ours["id"]]
    assert [status["state"] for status in server.statuses] == ["succeeded", "succeeded", "succeeded", "failed"]
    assert {str(status["context"]) for status in server.statuses} == {
        "{'name': 'cellctl preview', 'genre': 'cellctl'}"
    }  # fmt: skip
    first(ours)["isDeleted"] = True
    assert posted(server, made("acme"))[0] == "created"


def test_the_check_belongs_to_the_commit_that_was_previewed(server: FakeAzureDevOps) -> None:
    server.iterations.append({"id": 2, "sourceRefCommit": {"commitId": "d" * 40}})
    with pytest.raises(ForgeError, match="another commit as its head"):
        posted(server, made("acme"))
    assert server.statuses == []


def test_refusals_are_words_with_a_remedy(server: FakeAzureDevOps) -> None:
    server.token("fork", user="build", writes=False)
    cases = [("fork", 7, "forge_forbidden"), ("t", 8, "forge_not_found"), ("no-such-token", 7, "forge_failed")]
    for token, number, code in cases:
        with pytest.raises(ForgeError) as refused:
            posted(server, made("acme"), token, number)
        assert refused.value.code == code
        assert refused.value.hint
    for project in ("a/../b", "a?b", "..", ""):
        with pytest.raises(ForgeError):
            AzurePullRequest(project=project, repository="cells", number=1, commit="c" * 40)


def test_the_template_previews_without_rights_to_write_and_posts_a_report_as_data(
    server: FakeAzureDevOps, tmp_path: Path
) -> None:
    """What the template runs is run here, with the variables that its steps have."""
    (tmp_path / "report.json").write_text(json.dumps(report_json(made("acme"))))
    stages = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))["stages"]
    jobs = {job["job"]: job for stage in stages for job in stage["jobs"]}
    for name in ("preview", "fork"):  # these run foreign code or read foreign files
        assert "SYSTEM_ACCESSTOKEN" not in json.dumps(jobs[name])
    assert "System.PullRequest.IsFork" in jobs["preview"]["condition"]
    assert "--files-only" in json.dumps(jobs["fork"])
    assert "refs/heads/main" in jobs["fork"]["condition"]
    installs = [str(step.get("bash")) for step in jobs["comment"]["steps"]]
    assert installs.index('git checkout --quiet "origin/$SYSTEM_PULLREQUEST_TARGETBRANCHNAME"') < installs.index(
        "python -m pip install -r requirements.txt"
    )
    for name in ("preview", "fork"):  # one run makes the report for programs and the page for people
        assert "--output-file report/report.json --page report/report.html" in json.dumps(jobs[name])
        assert {"publish": "report", "artifact": "cellctl", "condition": "not(canceled())"} in jobs[name]["steps"]
    for name in ("comment", "comment_fork"):
        (download,) = [step for step in jobs[name]["steps"] if "download" in step]
        assert download["continueOnError"] is True
    step = jobs["comment"]["steps"][-1]
    assert step["env"] == {"SYSTEM_ACCESSTOKEN": "$(System.AccessToken)"}
    words = step["bash"].split("cellctl ", 1)[1].replace("$(Pipeline.Workspace)/cellctl/", "").split()
    environment = {
        "SYSTEM_ACCESSTOKEN": "t", "SYSTEM_COLLECTIONURI": f"{server.url}/", "SYSTEM_TEAMPROJECTID": server.project,
        "BUILD_REPOSITORY_ID": server.repository, "SYSTEM_PULLREQUEST_PULLREQUESTID": "7",
        "SYSTEM_PULLREQUEST_SOURCECOMMITID": server.commit,
    }  # fmt: skip
    done = cellctl(tmp_path, *words, **environment)
    assert done.returncode == 0, done.stderr
    assert len(server.threads) == 1
    assert cellctl(tmp_path, *words).returncode == 2
    (tmp_path / "report.json").unlink()  # the preview crashed
    assert cellctl(tmp_path, *words, **environment).returncode == 2
    assert "the preview failed, no plan is known" in first(server.threads[0])["content"]
    assert (server.statuses[-1]["state"], server.statuses[-1]["description"]) == (
        "failed", "the preview failed, no plan is known",
    )  # fmt: skip
