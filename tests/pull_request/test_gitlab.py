"""The same comment on GitLab, with the real client over HTTP against a GitLab that enforces GitLab's limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import fleets
import pytest
from test_pr_cli import cellctl

from cellctl.errors import ForgeError
from cellctl.pull_request.gitlab import GitLab, MergeRequest, client
from cellctl.pull_request.posting import post
from cellctl.pull_request.report import Report
from cellctl.pull_request.report_file import report_json
from cellctl.testing import FakeGitLab, Limited


@pytest.fixture
def server() -> Iterator[FakeGitLab]:
    with FakeGitLab() as made:
        made.token("t", user=5)
        yield made


def posted(server: FakeGitLab, report: Report, token: str = "t", number: int = 7) -> tuple[str, list[float]]:
    """Post a report; return what became of the note, and the waits."""
    slept: list[float] = []
    of = MergeRequest(project=server.project, number=number, commit=server.commit)
    with GitLab(http=client(token, api=server.url), of=of, sleep=slept.append) as forge:
        return post(forge, report), slept


def made(*names: str) -> Report:
    return fleets.report(iter([fleets.upgrade(name, same=1) for name in names]))


def test_one_note_is_written_anew_among_many_of_others(server: FakeGitLab) -> None:
    assert posted(server, made("acme")) == ("created", [])
    (ours,) = server.notes
    server.notes[:0] = [{"id": number, "body": ours["body"], "author": {"id": 9}} for number in range(250)]
    server.answer_next(Limited(429, {"Retry-After": "4"}))
    assert posted(server, made("bert", "zoe")) == ("updated", [4.0])
    assert posted(server, made("bert", "zoe"))[0] == "unchanged"
    assert posted(server, fleets.report(iter([fleets.losing("acme")])))[0] == "updated"
    assert len(server.notes) == 251
    assert [status["state"] for status in server.statuses] == ["success", "success", "success", "failed"]


def test_refusals_are_words_with_a_remedy(server: FakeGitLab) -> None:
    server.token("reads", user=6, writes=False)
    cases = [("reads", 7, "forge_forbidden"), ("t", 8, "forge_not_found"), ("no-such-token", 7, "forge_failed")]
    for token, number, code in cases:
        with pytest.raises(ForgeError) as refused:
            posted(server, made("acme"), token, number)
        assert refused.value.code == code
        assert refused.value.hint
    for project in ("a/../b", "a?b", ""):
        with pytest.raises(ForgeError):
            MergeRequest(project=project, number=1, commit="c" * 40)


def test_a_pipeline_posts_a_report(server: FakeGitLab, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report_json(made("acme"))))
    environment = {
        "GITLAB_TOKEN": "t", "CI_API_V4_URL": server.url, "CI_PROJECT_ID": server.project, "CI_MERGE_REQUEST_IID": "7",
        "CI_COMMIT_SHA": server.commit,
    }  # fmt: skip
    done = cellctl(tmp_path, "pr", "comment", "report.json", "--post", "gitlab", **environment)
    assert done.returncode == 0, done.stderr
    assert len(server.notes) == 1
    assert cellctl(tmp_path, "pr", "comment", "report.json", "--post", "gitlab").returncode == 2
