"""The comment on a pull request, in Markdown: worst first, filled from structure up to a limit, never cut.

Order: cells that are no longer described, the verdict, what one would be woken up for, refusals, cells that failed, one
table row for each group, then each group's differences folded away. What finds no room is left out whole, counted, and
said; a value that is too long for a comment is told by its size and hash.
"""

from __future__ import annotations

from collections.abc import Sequence

from cellctl.listing import some
from cellctl.pull_request.alarms import KINDS, Alarm, alarms
from cellctl.pull_request.budget import Budget, size
from cellctl.pull_request.differences import HEADINGS, block
from cellctl.pull_request.escaping import code
from cellctl.pull_request.refusals import Reason, reasons
from cellctl.pull_request.report import Group, Report
from cellctl.pull_request.words import SANDBOX, cost_words, gone_words, marker, usd, verdict
from cellctl.views.text import count, duration

COMMENT_LIMIT = 60_000  # of GitHub's 65,536 characters
SUMMARY_LIMIT = 900_000  # of a job summary's 1 MiB
FULL_TEXT = "the report as JSON or HTML"
_GROUP_LIMIT = 16_000
_NAMES = 30
_MESSAGE = 2_000
_LONGEST_REASON = 6_000  # with its entities
_LEAST = 300  # room for one group with one line
_TABLE = (
    "| cells | what | create | change | replace | delete | USD/month | slowest | shown for |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---|"
)


def comment(report: Report, *, limit: int = COMMENT_LIMIT, full_text: str = FULL_TEXT) -> str:
    """Return the comment: at most `limit` characters. `full_text` is where a reader finds what had no room."""
    budget = Budget(limit)
    footer = _footer(report)
    budget.reserve(size(footer) + 200)
    if report.base:
        budget.add(marker(report.home))
    _gone(report, budget)
    budget.add(f"### cellctl preview: {verdict(report)}")
    if report.nothing:
        budget.add("Nothing changes any more: this pull request leaves every cell as it is.")
    _alarms(report, budget, full_text)
    _refusals(report, budget, full_text)
    _failures(report, budget, full_text)
    _beside(report, budget)
    _table(report, budget)
    left = _details(report.groups, budget)
    budget.reserve(-size(footer) - 200)
    if left:
        budget.add(f"The differences of {count(left, 'group')} more are in {full_text}.")
    budget.add(footer)
    return budget.text()


def _gone(report: Report, budget: Budget) -> None:
    ordered = sorted(report.gone, key=lambda item: (not item.refused, item.cell))
    rows = [f"### {'⛔ ' if item.refused else ''}{gone_words(item, code)}" for item in ordered]
    if rows:
        more = "\n### ⛔ and {} that no file describes any more"
        budget.add_rows(rows[0], rows[1:], lambda left: more.format(count(left, "more cell")), share=0.25)


def _alarms(report: Report, budget: Budget, full_text: str) -> None:
    rows = [_alarm(alarm) for alarm in alarms(report)]
    if rows:
        more = f"- and {{}} to be woken up for; all of them are in {full_text}"
        budget.add_rows(rows[0], rows[1:], lambda left: more.format(count(left, "more reason")), share=0.2)


def _alarm(alarm: Alarm) -> str:
    why = alarm.why if alarm.kind == "data" else code(alarm.why, _MESSAGE)
    return f"- **{KINDS[alarm.kind]}** in {_cells(alarm.cells, 3)}: {why} ({some(alarm.things, 3, code)})"


def _refusals(report: Report, budget: Budget, full_text: str) -> None:
    found = reasons(report.refusals)
    if found:
        number = len({item.cell for item in report.refusals})
        budget.add_rows(
            f"#### ⛔ {count(number, 'cell')} {'is' if number == 1 else 'are'} refused\n",
            [_refusal(reason, full_text) for reason in found],
            lambda left: _more_reasons([reason.cells for reason in found], left, full_text),
            share=0.3,
        )


def _refusal(reason: Reason, full_text: str) -> str:
    said = reason.said
    remedy = f": {code(said.remedy, _MESSAGE)}" if said.remedy else ""
    flag = f"; allowed by {code(said.flag, _MESSAGE)}" if said.flag else ""
    whose = "" if reason.alike else f" (as said of {code(said.cell)})"
    head = f"- {_names(reason.cells)}: **refused** [{code(said.code)}]"
    return _fitting(head, f"{code(said.reason, _MESSAGE)}{remedy}{flag}{whose}", full_text)


def _failures(report: Report, budget: Budget, full_text: str) -> None:
    failed = [item for item in report.failed if not item.refused]
    if not failed:
        return
    same: dict[tuple[str, str, str], list[str]] = {}
    for item in failed:
        same.setdefault((item.code, item.message, item.hint), []).append(item.cell)
    ordered = sorted(same.items(), key=lambda entry: (-len(entry[1]), entry[1]))
    number = len({item.cell for item in failed})
    budget.add_rows(
        f"#### {count(number, 'cell')} could not be previewed\n",
        [_failure(cells, *why, full_text=full_text) for why, cells in ordered],
        lambda left: _more_reasons([cells for _, cells in ordered], left, full_text),
        share=0.4,
    )


def _failure(cells: Sequence[str], code_: str, message: str, hint: str, *, full_text: str) -> str:
    advice = f" ({code(hint, _MESSAGE)})" if hint else ""
    return _fitting(f"- {_names(cells)}:", f"{code(message, _MESSAGE)} [{code(code_)}]{advice}", full_text)


def _fitting(head: str, why: str, full_text: str) -> str:
    """Return a row; a reason so long that it would crowd out others, or the cells it is about, is found elsewhere."""
    return f"{head} {why}" if size(why) <= _LONGEST_REASON else f"{head} a long reason, which is in {full_text}"


def _more_reasons(cells: Sequence[Sequence[str]], left: int, full_text: str) -> str:
    """Say how many reasons had no room, and of how many cells that are named nowhere else."""
    at = len(cells) - left
    named = {name for names in cells[:at] for name in names}
    hidden = {name for names in cells[at:] for name in names} - named
    whose = f", of {count(len(hidden), 'more cell')}" if hidden else ""
    return f"- and {count(left, 'more reason')}{whose}; all of them are in {full_text}"


def _beside(report: Report, budget: Budget) -> None:
    """Say which files of the change are not in these plans, and which made cells be looked at."""
    if report.not_applied:
        budget.add(
            "**Not in these plans**, because code from a pull request never runs with credentials: "
            f"{some(report.not_applied, 10, code)}. "
            "The cell files were previewed with the base's code and `cellctl.yaml`."
        )
    if report.all_because:
        budget.add(f"Every cell was looked at, because {some(report.all_because, 5, code)} can change any of them.")
    elif report.reef_files:
        budget.add(
            f"Cells on reefs were looked at, because of {some(report.reef_files, 5, code)}. What becomes of the reef "
            "itself is not in these plans; `cellctl reef up` shows it before it asks."
        )


def _names(cells: Sequence[str], most: int = _NAMES) -> str:
    return some(cells, most, code)


def _cells(cells: Sequence[str], most: int) -> str:
    """Return `7 cells (acme, bert and 5 more)`."""
    return f"{count(len(cells), 'cell')} ({_names(cells, most)})"


def _table(report: Report, budget: Budget) -> None:
    if report.groups:
        rows = [_table_row(group) for group in report.groups]
        more = "\n{}: refused ones come first, then the worst."
        budget.add_rows(_TABLE, rows, lambda left: more.format(count(left, "more group")), share=0.3)
    cost = cost_words(report)
    if cost:
        budget.add(cost)


def _table_row(group: Group) -> str:
    create, update, replace, delete = (str(number or "") for number in group.counts)
    what = HEADINGS[group.level]
    strong = f"**{what}**" if group.level in ("loses data", "outage") else what
    refused = ", ⛔ refused" if group.refusals else ""
    slowest = group.slowest
    time = duration(slowest.expected_s or 0.0) if slowest is not None else ""
    return (
        f"| {len(group.cells)} | {strong}{refused} | {create} | {update} | {replace} | {delete} "
        f"| {usd(group.monthly_usd)} | {time} | {code(group.shown)} |"
    )


def _details(groups: Sequence[Group], budget: Budget) -> int:
    """Add each group's differences; return how many groups had no room."""
    left = 0
    for group in groups:
        room = min(_GROUP_LIMIT, budget.left) - 2
        if (group.changes or group.warnings) and (room < _LEAST or not budget.add(block(group, room))):
            left += 1
    return left


def _footer(report: Report) -> str:
    head = f" at {code(report.head[:12])}" if report.head else ""
    base = code(report.base[:12]) if report.base else "its state"
    looked = f"{count(report.looked_at, 'cell')} looked at{head}, compared with {base}"
    nothing = f"; {SANDBOX}" if report.sandbox else ""
    return f"<sub>{looked}{nothing}. A preview is a forecast: <code>up</code> previews again.</sub>"
