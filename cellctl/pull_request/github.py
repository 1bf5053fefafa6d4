"""GitHub as a Forge, over its REST API: one pull request of one repository.

Limits (docs.github.com, REST API, read 2026-11-28): 100 items a page, 65,536 characters of a comment, 65,535 of a
check's summary, 50 annotations a request, more by PATCH; after a secondary rate limit the `Retry-After` seconds, else
at `x-ratelimit-reset`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from cellctl.errors import ForgeError
from cellctl.pull_request import asking
from cellctl.pull_request.asking import Asking, Json
from cellctl.pull_request.budget import size
from cellctl.pull_request.escaping import visible
from cellctl.pull_request.ports import Check, Posted
from cellctl.pull_request.report import Note

COMMENT_CHARACTERS = 65_536
SUMMARY_CHARACTERS = 65_535
ANNOTATIONS = 50
NOTE_TITLE_CHARACTERS, NOTE_CHARACTERS = 255, 16_000  # of 255 and 64 KB
_REMEDY = "permissions: pull-requests: write, checks: write; for forks docs/guides/pull-requests.md"


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequest:
    """Which pull request: `repository` is OWNER/NAME, `commit` the head in hex."""

    repository: str
    number: int
    commit: str

    def __post_init__(self) -> None:
        """Refuse what is none, so that nothing foreign becomes part of a URL."""
        named = re.fullmatch(r"[\w.-]{1,100}/[\w.-]{1,100}", self.repository) and ".." not in self.repository
        if not (named and self.number > 0 and re.fullmatch(r"[0-9a-f]{40,64}", self.commit)):
            raise ForgeError("this is no pull request of GitHub", hint="OWNER/NAME, a number and a commit are needed")


def client(token: str, *, api: str = "https://api.github.com") -> httpx.Client:
    """Return an HTTP client that sends `token` to GitHub's API and nowhere else."""
    accept, version = "application/vnd.github+json", "2022-11-28"
    return asking.client(api, {"Authorization": f"Bearer {token}", "Accept": accept, "X-GitHub-Api-Version": version})


class GitHub:
    """A pull request on GitHub. Use as a context manager. `sleep` and `now` are for tests."""

    comment_limit = COMMENT_CHARACTERS - 536
    full_text = "the summary of the preview's job"

    def __init__(
        self,
        *,
        http: httpx.Client,
        of: PullRequest,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.http, self.of = http, of
        self._ask = Asking(http=http, name="GitHub", remedy=_REMEDY, sleep=sleep, now=now)
        self._repository = f"repos/{of.repository}"

    def __enter__(self) -> GitHub:
        """Use it, then close its connections."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close its connections."""
        self.http.close()

    def find_comment(self, marker: str) -> Posted | None:
        """Return our own comment that begins with `marker`; the oldest if there are several."""
        author = self._login()
        for comment in self._ask.pages(f"{self._repository}/issues/{self.of.number}/comments"):
            user, body, number = comment.get("user"), comment.get("body"), comment.get("id")
            own = isinstance(user, Mapping) and user.get("login") == author
            if own and isinstance(body, str) and body.startswith(marker) and isinstance(number, int):
                return Posted(id=number, body=body)
        return None

    def create_comment(self, body: str) -> None:
        """Write a new comment."""
        self._ask.send("POST", f"{self._repository}/issues/{self.of.number}/comments", {"body": body})

    def update_comment(self, id_: int, body: str) -> None:
        """Write a comment of ours anew."""
        self._ask.send("PATCH", f"{self._repository}/issues/comments/{id_}", {"body": body})

    def publish_check(self, check: Check) -> None:
        """Publish a check run on the head commit, its notes in as many requests as they need."""
        notes = [_annotation(note) for note in check.notes]
        output = {"title": visible(check.title, NOTE_TITLE_CHARACTERS), "summary": _fitting(check.summary)}
        body: Json = {
            "name": check.name,
            "head_sha": self.of.commit,
            "status": "completed",
            "conclusion": check.conclusion,
            "output": {**output, "annotations": notes[:ANNOTATIONS]},
        }
        made = self._ask.send("POST", f"{self._repository}/check-runs", body)
        for start in range(ANNOTATIONS, len(notes), ANNOTATIONS):
            more = {"output": {**output, "annotations": notes[start : start + ANNOTATIONS]}}
            self._ask.send("PATCH", f"{self._repository}/check-runs/{made.get('id')}", more)

    def pulls(self, head: str) -> Iterator[Json]:
        """Yield the open pull requests from `OWNER:BRANCH`."""
        return self._ask.pages(f"{self._repository}/pulls?state=open&head={quote(head, safe=':')}")

    def _login(self) -> str:
        """Return who the token is: a person, or an app such as `github-actions[bot]`, which REST does not tell."""
        told = self._ask.send("POST", self._graphql, {"query": "query { viewer { login } }"})
        data = told.get("data")
        viewer = data.get("viewer") if isinstance(data, Mapping) else None
        login = viewer.get("login") if isinstance(viewer, Mapping) else None
        if not isinstance(login, str) or not login:
            raise ForgeError("GitHub does not say whose token this is", hint="use the workflow's own GITHUB_TOKEN")
        return login

    @property
    def _graphql(self) -> str:
        """Of GitHub Enterprise the API is at `/api/v3` and GraphQL at `/api/graphql`."""
        return f"{str(self.http.base_url).rstrip('/').removesuffix('/v3')}/graphql"


def find_pull_request(http: httpx.Client, repository: str, *, owner: str, branch: str, commit: str) -> PullRequest:
    """Return the open pull request whose head is this commit of this branch: asked of GitHub, so nobody can claim it.

    Raises:
        ForgeError: There is none, or not any more (code `forge_superseded`).
    """
    github = GitHub(http=http, of=PullRequest(repository=repository, number=1, commit=commit))
    for found in github.pulls(f"{owner}:{branch}"):
        head, number = found.get("head"), found.get("number")
        if isinstance(head, Mapping) and head.get("sha") == commit and isinstance(number, int):
            return PullRequest(repository=repository, number=number, commit=commit)
    raise ForgeError(
        "no open pull request has this commit as its head",
        hint="a newer commit was pushed meanwhile: its own run will comment",
        code="forge_superseded",
    )


def _annotation(note: Note) -> dict[str, object]:
    return {
        "path": note.file,
        "start_line": note.line,
        "end_line": note.line,
        "annotation_level": note.level,
        "title": visible(note.title, NOTE_TITLE_CHARACTERS),
        "message": visible(note.message, NOTE_CHARACTERS),
    }


def _fitting(text: str) -> str:
    """Return a summary that fits; one that does not was made for another limit."""
    if size(text) > SUMMARY_CHARACTERS:
        raise ForgeError("the summary of the check is too long for GitHub")
    return text
