"""GitHub as a Forge, over its REST API: one pull request of one repository.

Limits (docs.github.com, REST API, read 2026-11-28): 100 items a page, 65,536 characters of a comment, 65,535 of a
check's summary, 50 annotations a request, more by PATCH; after a secondary rate limit the `Retry-After` seconds, else
at `x-ratelimit-reset`. The token is sent to the one host of the client, never along a link.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx

from cellctl.errors import ForgeError
from cellctl.pull_request.budget import size
from cellctl.pull_request.ports import Check, Posted
from cellctl.pull_request.report import Note

COMMENT_CHARACTERS = 65_536
SUMMARY_CHARACTERS = 65_535
ANNOTATIONS = 50
_PAGE = 100
_MOST_PAGES = 300
_TRIES = 5
_LONGEST_WAIT_S = 120.0
_LEVELS = {"failure": "failure", "warning": "warning", "notice": "notice"}
_Json = Mapping[str, object]


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


def client(token: str, *, api: str = "https://api.github.com", timeout_s: float = 30.0) -> httpx.Client:
    """Return an HTTP client for one host that sends `token` and follows no redirect."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "User-Agent": "cellctl",
    }
    return httpx.Client(base_url=api.rstrip("/") + "/", headers=headers, timeout=timeout_s, follow_redirects=False)


@dataclass(kw_only=True)
class GitHub:
    """A pull request on GitHub. Use as a context manager. `sleep` and `now` are for tests."""

    http: httpx.Client
    of: PullRequest
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time
    _waited: float = field(default=0.0, init=False)

    def __enter__(self) -> GitHub:
        """Use it, then close its connections."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close its connections."""
        self.http.close()

    @property
    def comment_limit(self) -> int:
        """GitHub's limit, with some to spare."""
        return COMMENT_CHARACTERS - 536

    def find_comment(self, marker: str) -> Posted | None:
        """Return our own comment that begins with `marker`; the oldest if there are several."""
        author = self._login()
        for comment in self._pages(f"{self._repository}/issues/{self.of.number}/comments"):
            user, body, number = comment.get("user"), comment.get("body"), comment.get("id")
            own = isinstance(user, Mapping) and user.get("login") == author
            if own and isinstance(body, str) and body.startswith(marker) and isinstance(number, int):
                return Posted(id=number, body=body)
        return None

    def create_comment(self, body: str) -> None:
        """Write a new comment."""
        self._send("POST", f"{self._repository}/issues/{self.of.number}/comments", {"body": body})

    def update_comment(self, id_: int, body: str) -> None:
        """Write a comment of ours anew."""
        self._send("PATCH", f"{self._repository}/issues/comments/{id_}", {"body": body})

    def publish_check(self, check: Check) -> None:
        """Publish a check run on the head commit, its notes in as many requests as they need."""
        notes = [_annotation(note) for note in check.notes]
        output = {"title": check.title[:255], "summary": _fitting(check.summary)}
        body: dict[str, object] = {
            "name": check.name,
            "head_sha": self.of.commit,
            "status": "completed",
            "conclusion": check.conclusion,
            "output": {**output, "annotations": notes[:ANNOTATIONS]},
        }
        made = self._send("POST", f"{self._repository}/check-runs", body)
        for start in range(ANNOTATIONS, len(notes), ANNOTATIONS):
            more = {"output": {**output, "annotations": notes[start : start + ANNOTATIONS]}}
            self._send("PATCH", f"{self._repository}/check-runs/{made.get('id')}", more)

    def pulls(self, head: str) -> Iterator[_Json]:
        """Yield the open pull requests from `OWNER:BRANCH`."""
        return self._pages(f"{self._repository}/pulls?state=open&head={quote(head, safe=':')}")

    @property
    def _repository(self) -> str:
        return f"repos/{self.of.repository}"

    def _login(self) -> str:
        """Return who the token is: a person, or an app such as `github-actions[bot]`, which REST does not tell."""
        told = self._send("POST", self._graphql, {"query": "query { viewer { login } }"})
        data = told.get("data")
        viewer = data.get("viewer") if isinstance(data, Mapping) else None
        login = viewer.get("login") if isinstance(viewer, Mapping) else None
        if not isinstance(login, str) or not login:
            raise ForgeError("GitHub does not say whose token this is", hint="use the workflow's own GITHUB_TOKEN")
        return login

    @property
    def _graphql(self) -> str:
        """Of GitHub Enterprise the API is at `/api/v3` and GraphQL at `/api/graphql`."""
        base = str(self.http.base_url).rstrip("/")
        return f"{base.removesuffix('/v3')}/graphql"

    def _pages(self, path: str) -> Iterator[_Json]:
        for page in range(1, _MOST_PAGES + 1):
            response = self._answer("GET", f"{path}{'&' if '?' in path else '?'}per_page={_PAGE}&page={page}", None)
            found: object = _json(response)
            if not isinstance(found, list):
                raise ForgeError("GitHub answers something else than a list")
            yield from (item for item in found if isinstance(item, Mapping))
            if 'rel="next"' not in response.headers.get("link", ""):
                return

    def _send(self, method: str, path: str, body: _Json) -> _Json:
        found = _json(self._answer(method, path, body))
        return found if isinstance(found, Mapping) else {}

    def _answer(self, method: str, path: str, body: _Json | None) -> httpx.Response:
        """Return a good answer; wait and try again where GitHub asks for that, or is ill."""
        for attempt in range(1, _TRIES + 1):
            try:
                response = self.http.request(method, path, json=body)
            except httpx.HTTPError as error:
                self._wait(2.0**attempt, attempt, f"GitHub cannot be reached ({type(error).__name__})")
                continue
            if response.is_success:
                return response
            wait = self._asked_wait(response, attempt)
            if wait is None:
                raise _refused(response, method)
            self._wait(wait, attempt, f"GitHub answers {response.status_code}")
        raise ForgeError("GitHub does not answer", code="forge_unreachable")

    def _asked_wait(self, response: httpx.Response, attempt: int) -> float | None:
        """Return how many seconds to wait before trying again, None where that would not help."""
        if response.status_code in (500, 502, 503, 504):
            return 2.0**attempt
        if response.status_code not in (403, 429):
            return None
        after = response.headers.get("retry-after", "")
        if after.isdigit():
            return float(after)
        if response.headers.get("x-ratelimit-remaining") == "0":
            reset = response.headers.get("x-ratelimit-reset", "")
            return max(1.0, float(reset) - self.now()) if reset.isdigit() else 60.0
        return 60.0 if response.status_code == 429 or "secondary rate limit" in response.text.lower() else None

    def _wait(self, seconds: float, attempt: int, why: str) -> None:
        if attempt == _TRIES or self._waited + seconds > _LONGEST_WAIT_S:
            hint = f"it wants a wait of {int(seconds)} s; run it again then"
            raise ForgeError(f"{why}, after {attempt} tries", hint=hint, code="forge_unreachable")
        self._waited += seconds
        self.sleep(seconds)


def _json(response: httpx.Response) -> object:
    try:
        found: object = response.json()
    except ValueError:
        raise ForgeError("GitHub answers something that is no JSON") from None
    return found


def _refused(response: httpx.Response, method: str) -> ForgeError:
    """Return the error for an answer that no retry changes; no text of the answer is repeated."""
    status = response.status_code
    if status == 401:
        return ForgeError("GitHub does not accept the token", hint="GITHUB_TOKEN is missing, wrong or too old")
    if status == 403:
        return ForgeError(
            "the token may not write here, as in every run for a pull request from a fork",
            hint="permissions: pull-requests: write, checks: write; for forks docs/guides/pull-requests.md",
            code="forge_forbidden",
        )
    if status in (404, 410):
        return ForgeError(
            "GitHub knows no such pull request or commit, or the token may not see it",
            hint="check the number, the repository and the token's permissions",
            code="forge_not_found",
        )
    return ForgeError(f"GitHub refuses a {method} request with {status}", code="forge_refused")


def _annotation(note: Note) -> dict[str, object]:
    return {
        "path": note.file,
        "start_line": note.line,
        "end_line": note.line,
        "annotation_level": _LEVELS[note.level],
        "title": note.title[:255],
        "message": note.message[:4000],
    }


def _fitting(text: str) -> str:
    """Return a summary that fits; one that does not was made for another limit."""
    if size(text) > SUMMARY_CHARACTERS:
        raise ForgeError("the summary of the check is too long for GitHub")
    return text


def find_pull_request(http: httpx.Client, repository: str, *, owner: str, branch: str, commit: str) -> PullRequest:
    """Return the open pull request whose head is this commit of this branch: asked of GitHub, so nobody can claim it.

    Raises:
        ForgeError: There is none, or not any more (code `forge_not_found`).
    """
    asking = GitHub(http=http, of=PullRequest(repository=repository, number=1, commit=commit))
    for found in asking.pulls(f"{owner}:{branch}"):
        head, number = found.get("head"), found.get("number")
        if isinstance(head, Mapping) and head.get("sha") == commit and isinstance(number, int):
            return PullRequest(repository=repository, number=number, commit=commit)
    raise ForgeError(
        "no open pull request has this commit as its head",
        hint="a newer commit was pushed meanwhile: its own run will comment",
        code="forge_not_found",
    )
