"""A forge that counts requests: the real client waits as long as the forge asks, within a bound, and loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import fleets
import pytest

from cellctl.errors import ForgeError
from cellctl.pull_request import azure_devops, github, gitlab
from cellctl.pull_request.azure_devops import AzureDevOps, AzurePullRequest
from cellctl.pull_request.github import GitHub, PullRequest
from cellctl.pull_request.gitlab import GitLab, MergeRequest
from cellctl.pull_request.ports import Forge
from cellctl.pull_request.posting import post
from cellctl.testing import FakeAzureDevOps, FakeGitHub, FakeGitLab
from cellctl.testing.loopback import Loopback

BOUND_S = 120.0


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.at, self.slept = 1_000_000.0, 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.slept += seconds


def on_github(clock: Clock) -> tuple[FakeGitHub, Callable[[], Forge]]:
    server = FakeGitHub()
    server.token("t", login="github-actions[bot]")
    of = PullRequest(repository=server.repository, number=7, commit=server.commit)
    for _ in range(350):
        server.say("somebody", "words")
    return server, lambda: GitHub(
        http=github.client("t", api=server.url), of=of, sleep=clock.sleep, now=clock.now
    )  # fmt: skip


def on_gitlab(clock: Clock) -> tuple[FakeGitLab, Callable[[], Forge]]:
    server = FakeGitLab()
    server.token("t", user=5)
    of = MergeRequest(project=server.project, number=7, commit=server.commit)
    for _ in range(350):
        server.say(9, "words")
    return server, lambda: GitLab(http=gitlab.client("t", api=server.url), of=of, sleep=clock.sleep, now=clock.now)


def on_azure_devops(clock: Clock) -> tuple[FakeAzureDevOps, Callable[[], Forge]]:
    server = FakeAzureDevOps()
    server.token("t", user="build")
    of = AzurePullRequest(project=server.project, repository=server.repository, number=7, commit=server.commit)
    for _ in range(350):
        server.say("somebody", "words")
    return server, lambda: AzureDevOps(
        http=azure_devops.client("t", organisation=server.url), of=of, sleep=clock.sleep, now=clock.now
    )  # fmt: skip


Made = tuple[Clock, Loopback, Callable[[], Forge]]


@pytest.fixture(params=[on_github, on_gitlab, on_azure_devops])
def made(request: pytest.FixtureRequest) -> Iterator[Made]:
    clock = Clock()
    server, forge = request.param(clock)
    with server:
        yield clock, server, forge


def texts(server: Loopback) -> list[str]:
    """Return every comment that is there, whatever the forge calls it."""
    rows = next(getattr(server, name) for name in ("comments", "notes", "threads") if hasattr(server, name))
    return [str(row) for row in rows]


def test_it_goes_on_after_each_wait_and_writes_once(made: Made) -> None:
    clock, server, forge = made
    server.limit(3, 20.0, now=clock.now)
    with forge() as there:
        assert post(there, fleets.report(iter([fleets.upgrade("acme", same=1)]))) == "created"
    assert sum("cellctl:pr-preview" in text for text in texts(server)) == 1
    assert len(texts(server)) == 351
    assert server.refused >= 2  # it met the limit, each time once: it never asks before the time
    assert server.refused * 20.0 >= clock.slept > (server.refused - 1) * 20.0
    assert clock.slept <= BOUND_S


def test_a_wait_beyond_the_bound_is_an_error_in_words(made: Made) -> None:
    clock, server, forge = made
    server.limit(2, 3600.0, now=clock.now)
    with forge() as there, pytest.raises(ForgeError) as stopped:
        post(there, fleets.report(iter([fleets.upgrade("acme", same=1)])))
    assert stopped.value.code == "forge_unreachable"
    assert "it wants a wait of 3600 s; run it again then" in stopped.value.hint
    assert (server.refused, clock.slept) == (1, 0.0)
    assert not any("cellctl:pr-preview" in text for text in texts(server))


def test_many_short_waits_are_bounded_together(made: Made) -> None:
    clock, server, forge = made
    server.limit(1, 50.0, now=clock.now)
    with forge() as there, pytest.raises(ForgeError):
        post(there, fleets.report(iter([fleets.upgrade("acme", same=1)])))
    assert 0 < clock.slept <= BOUND_S
