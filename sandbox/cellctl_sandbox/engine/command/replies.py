"""What a command answers: text on two streams and an exit code; refusals are exceptions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """Output of one command; `code` as of the CLI."""

    stdout: str = ""
    stderr: str = ""
    code: int = 0


class Refusal(Exception):
    """A command that fails without having changed anything: one line on stderr and an exit code."""

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    def reply(self) -> Reply:
        """Return the failure as a Reply."""
        return Reply(stderr=f"error: {self.message}\n", code=self.code)


UNCONFIRMED = 2
STACK_NOT_FOUND = 6
UNEXPECTED_CHANGES = 7
