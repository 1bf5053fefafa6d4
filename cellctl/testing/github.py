"""A GitHub to test against: its API for comments and checks over HTTP on loopback, with its real limits.

    with FakeGitHub() as github:
        github.token("t", login="github-actions[bot]")
        GitHub(http=client("t", api=github.url), of=PullRequest(...))

It keeps what is written in `comments` and `checks`, and refuses what GitHub refuses: pages over 100, comments over
65,536 characters, more than 50 annotations a request, tokens that may only read (as for a fork's pull request), and
more than 5,000 requests an hour (`limit` sets less): 403 with `x-ratelimit-remaining: 0` until `x-ratelimit-reset`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from cellctl.testing.loopback import Answer, Loopback

_COMMENT, _SUMMARY, _NOTES, _PAGE = 65_536, 65_535, 50, 100


@dataclass
class Token:
    """Who a token is, and whether it may write."""

    login: str
    writes: bool = True


class FakeGitHub(Loopback):
    """One repository with one pull request. Use as a context manager; `url` is the API's address."""

    def __init__(self, repository: str = "octo/cells", number: int = 7, commit: str = "c" * 40) -> None:
        super().__init__()
        self.repository, self.number, self.commit, self.head = repository, number, commit, "somebody:change"
        self.comments: list[dict[str, object]] = []
        self.checks: list[dict[str, object]] = []
        self._tokens: dict[str, Token] = {}
        self._ids = itertools.count(1000)

    def token(self, text: str, *, login: str, writes: bool = True) -> None:
        """Accept a token; `writes` False is what a run for a fork's pull request gets."""
        self._tokens[text] = Token(login, writes)

    def say(self, login: str, body: str) -> None:
        """Let somebody write a comment."""
        with self._lock:
            self.comments.append({"id": next(self._ids), "body": body, "user": {"login": login}})

    def rate_headers(self) -> dict[str, str]:
        """Say in every answer what is left of the limit, and until when it holds."""
        rate = self.rate
        return {
            "x-ratelimit-limit": str(rate.requests),
            "x-ratelimit-remaining": str(rate.left),
            "x-ratelimit-reset": str(rate.resets_at),
        }

    def over_rate(self) -> Answer:
        """Refuse without `Retry-After`: of its primary limit GitHub tells only when the next hour begins."""
        return _wrong(403, "API rate limit exceeded for installation.")

    def respond(self, method: str, target: str, headers: Mapping[str, str], body: dict[str, object]) -> Answer:
        """Answer as GitHub does."""
        token = self._tokens.get(headers.get("authorization", "").removeprefix("Bearer "))
        if token is None:
            return _wrong(401, "Bad credentials")
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path == "/graphql":
            return Answer(200, {"data": {"viewer": {"login": token.login}}})
        if not path.startswith(f"/repos/{self.repository}/"):
            return _wrong(404, "Not Found")
        if method != "GET" and not token.writes:
            return _wrong(403, "Resource not accessible by integration")
        return self._in_repository(method, path.removeprefix(f"/repos/{self.repository}/"), query, token, body)

    def _in_repository(
        self, method: str, path: str, query: Mapping[str, list[str]], token: Token, body: dict[str, object]
    ) -> Answer:
        if (method, path) == ("GET", f"issues/{self.number}/comments"):
            return self._list(path, query)
        if (method, path) == ("POST", f"issues/{self.number}/comments"):
            return self._write(None, token, body)
        if method == "PATCH" and (found := re.fullmatch(r"issues/comments/(\d+)", path)):
            return self._write(int(found[1]), token, body)
        if (method, path) == ("GET", "pulls"):
            asked = query.get("head", [""])[0] == self.head and query.get("state") == ["open"]
            return Answer(200, [{"number": self.number, "head": {"sha": self.commit}}] if asked else [])
        if (method, path) == ("POST", "check-runs"):
            return self._check(None, body)
        if method == "PATCH" and (found := re.fullmatch(r"check-runs/(\d+)", path)):
            return self._check(int(found[1]), body)
        return _wrong(404, "Not Found")

    def _list(self, path: str, query: Mapping[str, list[str]]) -> Answer:
        size, page = min(_PAGE, int(query.get("per_page", ["30"])[0])), int(query.get("page", ["1"])[0])
        start = (page - 1) * size
        more = start + size < len(self.comments)
        link = f'<{self.url}/repos/{self.repository}/{path}?page={page + 1}>; rel="next"'
        return Answer(200, self.comments[start : start + size], {"Link": link} if more else {})

    def _write(self, number: int | None, token: Token, body: dict[str, object]) -> Answer:
        text = str(body.get("body") or "")
        if not text:
            return _wrong(422, "body can't be blank")
        if len(text.encode("utf-16-le")) // 2 > _COMMENT:
            return _wrong(422, "body is too long (maximum is 65536 characters)")
        if number is None:
            self.comments.append({"id": next(self._ids), "body": text, "user": {"login": token.login}})
            return Answer(201, self.comments[-1])
        comment = next((item for item in self.comments if item["id"] == number), None)
        if comment is None:
            return _wrong(404, "Not Found")
        if comment["user"] != {"login": token.login}:
            return _wrong(403, "Resource not accessible by integration")
        comment["body"] = text
        return Answer(200, comment)

    def _check(self, number: int | None, body: dict[str, object]) -> Answer:
        output = body.get("output")
        output = output if isinstance(output, dict) else {}
        notes = output.get("annotations")
        notes = notes if isinstance(notes, list) else []
        if len(notes) > _NOTES:
            return _wrong(422, f"No more than {_NOTES} annotations")
        if len(str(output.get("summary") or "").encode("utf-16-le")) // 2 > _SUMMARY or not output.get("summary"):
            return _wrong(422, "summary is too long or missing")
        if any(not item.get("path") or int(item.get("start_line") or 0) < 1 for item in notes):
            return _wrong(422, "an annotation needs a path and a line")
        if number is None:
            if body.get("head_sha") != self.commit:
                return _wrong(422, f"No commit found for SHA: {body.get('head_sha')}")
            self.checks.append({**body, "id": 1 + len(self.checks), "annotations": list(notes)})
            return Answer(201, {"id": len(self.checks)})
        if not 1 <= number <= len(self.checks):
            return _wrong(404, "Not Found")
        kept = self.checks[number - 1]["annotations"]
        assert isinstance(kept, list)
        kept.extend(notes)
        return Answer(200, {"id": number})


def _wrong(status: int, message: str) -> Answer:
    return Answer(status, {"message": message, "documentation_url": "https://docs.github.com/rest"})
