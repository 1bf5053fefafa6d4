"""An Azure DevOps to test against: threads, iterations and statuses of a pull request over HTTP on loopback.

    with FakeAzureDevOps() as azure:
        azure.token("t", user="build-service")
        AzureDevOps(http=client("t", organisation=azure.url), of=AzurePullRequest(...))

It keeps what is written in `threads` and `statuses`, and refuses what Azure DevOps refuses: a request without
`api-version`, comments over 150,000 characters, tokens that may only read (as in builds of forks), comments of somebody
else, statuses of an iteration that is not there. Lists go on with a continuation token after 100. A token that it does
not know gets a page to sign in (203). Azure DevOps counts load in five minutes, not requests; here it is 200 requests
(`limit` sets another number): 429 with `Retry-After` and `X-RateLimit-Remaining: 0`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote, urlsplit

from cellctl.testing.loopback import Answer, Loopback

_COMMENT, _DESCRIPTION, _PAGE = 150_000, 255, 100
_STATES = ("notSet", "pending", "succeeded", "failed", "error", "notApplicable", "partiallySucceeded")


class FakeAzureDevOps(Loopback):
    """One repository with one pull request. Use as a context manager; `url` is the organisation's address."""

    usual = (200, 300.0)

    def __init__(
        self, project: str = "Fleet", repository: str = "cells", number: int = 7, commit: str = "c" * 40
    ) -> None:
        super().__init__()
        self.project, self.repository, self.number, self.commit = project, repository, number, commit
        self.iterations: list[dict[str, object]] = [{"id": 1, "sourceRefCommit": {"commitId": commit}}]
        self.threads: list[dict[str, object]] = []
        self.statuses: list[dict[str, object]] = []
        self._tokens: dict[str, tuple[str, bool]] = {}
        self._ids = itertools.count(1000)

    def token(self, text: str, *, user: str, writes: bool = True) -> None:
        """Accept a token of an identity; `writes` False is what a build for a fork's pull request gets."""
        self._tokens[text] = (user, writes)

    def say(self, user: str, body: str) -> None:
        """Let somebody write a thread."""
        self._written(user, body, {})

    def over_rate(self) -> Answer:
        """Refuse as Azure DevOps does; of a limit it speaks only to those near it."""
        rate = self.rate
        told = {"Retry-After": str(rate.wait_s), "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(rate.resets_at)}
        return Answer(429, {"message": "TF400733: Request was blocked due to exceeding usage of resource."}, told)

    def respond(self, method: str, target: str, headers: Mapping[str, str], body: dict[str, object]) -> Answer:
        """Answer as Azure DevOps does."""
        user, writes = self._tokens.get(headers.get("authorization", "").removeprefix("Bearer "), ("", False))
        if not user:
            return Answer(203, "Azure DevOps Services | Sign In")
        path, query = unquote(urlsplit(target).path), parse_qs(urlsplit(target).query)
        if not query.get("api-version"):
            return _wrong(400, "No api-version was supplied for the request.")
        if path == "/_apis/connectionData":
            return Answer(200, {"authenticatedUser": {"id": user}})
        root = f"/{self.project}/_apis/git/repositories/{self.repository}/pullRequests/{self.number}/"
        if not path.startswith(root):
            return _wrong(404, "TF401180: The requested pull request was not found.")
        if method != "GET" and not writes:
            return _wrong(403, "TF401027: You need the Git 'PullRequestContribute' permission to perform this action.")
        return self._in_pull_request(method, path.removeprefix(root), query, user, body)

    def _in_pull_request(
        self, method: str, path: str, query: Mapping[str, list[str]], user: str, body: dict[str, object]
    ) -> Answer:
        if method == "GET" and path in ("threads", "iterations"):
            return _page(self.threads if path == "threads" else self.iterations, query)
        if (method, path) == ("POST", "threads"):
            comments = body.get("comments")
            first = comments[0] if isinstance(comments, list) and comments else {}
            return self._write(user, str(first.get("content") or ""), body)
        if method == "PATCH" and (found := re.fullmatch(r"threads/(\d+)/comments/(\d+)", path)):
            return self._edit(int(found[1]), int(found[2]), user, str(body.get("content") or ""))
        if (method, path) == ("POST", "statuses"):
            return self._status(body)
        return _wrong(404, "VS800075: The resource was not found.")

    def _write(self, user: str, text: str, body: Mapping[str, object]) -> Answer:
        if not 0 < len(text) <= _COMMENT:
            return _wrong(400, "The comment's content is empty or too long.")
        return Answer(200, self._written(user, text, body))

    def _written(self, user: str, text: str, body: Mapping[str, object]) -> dict[str, object]:
        comment = {"id": 1, "parentCommentId": 0, "content": text, "author": {"id": user}, "commentType": "text"}
        made = {"id": next(self._ids), "status": body.get("status", 1), "comments": [comment], "isDeleted": False}
        self.threads.append(made)
        return made

    def _edit(self, number: int, comment_id: int, user: str, text: str) -> Answer:
        rows = next((thread["comments"] for thread in self.threads if thread["id"] == number), [])
        assert isinstance(rows, list)
        comment = next((row for row in rows if row["id"] == comment_id), None)
        if comment is None:
            return _wrong(404, "The comment was not found.")
        if comment["author"] != {"id": user}:
            return _wrong(403, "TF401181: Only the author of a comment may edit it.")
        if not 0 < len(text) <= _COMMENT:
            return _wrong(400, "The comment's content is empty or too long.")
        comment["content"] = text
        return Answer(200, comment)

    def _status(self, body: dict[str, object]) -> Answer:
        context = body.get("context")
        named = isinstance(context, dict) and bool(context.get("name"))
        if body.get("state") not in _STATES or not named or len(str(body.get("description") or "")) > _DESCRIPTION:
            return _wrong(400, "The status is not valid.")
        if body.get("iterationId") not in [row["id"] for row in self.iterations]:
            return _wrong(404, "The iteration was not found.")
        self.statuses.append(body)
        return Answer(200, {**body, "id": len(self.statuses)})


def _page(rows: list[dict[str, object]], query: Mapping[str, list[str]]) -> Answer:
    start = int(query.get("continuationToken", ["0"])[0])
    more = {"x-ms-continuationtoken": str(start + _PAGE)} if start + _PAGE < len(rows) else {}
    page = rows[start : start + _PAGE]
    return Answer(200, {"value": page, "count": len(page)}, more)


def _wrong(status: int, message: str) -> Answer:
    return Answer(status, {"$id": "1", "message": message, "typeKey": "Exception"})
