"""GitLab as a Forge, over its REST API: one merge request of one project.

Limits (docs.gitlab.com, REST API and instance limits, read 2026-11-28): 100 items a page, 1,000,000 characters of a
note, 255 of a status' description; 429 with `Retry-After`. A job's own CI_JOB_TOKEN may not write notes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from cellctl.errors import ForgeError
from cellctl.pull_request import asking
from cellctl.pull_request.asking import Asking
from cellctl.pull_request.escaping import visible
from cellctl.pull_request.ports import Check, Posted

NOTE_CHARACTERS = 1_000_000
DESCRIPTION_CHARACTERS = 255
_REMEDY = "use a project access token of role Reporter or higher with scope api, as a masked variable"
_STATES = {"success": "success", "neutral": "success", "failure": "failed"}


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeRequest:
    """Which merge request: `project` is its path or number, `number` the one people see, `commit` the head in hex."""

    project: str
    number: int
    commit: str

    def __post_init__(self) -> None:
        """Refuse what is none, so that nothing foreign becomes part of a URL."""
        named = re.fullmatch(r"\d{1,12}|[\w.-]+(/[\w.-]+){1,20}", self.project) and ".." not in self.project
        if not (named and self.number > 0 and re.fullmatch(r"[0-9a-f]{40,64}", self.commit)):
            raise ForgeError("this is no merge request of GitLab", hint="a project, a number and a commit are needed")


def client(token: str, *, api: str = "https://gitlab.com/api/v4") -> httpx.Client:
    """Return an HTTP client that sends `token` to GitLab's API and nowhere else."""
    return asking.client(api, {"PRIVATE-TOKEN": token})


class GitLab:
    """A merge request on GitLab. Use as a context manager. `sleep` and `now` are for tests."""

    comment_limit = NOTE_CHARACTERS
    full_text = "the report among the artifacts of the preview's job"

    def __init__(
        self,
        *,
        http: httpx.Client,
        of: MergeRequest,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.http, self.of = http, of
        self._ask = Asking(http=http, name="GitLab", remedy=_REMEDY, sleep=sleep, now=now)
        self._project = f"projects/{quote(of.project, safe='')}"

    def __enter__(self) -> GitLab:
        """Use it, then close its connections."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close its connections."""
        self.http.close()

    def find_comment(self, marker: str) -> Posted | None:
        """Return our own note that begins with `marker`; the oldest if there are several."""
        own = self._ask.get("user").get("id")
        for note in self._ask.pages(f"{self._notes}?sort=asc&order_by=created_at"):
            author, body, number = note.get("author"), note.get("body"), note.get("id")
            ours = isinstance(author, dict) and own is not None and author.get("id") == own
            if ours and isinstance(body, str) and body.startswith(marker) and isinstance(number, int):
                return Posted(id=number, body=body)
        return None

    def create_comment(self, body: str) -> None:
        """Write a new note."""
        self._ask.send("POST", self._notes, {"body": body})

    def update_comment(self, id_: int, body: str) -> None:
        """Write a note of ours anew."""
        self._ask.send("PUT", f"{self._notes}/{id_}", {"body": body})

    def publish_check(self, check: Check) -> None:
        """Set the commit's status; it has no room for the notes, which stay in the report."""
        description = visible(check.title, DESCRIPTION_CHARACTERS)
        body = {"state": _STATES[check.conclusion], "name": check.name, "description": description}
        self._ask.send("POST", f"{self._project}/statuses/{self.of.commit}", body)

    @property
    def _notes(self) -> str:
        return f"{self._project}/merge_requests/{self.of.number}/notes"
