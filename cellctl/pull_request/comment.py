"""The comment on a pull request, in Markdown: worst first, filled from structure up to a limit, never cut.

Order: cells that are no longer described, the verdict, cells that failed, one table row for each group, then each
group's differences folded away. What finds no room is left out whole, counted, and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cellctl.pull_request.budget import Budget, size
from cellctl.pull_request.escaping import code, fenced, visible
from cellctl.pull_request.report import ChangeRow, Failed, Group, PropertyRow, Report
from cellctl.pull_request.words import SANDBOX, gone_words, marker, verdict
from cellctl.views.plan_text import SIGNS
from cellctl.views.text import count

COMMENT_LIMIT = 60_000  # of GitHub's 65,536 characters
SUMMARY_LIMIT = 900_000  # of a job summary's 1 MiB
_GROUP_LIMIT = 16_000
_NAMES = 30
_VALUE = 160
_LEAST = 300  # room for one group with one line
_HEADINGS = {
    "loses data": "Would lose data",
    "replaces": "Would replace",
    "deletes": "Would delete",
    "changes data": "Would change what holds data",
    "changes": "Would change",
    "creates": "Would create",
    "keeps": "Would change only how cellctl keeps it in its state",
}
_TABLE = "| cells | what | create | change | replace | delete | shown for |\n|---|---|---:|---:|---:|---:|---|"


def comment(report: Report, *, limit: int = COMMENT_LIMIT, full_text: str = "the job summary") -> str:
    """Return the comment: at most `limit` characters. `full_text` is where a reader finds what had no room."""
    budget = Budget(limit)
    footer = _footer(report)
    budget.reserve(size(footer) + 200)
    if report.base:
        budget.add(marker(report))
    _gone(report, budget)
    budget.add(f"### cellctl preview: {verdict(report)}")
    if report.nothing:
        budget.add("Nothing changes any more: this pull request leaves every cell as it is.")
    _not_applied(report, budget)
    _failures(report.failed, budget)
    _table(report.groups, budget)
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


def _not_applied(report: Report, budget: Budget) -> None:
    if report.not_applied:
        budget.add(
            "**Not in these plans**, because code from a pull request never runs with credentials: "
            f"{_files(report.not_applied, 10)}. The cell files were previewed with the base's code and `cellctl.yaml`."
        )
    if report.all_because:
        budget.add(f"Every cell was looked at, because {_files(report.all_because)} can change any of them.")
    elif report.reef_files:
        budget.add(
            f"Cells on reefs were looked at, because of {_files(report.reef_files)}. What becomes of the reef itself "
            "is not in these plans; `cellctl reef up` shows it before it asks."
        )


def _files(paths: Sequence[str], most: int = 5) -> str:
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(code(path) for path in paths[:most]) + more


def _failures(failed: Sequence[Failed], budget: Budget) -> None:
    if not failed:
        return
    same: dict[tuple[str, str, str], list[str]] = {}
    for item in failed:
        same.setdefault((item.code, item.message, item.hint), []).append(item.cell)
    ordered = sorted(same.items(), key=lambda entry: (-len(entry[1]), entry[1]))
    rows = [_failure(cells, *why) for why, cells in ordered]
    number = len({item.cell for item in failed})
    budget.add_rows(
        f"#### {count(number, 'cell')} could not be previewed\n",
        rows,
        lambda left: f"- and {count(left, 'more reason')}; all of them are in the job summary",
        share=0.4,
    )


def _failure(cells: Sequence[str], code_: str, message: str, hint: str) -> str:
    advice = f" ({code(hint, 400)})" if hint else ""
    return f"- {_names(cells)}: {code(message, 400)} [{code(code_)}]{advice}"


def _names(cells: Sequence[str], most: int = _NAMES) -> str:
    shown = ", ".join(code(name) for name in cells[:most])
    return f"{shown} and {len(cells) - most} more" if len(cells) > most else shown


def _table(groups: Sequence[Group], budget: Budget) -> None:
    if groups:
        rows = [_table_row(group) for group in groups]
        budget.add_rows(
            _TABLE, rows, lambda left: f"\n{count(left, 'more group')}, each of them less severe.", share=0.3
        )


def _table_row(group: Group) -> str:
    create, update, replace, delete = (str(number or "") for number in group.counts)
    what = _HEADINGS[group.level]
    strong = f"**{what}**" if group.level == "loses data" else what
    return f"| {len(group.cells)} | {strong} | {create} | {update} | {replace} | {delete} | {code(group.shown)} |"


def _details(groups: Sequence[Group], budget: Budget) -> int:
    """Add each group's differences; return how many groups had no room."""
    left = 0
    for group in groups:
        room = min(_GROUP_LIMIT, budget.left) - 2
        if room < _LEAST or not budget.add(_group(group, room)):
            left += 1
    return left


def _group(group: Group, room: int) -> str:
    """Return one folded block of at most `room` characters, if that is enough for its frame."""
    opened = " open" if group.level == "loses data" else ""
    title = f"{_HEADINGS[group.level]} in {count(len(group.cells), 'cell')}: {_names(group.cells, 12)}"
    head = [f"<details{opened}><summary>{title}</summary>\n"]
    head += [f"{line}\n" for line in _said(group)]
    tail = "\n</details>"
    frame = size("\n".join(head)) + size(tail) + 120  # fence, closing and the line that counts
    lines = list(_lines(group))
    taken, used = 0, frame
    for line in lines:
        used += size(line) + 1
        if used > room:
            break
        taken += 1
    missing = len(lines) - taken
    shown = lines[:taken] + ([f"# {count(missing, 'more line')} left out here"] if missing else [])
    return "\n".join([*head, fenced(shown, "diff"), tail])


def _said(group: Group) -> Iterator[str]:
    """Yield what guards object to, each reason once, and what the plan warns of."""
    reasons = {(item.code, item.remedy): item for item in reversed(group.refusals)}
    for item in list(reasons.values())[:5]:
        flag = f"; allowed by {code(item.flag, 300)}" if item.flag else ""
        yield f"- **refused** [{code(item.code)}] {code(item.reason, 400)}: {code(item.remedy, 400)}{flag}"
    for text in group.warnings[:3]:
        yield f"- {code(text, 400)}"


def _lines(group: Group) -> Iterator[str]:
    made = [row for row in group.changes if row.action == "create"]
    for row in group.changes:
        if row.action != "create":
            yield from _change(row)
    for type_, names in _by_type(made).items():
        shown = ", ".join(visible(name) for name in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield f"+ {len(names)} {visible(type_)}: {shown}{more}"
    if group.more_changes:
        yield f"# and {count(group.more_changes, 'more resource')}"


def _by_type(rows: Sequence[ChangeRow]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.type, []).append(row.name)
    return found


def _change(row: ChangeRow) -> Iterator[str]:
    strong = "!" if row.loses_data or row.action == "replace" else "-" if row.action == "delete" else "#"
    held = "  holds data" if row.stateful else ""
    stopped = f"  blocked by {visible(row.blocked_by)}" if row.blocked_by else ""
    causes = f"  because of {visible(', '.join(row.causes), 300)}" if row.causes else ""
    yield f"{strong} {SIGNS.get(row.action, ' ')} {visible(row.name)}  {visible(row.type)}{held}{stopped}{causes}"
    for item in row.properties:
        yield from _property(item)
    if row.more_properties:
        yield f"#     and {count(row.more_properties, 'more property', 'more properties')}"


def _property(item: PropertyRow) -> Iterator[str]:
    forces = "  forces replacement" if item.replaces else ""
    if item.kind != "add":
        yield f"-     {visible(item.path)}: {visible(item.before, _VALUE)}{forces}"
    if item.kind != "delete":
        yield f"+     {visible(item.path)}: {visible(item.after, _VALUE)}{forces}"


def _footer(report: Report) -> str:
    head = f" at {code(report.head[:12])}" if report.head else ""
    base = code(report.base[:12]) if report.base else "its state"
    looked = f"{count(report.looked_at, 'cell')} looked at{head}, compared with {base}"
    nothing = f"; {SANDBOX}" if report.sandbox else ""
    return f"<sub>{looked}{nothing}. A preview is a forecast: <code>up</code> previews again.</sub>"
