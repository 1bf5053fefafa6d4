"""Azure DevOps as a Forge, over its REST API 7.1: one pull request of one Git repository.

A comment is the first of a thread, closed so that a policy on unresolved comments never waits for it; the check is a
status of the iteration that has our commit. Shapes: learn.microsoft.com, Azure DevOps REST API (Git: pull request
threads, iterations, statuses; Core: connection data), from memory, 2026-11-29. Not documented, and set with room:
150,000 characters of a comment, 255 of a status' description. Lists that go on say so with `x-ms-continuationtoken`;
whoever asks too much gets 429 with `Retry-After`; a token that is none gets a page to sign in, 203 or 302.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from cellctl.errors import ForgeError
from cellctl.pull_request import asking
from cellctl.pull_request.asking import Asking, Json
from cellctl.pull_request.escaping import visible
from cellctl.pull_request.ports import Check, Posted

COMMENT_CHARACTERS = 150_000
DESCRIPTION_CHARACTERS = 255
CLOSED, TEXT = 4, 1
_VERSION = "api-version=7.1"
_REMEDY = (
    "give the build service 'Contribute to pull requests' on the repository, and the step env: "
    "{SYSTEM_ACCESSTOKEN: $(System.AccessToken)}; builds of forks: docs/guides/pull-requests.md"
)
_STATES = {"success": "succeeded", "neutral": "notApplicable", "failure": "failed"}


@dataclass(frozen=True, kw_only=True, slots=True)
class AzurePullRequest:
    """Which pull request: `project` and `repository` are names or ids, `commit` the head of its source in hex."""

    project: str
    repository: str
    number: int
    commit: str

    def __post_init__(self) -> None:
        """Refuse what is none, so that nothing foreign becomes part of a URL."""
        named = all(re.fullmatch(r"[\w. ()-]{1,100}", part) and ".." not in part for part in self._parts)
        if not (named and self.number > 0 and re.fullmatch(r"[0-9a-f]{40,64}", self.commit)):
            raise ForgeError(
                "this is no pull request of Azure DevOps",
                hint="a project, a repository, a number and a commit are needed",
            )

    @property
    def _parts(self) -> tuple[str, str]:
        return self.project, self.repository

    @property
    def path(self) -> str:
        """Where it is in the API of its organisation."""
        project, repository = (quote(part, safe="") for part in self._parts)
        return f"{project}/_apis/git/repositories/{repository}/pullRequests/{self.number}"


def client(token: str, *, organisation: str) -> httpx.Client:
    """Return an HTTP client that sends `token` to one organisation (`https://dev.azure.com/NAME`) and nowhere else."""
    return asking.client(organisation, {"Authorization": f"Bearer {token}", "X-TFS-FedAuthRedirect": "Suppress"})


class AzureDevOps:
    """A pull request on Azure DevOps. Use as a context manager. `sleep` and `now` are for tests."""

    comment_limit = COMMENT_CHARACTERS
    full_text = "the report among the build's artifacts"

    def __init__(
        self,
        *,
        http: httpx.Client,
        of: AzurePullRequest,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.http, self.of = http, of
        self._ask = Asking(http=http, name="Azure DevOps", remedy=_REMEDY, sleep=sleep, now=now)
        self._first: dict[int, int] = {}

    def __enter__(self) -> AzureDevOps:
        """Use it, then close its connections."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close its connections."""
        self.http.close()

    def find_comment(self, marker: str) -> Posted | None:
        """Return our own thread whose first comment begins with `marker`; the oldest if there are several."""
        own = _at(self._ask.get("_apis/connectionData?api-version=7.1-preview"), "authenticatedUser").get("id")
        for thread in self._ask.values(f"{self.of.path}/threads?{_VERSION}"):
            comments = thread.get("comments")
            comment = comments[0] if isinstance(comments, list) and comments else {}
            number, body, thread_id = comment.get("id"), comment.get("content"), thread.get("id")
            ours = own is not None and _at(comment, "author").get("id") == own
            deleted = thread.get("isDeleted") or comment.get("isDeleted")
            found = ours and not deleted and isinstance(body, str) and body.startswith(marker)
            if found and isinstance(thread_id, int) and isinstance(number, int):
                self._first[thread_id] = number
                return Posted(id=thread_id, body=str(body))
        return None

    def create_comment(self, body: str) -> None:
        """Write a new thread."""
        comment = {"parentCommentId": 0, "content": body, "commentType": TEXT}
        self._ask.send("POST", f"{self.of.path}/threads?{_VERSION}", {"comments": [comment], "status": CLOSED})

    def update_comment(self, id_: int, body: str) -> None:
        """Write the first comment of a thread of ours anew."""
        path = f"{self.of.path}/threads/{id_}/comments/{self._first.get(id_, 1)}?{_VERSION}"
        self._ask.send("PATCH", path, {"content": body})

    def publish_check(self, check: Check) -> None:
        """Set the status of the iteration with our commit; it has no room for the notes, which stay in the report.

        Raises:
            ForgeError: A newer commit is the head (code `forge_not_found`): its own run will tell.
        """
        description = visible(check.title, DESCRIPTION_CHARACTERS)
        body: Json = {
            "state": _STATES[check.conclusion],
            "description": description,
            "context": {"name": check.name, "genre": "cellctl"},
            "iterationId": self._iteration(),
        }
        self._ask.send("POST", f"{self.of.path}/statuses?{_VERSION}", body)

    def _iteration(self) -> int:
        """Return the number of the push that made our commit the head."""
        last = ([*self._ask.values(f"{self.of.path}/iterations?{_VERSION}")] or [{}])[-1]
        number = last.get("id")
        if _at(last, "sourceRefCommit").get("commitId") != self.of.commit or not isinstance(number, int):
            raise ForgeError(
                "the pull request has another commit as its head",
                hint="a newer commit was pushed meanwhile: its own run will comment",
                code="forge_not_found",
            )
        return number


def _at(value: Json, key: str) -> Json:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}
