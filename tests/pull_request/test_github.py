"""The sticky comment and the check, with the real client over HTTP against a GitHub that enforces GitHub's limits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fleets
import httpx
import pytest
from test_looking import Site
from test_pr_cli import cellctl

from cellctl.errors import EngineError, ForgeError
from cellctl.pull_request.azure_devops import AzureDevOps
from cellctl.pull_request.comment import comment
from cellctl.pull_request.github import GitHub, PullRequest, client, find_pull_request
from cellctl.pull_request.gitlab import GitLab
from cellctl.pull_request.posting import NO_PLAN, check_of, post, post_failure
from cellctl.pull_request.report import Note, Report
from cellctl.pull_request.report_file import report_json
from cellctl.pull_request.words import marker
from cellctl.testing import FakeGitHub, Limited

BOT = "github-actions[bot]"
CLIENTS: list[httpx.Client] = []


@pytest.fixture
def server() -> Iterator[FakeGitHub]:
    with FakeGitHub() as made:
        made.token("t", login=BOT)
        yield made
    while CLIENTS:
        CLIENTS.pop().close()


class Forge(GitHub):
    """The real client, which notes how long it would wait."""

    def __init__(self, server: FakeGitHub, token: str = "t", number: int = 7) -> None:
        self.slept: list[float] = []
        pull_request = PullRequest(repository=server.repository, number=number, commit=server.commit)
        http = client(token, api=server.url)
        CLIENTS.append(http)
        super().__init__(http=http, of=pull_request, sleep=self.slept.append, now=lambda: 1000.0)


def made(*names: str) -> Report:
    return fleets.report(iter([fleets.upgrade(name, same=1) for name in names]))


def test_one_comment_is_written_anew_and_says_when_nothing_changes_any_more(server: FakeGitHub) -> None:
    forge = Forge(server)
    assert post(forge, made()) == "not needed"
    assert post(forge, made("acme")) == "created"
    assert post(forge, made("acme")) == "unchanged"
    assert post(forge, made("acme", "bert")) == "updated"
    assert post(forge, made()) == "updated"
    (comment,) = server.comments
    assert "Nothing changes any more" in str(comment["body"])
    assert [check["conclusion"] for check in server.checks] == ["success"] * 5


def test_our_comment_is_found_on_a_late_page_and_another_authors_never(server: FakeGitHub) -> None:
    first = post(Forge(server), made("acme"))
    (ours,) = server.comments
    server.comments.clear()
    for number in range(250):
        server.say(f"person-{number}", str(ours["body"]) if number % 50 == 0 else "words")
    server.comments.append(ours)
    for _ in range(60):
        server.say("late", "words")
    assert (first, post(Forge(server), made("bert"))) == ("created", "updated")
    assert len(server.comments) == 311
    assert [item["user"] for item in server.comments if "bert" in str(item["body"])] == [{"login": BOT}]
    assert sum("page=3" in line for line in server.requests) == 1


def test_two_homes_of_a_repository_have_a_comment_each(server: FakeGitHub) -> None:
    for home in (".", "fleet", "."):
        post(Forge(server), replace(made("acme"), home=home))
    assert len(server.comments) == 2


def test_more_notes_than_a_request_may_hold_are_all_published(server: FakeGitHub) -> None:
    notes = tuple(
        Note(file=f"cells/c{number}.yaml", line=number + 1, level="failure" if number == 119 else "notice", title="t",
             message="m") for number in range(120)
    )  # fmt: skip
    Forge(server).publish_check(check_of(replace(made("acme"), notes=notes)))
    kept = server.checks[0]["annotations"]
    assert isinstance(kept, list)
    assert [len(kept), kept[0]["start_line"], kept[0]["annotation_level"]] == [120, 120, "failure"]
    assert [line.split()[0] for line in server.requests] == ["POST", "PATCH", "PATCH"]


@pytest.mark.parametrize("failing", ["refused", "failed"])
def test_a_check_fails_where_the_change_must_not_be_merged(server: FakeGitHub, failing: str) -> None:
    results = {"refused": [fleets.losing("acme")], "failed": [fleets.plan("acme", errored="boom")]}[failing]
    post(Forge(server), fleets.report(iter(results)))
    assert server.checks[0]["conclusion"] == "failure"


def test_the_comment_of_a_large_fleet_fits(server: FakeGitHub) -> None:
    results = [fleets.upgrade(f"c{number}", version=f"{number}\U0001f600" * 20, same=0) for number in range(300)]
    assert post(Forge(server), fleets.report(iter(results))) == "created"


@pytest.mark.parametrize(
    ("answers", "slept"),
    [
        ([Limited(403, {"Retry-After": "7"}, "You have exceeded a secondary rate limit")], [7.0]),
        ([Limited(429, {"Retry-After": "3"}), Limited(502)], [3.0, 4.0]),
        ([Limited(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1030"})], [30.0]),
        ([Limited(403, {}, "You have exceeded a secondary rate limit.")], [60.0]),
    ],
)
def test_it_waits_as_long_as_github_asks(server: FakeGitHub, answers: list[Limited], slept: list[float]) -> None:
    forge = Forge(server)
    server.answer_next(*answers)
    assert post(forge, made("acme")) == "created"
    assert forge.slept == slept
    assert len(server.comments) == 1


def test_it_gives_up_in_words_when_the_wait_is_too_long(server: FakeGitHub) -> None:
    forge = Forge(server)
    server.answer_next(Limited(403, {"Retry-After": "3600"}))
    with pytest.raises(ForgeError, match="GitHub answers 403") as stopped:
        post(forge, made("acme"))
    assert "3600 s" in stopped.value.hint
    assert forge.slept == []


def test_refusals_are_words_with_a_remedy_and_without_the_token(server: FakeGitHub) -> None:
    server.token("fork", login=BOT, writes=False)
    cases = [("fork", 7, "forge_forbidden"), ("t", 8, "forge_not_found"), ("wrong-token-text", 7, "forge_failed")]
    for token, number, code in cases:
        with pytest.raises(ForgeError) as refused:
            post(Forge(server, token, number), made("acme"))
        assert refused.value.code == code
        assert refused.value.hint
        assert token not in str(refused.value) + refused.value.hint or token in ("t", "fork")
    assert server.comments == []


@pytest.mark.parametrize(
    ("repository", "number", "commit"),
    [("a/../b", 1, "c" * 40), ("a/b?x", 1, "c" * 40), ("a/b", 0, "c" * 40), ("a/b", 1, "HEAD")],
)
def test_nothing_foreign_becomes_part_of_an_address(repository: str, number: int, commit: str) -> None:
    with pytest.raises(ForgeError):
        PullRequest(repository=repository, number=number, commit=commit)


def test_the_number_of_a_forks_pull_request_is_asked_by_its_commit(server: FakeGitHub) -> None:
    with client("t", api=server.url) as http:
        found = find_pull_request(http, "octo/cells", owner="somebody", branch="change", commit=server.commit)
        assert found.number == 7
        for branch, commit in (("other&head=somebody:change", server.commit), ("change", "d" * 40)):
            with pytest.raises(ForgeError):
                find_pull_request(http, "octo/cells", owner="somebody", branch=branch, commit=commit)


def test_a_job_posts_a_report_that_another_made(server: FakeGitHub, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(json.dumps(report_json(made("acme"))))
    event = tmp_path / "event.json"
    run = {"head_sha": server.commit, "head_branch": "change", "head_repository": {"owner": {"login": "somebody"}}}
    event.write_text(json.dumps({"workflow_run": run}))
    environment = {
        "GITHUB_TOKEN": "t", "GITHUB_API_URL": server.url, "GITHUB_REPOSITORY": "octo/cells",
        "GITHUB_EVENT_PATH": str(event), "GITHUB_EVENT_NAME": "workflow_run",
    }  # fmt: skip
    done = cellctl(tmp_path, "pr", "comment", "report.json", **environment)
    assert done.returncode == 0, done.stderr
    assert "The comment is created: 1 cell: 2 changes; 1 with an outage." in done.stderr
    assert len(server.comments) == 1
    report.write_text('{"format_version": "2", "base": "$(id)"}')
    assert cellctl(tmp_path, "pr", "comment", "report.json", **environment).returncode == 0
    for claimed in ('{"format_version": "2", "base": 7}', ""):
        report.write_text(claimed)
        assert cellctl(tmp_path, "pr", "comment", "report.json", **environment).returncode == 2
    run["head_sha"] = "d" * 40
    event.write_text(json.dumps({"workflow_run": run}))
    late = cellctl(tmp_path, "pr", "comment", "report.json", **environment)  # of a run that a newer push has stopped
    assert (late.returncode, "a newer commit was pushed meanwhile" in late.stderr) == (0, True)


def test_a_preview_that_left_no_report_is_said_in_the_comment_and_fails_the_check(
    server: FakeGitHub, tmp_path: Path
) -> None:
    post(Forge(server), made("acme"))
    environment = {"GITHUB_TOKEN": "t", "GITHUB_API_URL": server.url, "GITHUB_REPOSITORY": server.repository}
    words = ("pr", "comment", "report.json", "--pull-request", "7", "--commit", server.commit)
    done = cellctl(tmp_path, *words, **environment)
    assert done.returncode == 2, done.stderr
    (comment,) = server.comments
    assert NO_PLAN == "the preview failed, no plan is known"
    assert str(comment["body"]).startswith("<!-- cellctl:pr-preview:")
    assert f"### ⛔ cellctl preview: {NO_PLAN}" in str(comment["body"])
    assert "2 changes" not in str(comment["body"])
    assert (server.checks[-1]["conclusion"], server.checks[-1]["output"]["title"]) == ("failure", NO_PLAN)  # type: ignore[index]
    assert post(Forge(server), made("acme")) == "updated"  # the next run that works


def test_why_a_preview_failed_is_foreign_text(server: FakeGitHub) -> None:
    assert post_failure(Forge(server), ".", "<!-- x --> @org/team\n# head") == "created"
    assert "@org" not in str(server.comments[0]["body"])
    assert "\n# head" not in str(server.comments[0]["body"])


def test_a_preview_that_fails_while_it_would_post_says_so(server: FakeGitHub, tmp_path: Path) -> None:
    site = Site(tmp_path / "repo")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": server.commit}}}))
    environment = {
        "GITHUB_TOKEN": "t", "GITHUB_API_URL": server.url, "GITHUB_REPOSITORY": server.repository,
        "GITHUB_EVENT_PATH": str(event), "GITHUB_EVENT_NAME": "pull_request",
    }  # fmt: skip
    done = cellctl(site.home, "pr", "preview", "--base", "nowhere", "--post", "github", **environment)
    assert done.returncode == 2, done.stderr
    (comment,), (check,) = server.comments, server.checks
    assert NO_PLAN in str(comment["body"])
    assert "there is no commit" in str(comment["body"])
    assert check["conclusion"] == "failure"
    assert marker("fleet") in str(comment["body"])  # the comment of this home, not of another one


@pytest.mark.parametrize("forge", [GitHub, GitLab, AzureDevOps])
def test_where_the_rest_is_found_is_true_on_each_forge(forge: type[GitHub] | type[GitLab] | type[AzureDevOps]) -> None:
    errors = [(f"e{number}", EngineError(f"reason {number} " + "x" * 900)) for number in range(100)]
    body = comment(fleets.report(iter(errors)), full_text=forge.full_text)
    assert re.search(rf"more reasons, of \d+ more cells; all of them are in {re.escape(forge.full_text)}$", body, re.M)
    assert ("summary" in body) == (forge is GitHub)
