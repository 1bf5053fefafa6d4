"""A GitLab to test against: its API for notes and commit statuses over HTTP on loopback, with its real limits.

    with FakeGitLab() as gitlab:
        gitlab.token("t", user=5)
        GitLab(http=client("t", api=gitlab.url), of=MergeRequest(...))

It keeps what is written in `notes` and `statuses`, and refuses what GitLab refuses: pages over 100, notes over a
million characters, descriptions over 255, tokens that may only read, notes of somebody else, and more than 2,000
requests a minute (`limit` sets less): 429 with `Retry-After`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from urllib.parse import parse_qs, quote, urlsplit

from cellctl.testing.loopback import Answer, Loopback

_NOTE, _DESCRIPTION, _PAGE = 1_000_000, 255, 100


class FakeGitLab(Loopback):
    """One project with one merge request. Use as a context manager; `url` is the API's address."""

    usual = (2_000, 60.0)

    def __init__(self, project: str = "octo/fleet/cells", number: int = 7, commit: str = "c" * 40) -> None:
        super().__init__()
        self.project, self.number, self.commit = project, number, commit
        self.notes: list[dict[str, object]] = []
        self.statuses: list[dict[str, object]] = []
        self._tokens: dict[str, tuple[int, bool]] = {}
        self._ids = itertools.count(1000)

    def token(self, text: str, *, user: int, writes: bool = True) -> None:
        """Accept a token of a user; `writes` False is one with scope read_api."""
        self._tokens[text] = (user, writes)

    def say(self, user: int, body: str) -> None:
        """Let somebody write a note."""
        self.notes.append({"id": next(self._ids), "body": body, "author": {"id": user}})

    def rate_headers(self) -> dict[str, str]:
        """Say in every answer what is left of the limit, and until when it holds."""
        rate = self.rate
        return {
            "RateLimit-Limit": str(rate.requests),
            "RateLimit-Remaining": str(rate.left),
            "RateLimit-Reset": str(rate.resets_at),
        }

    def respond(self, method: str, target: str, headers: Mapping[str, str], body: dict[str, object]) -> Answer:
        """Answer as GitLab does."""
        user, writes = self._tokens.get(headers.get("private-token", ""), (0, False))
        if not user:
            return Answer(401, {"message": "401 Unauthorized"})
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if (method, path) == ("GET", "/user"):
            return Answer(200, {"id": user})
        root = f"/projects/{quote(self.project, safe='')}/"
        if not path.startswith(root):
            return Answer(404, {"message": "404 Project Not Found"})
        if method != "GET" and not writes:
            return Answer(403, {"error": "insufficient_scope"})
        return self._in_project(method, path.removeprefix(root), query, user, body)

    def _in_project(
        self, method: str, path: str, query: Mapping[str, list[str]], user: int, body: dict[str, object]
    ) -> Answer:
        notes = f"merge_requests/{self.number}/notes"
        if (method, path) == ("GET", notes):
            return self._list(query)
        if (method, path) == ("POST", notes):
            return self._write(None, user, body)
        if method == "PUT" and (found := re.fullmatch(rf"{notes}/(\d+)", path)):
            return self._write(int(found[1]), user, body)
        if (method, path) == ("POST", f"statuses/{self.commit}"):
            return self._status(body)
        return Answer(404, {"message": "404 Not Found"})

    def _list(self, query: Mapping[str, list[str]]) -> Answer:
        size, page = min(_PAGE, int(query.get("per_page", ["20"])[0])), int(query.get("page", ["1"])[0])
        ordered = self.notes if query.get("sort") == ["asc"] else self.notes[::-1]
        start = (page - 1) * size
        link = f'<{self.url}/next?page={page + 1}>; rel="next"'
        return Answer(200, ordered[start : start + size], {"Link": link} if start + size < len(ordered) else {})

    def _write(self, number: int | None, user: int, body: dict[str, object]) -> Answer:
        text = str(body.get("body") or "")
        if not text or len(text) > _NOTE:
            return Answer(400, {"message": {"note": ["is too long (maximum is 1000000 characters)"]}})
        if number is None:
            self.say(user, text)
            return Answer(201, self.notes[-1])
        note = next((item for item in self.notes if item["id"] == number), None)
        if note is None:
            return Answer(404, {"message": "404 Note Not Found"})
        if note["author"] != {"id": user}:
            return Answer(403, {"message": "403 Forbidden"})
        note["body"] = text
        return Answer(200, note)

    def _status(self, body: dict[str, object]) -> Answer:
        if body.get("state") not in ("pending", "running", "success", "failed", "canceled", "skipped"):
            return Answer(400, {"message": "state does not have a valid value"})
        if len(str(body.get("description") or "")) > _DESCRIPTION:
            return Answer(400, {"message": {"description": ["is too long (maximum is 255 characters)"]}})
        self.statuses.append(body)
        return Answer(201, {"id": len(self.statuses)})
