"""Publish a report on a forge: one comment that is written anew each time, and a check."""

from __future__ import annotations

from typing import Literal

from cellctl.pull_request.comment import COMMENT_LIMIT, comment
from cellctl.pull_request.ports import Check, Forge
from cellctl.pull_request.report import Note, Report
from cellctl.pull_request.words import marker, verdict

CHECK = "cellctl preview"
_MOST_NOTES = 500  # ten requests; the comment groups what is beyond

Done = Literal["created", "updated", "unchanged", "not needed"]


def post(forge: Forge, report: Report) -> Done:
    """Create or update our comment, and publish the check; return what became of the comment.

    Where nothing changes, no comment is made, but one that is there says so.

    Raises:
        ForgeError: The forge refuses or cannot be reached.
    """
    done = _comment(forge, report)
    forge.publish_check(check_of(report))
    return done


def _comment(forge: Forge, report: Report) -> Done:
    body = comment(report, limit=min(COMMENT_LIMIT, forge.comment_limit))
    there = forge.find_comment(marker(report.home))
    if there is None:
        if report.nothing:
            return "not needed"
        forge.create_comment(body)
        return "created"
    if there.body.replace("\r\n", "\n").strip() == body.strip():
        return "unchanged"
    forge.update_comment(there.id, body)
    return "updated"


def check_of(report: Report) -> Check:
    """Return the verdict: it fails where cells vanish, would lose data or cannot be previewed."""
    failed = report.refused or bool(report.failed)
    return Check(
        name=CHECK,
        conclusion="failure" if failed else "success",
        title=verdict(report),
        summary=comment(report),
        notes=notes_of(report)[:_MOST_NOTES],
    )


def notes_of(report: Report) -> list[Note]:
    """Return the report's notes, the worst first."""
    order = {"failure": 0, "warning": 1, "notice": 2}
    return sorted(report.notes, key=lambda note: (order[note.level], note.file, note.line))
