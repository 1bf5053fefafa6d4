"""One group's differences in the comment: a folded block of whole resources; those without room are counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cellctl.listing import some
from cellctl.pull_request.budget import size
from cellctl.pull_request.escaping import code, fenced, visible
from cellctl.pull_request.report import ChangeRow, Group, Level, PropertyRow
from cellctl.pull_request.words import consequences
from cellctl.views.plan_text import SIGNS
from cellctl.views.text import count

HEADINGS: dict[Level, str] = {
    "loses data": "Would lose data",
    "outage": "Outage",
    "replaces": "Would replace",
    "deletes": "Would delete",
    "changes data": "Would change what holds data",
    "changes": "Would change",
    "creates": "Would create",
    "keeps": "Would change only how cellctl keeps it in its state",
    "nothing": "Would stay as it is",
}
_NAMES = 12
_WARNINGS = 5
_PROPERTIES = (25, 5, 0)  # of one resource: as many of them as there is room for
_VALUE = 400
_FRAME = 120  # fence, closing and the line that counts


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """Lines for one resource, or for all new ones of a type: `forms` are the same, shorter and shorter."""

    resources: int
    forms: Sequence[list[str]]


def block(group: Group, room: int) -> str:
    """Return one folded block of at most `room` characters, if that is enough for its frame."""
    opened = " open" if group.level == "loses data" else ""
    refused = "⛔ Refused: " if group.refusals else ""
    title = f"{refused}{HEADINGS[group.level]} in {count(len(group.cells), 'cell')}: {some(group.cells, _NAMES, code)}"
    head = [f"<details{opened}><summary>{title}</summary>\n"]
    head += [f"{line}\n" for line in _warnings(group.warnings)]
    tail = "\n</details>"
    left = room - size("\n".join(head)) - size(tail) - _FRAME
    shown: list[str] = []
    entries = list(_entries(group))
    for at, entry in enumerate(entries):
        form = next((form for form in entry.forms if _long(form) <= left), None)
        if form is None:
            missing = sum(one.resources for one in entries[at:])
            shown.append(f"# and {count(missing, 'more resource')} that had no room here")
            break
        shown += form
        left -= _long(form)
    return "\n".join([*head, fenced(shown, "diff"), tail])


def _warnings(warnings: Sequence[str]) -> Iterator[str]:
    for text in warnings[:_WARNINGS]:
        yield f"- {code(text, 2_000)}"
    if len(warnings) > _WARNINGS:
        yield f"- and {count(len(warnings) - _WARNINGS, 'more warning')}"


def _long(lines: Sequence[str]) -> int:
    return sum(size(line) + 1 for line in lines)


def _entries(group: Group) -> Iterator[_Entry]:
    for row in group.changes:
        if row.action != "create":
            yield _Entry(resources=1, forms=[_change(row, most) for most in _most(row)])
    for type_, names in _by_type([row for row in group.changes if row.action == "create"]).items():
        line = f"+ {len(names)} {visible(type_)}: {some(names, 3, visible)}"
        yield _Entry(resources=len(names), forms=[[line]])


def _most(row: ChangeRow) -> list[int]:
    """Return how many properties each form of a row shows; those that would look the same are one."""
    number = len(row.properties)
    return sorted({min(most, number) for most in _PROPERTIES}, reverse=True)


def _by_type(rows: Sequence[ChangeRow]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.type, []).append(row.name)
    return found


def _change(row: ChangeRow, most: int) -> list[str]:
    strong = "!" if row.loses_data or row.action == "replace" else "-" if row.action == "delete" else "#"
    facts = [visible(row.name), visible(row.type)]
    facts += ["holds data"] if row.stateful else []
    facts += [f"blocked by {visible(row.blocked_by)}"] if row.blocked_by else []
    facts += [f"because of {some(row.causes, 5, visible)}"] if row.causes else []
    lines = [f"{strong} {SIGNS.get(row.action, ' ')} {'  '.join(facts)}"]
    follows = "  ".join(consequences(row, visible))
    lines += [f"{strong}     {follows}"] if follows else []
    for item in row.properties[:most]:
        lines += _property(item)
    hidden = len(row.properties) - most
    return [*lines, f"#     and {count(hidden, 'more property', 'more properties')}"] if hidden else lines


def _property(item: PropertyRow) -> Iterator[str]:
    forces = "  forces replacement" if item.replaces else ""
    if item.kind != "add":
        yield f"-     {visible(item.path)}: {visible(item.before, _VALUE)}{forces}"
    if item.kind != "delete":
        yield f"+     {visible(item.path)}: {visible(item.after, _VALUE)}{forces}"
