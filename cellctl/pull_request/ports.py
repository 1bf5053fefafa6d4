"""Where a report is published: the port that each forge implements, and the values that pass through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cellctl.pull_request.report import Note


@dataclass(frozen=True, kw_only=True, slots=True)
class Posted:
    """A comment that is there: its id and text."""

    id: int
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """The verdict on a commit: shown beside it, and what a branch rule can require."""

    name: str
    conclusion: Literal["success", "failure", "neutral"]
    title: str
    summary: str
    notes: Sequence[Note] = ()


class Forge(Protocol):
    """One pull request on one forge. Every method raises ForgeError, in words, with what to do."""

    def __enter__(self) -> Forge:
        """Use it, then close its connections."""

    def __exit__(self, *exception: object) -> None:
        """Close its connections."""

    @property
    def comment_limit(self) -> int:
        """How many characters a comment may have here, with some to spare."""

    @property
    def full_text(self) -> str:
        """Where a reader of a comment finds what had no room in it, in words."""

    def find_comment(self, marker: str) -> Posted | None:
        """Return our own comment that begins with `marker`: every page is searched, other authors' never match."""

    def create_comment(self, body: str) -> None:
        """Write a new comment."""

    def update_comment(self, id_: int, body: str) -> None:
        """Write a comment of ours anew."""

    def publish_check(self, check: Check) -> None:
        """Publish the verdict on the commit, with all its notes."""
