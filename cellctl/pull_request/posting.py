"""Publish a report on a forge: one comment that is written anew each time, and a check."""

from __future__ import annotations

from typing import Literal

from cellctl.pull_request.comment import COMMENT_LIMIT, FULL_TEXT, comment
from cellctl.pull_request.escaping import code
from cellctl.pull_request.ports import Check, Forge
from cellctl.pull_request.report import Note, Report
from cellctl.pull_request.words import marker, verdict

CHECK = "cellctl preview"
NO_PLAN = "the preview failed, no plan is known"
_MESSAGE = 2_000
_MOST_NOTES = 500  # ten requests; the comment groups what is beyond

Done = Literal["created", "updated", "unchanged", "not needed"]


def post(forge: Forge, report: Report) -> Done:
    """Create or update our comment, and publish the check; return what became of the comment.

    Where nothing changes, no comment is made, but one that is there says so.

    Raises:
        ForgeError: The forge refuses or cannot be reached.
    """
    body = comment(report, limit=min(COMMENT_LIMIT, forge.comment_limit), full_text=forge.full_text)
    done = _write(forge, marker(report.home), body, needed=not report.nothing)
    forge.publish_check(check_of(report, full_text=forge.full_text))
    return done


def post_failure(forge: Forge, home: str, why: str) -> Done:
    """Say in our comment and in the check that there is no report: what stood there before is of an older commit.

    `home` is the home's folder in the repository, as in `Report`; `why` may be foreign text.

    Raises:
        ForgeError: The forge refuses or cannot be reached.
    """
    said = "What stood here before was about an older commit. The log of the preview's job says more."
    told = f"### ⛔ cellctl preview: {NO_PLAN}\n\n{code(why or 'nothing is known of why', _MESSAGE)}\n\n{said}\n"
    first = marker(home)
    done = _write(forge, first, f"{first}\n\n{told}", needed=True)
    forge.publish_check(Check(name=CHECK, conclusion="failure", title=NO_PLAN, summary=told))
    return done


def _write(forge: Forge, first: str, body: str, *, needed: bool) -> Done:
    there = forge.find_comment(first)
    if there is None:
        if not needed:
            return "not needed"
        forge.create_comment(body)
        return "created"
    if there.body.replace("\r\n", "\n").strip() == body.strip():
        return "unchanged"
    forge.update_comment(there.id, body)
    return "updated"


def check_of(report: Report, *, full_text: str = FULL_TEXT) -> Check:
    """Return the verdict: it fails where cells vanish, would lose data or cannot be previewed."""
    failed = report.refused or bool(report.failed)
    return Check(
        name=CHECK,
        conclusion="failure" if failed else "success",
        title=verdict(report),
        summary=comment(report, full_text=full_text),
        notes=notes_of(report)[:_MOST_NOTES],
    )


def notes_of(report: Report) -> list[Note]:
    """Return the report's notes, the worst first."""
    order = {"failure": 0, "warning": 1, "notice": 2}
    return sorted(report.notes, key=lambda note: (order[note.level], note.file, note.line))
