"""The report as one HTML page without scripts, for a build's artifacts: every group, nothing left out for room."""

from __future__ import annotations

import html
from collections.abc import Iterator

from cellctl.pull_request.escaping import visible
from cellctl.pull_request.report import ChangeRow, Group, Report
from cellctl.pull_request.words import SANDBOX, gone_words, verdict
from cellctl.views.plan_text import SIGNS
from cellctl.views.text import count

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1f2328}"
    "pre{background:#f6f8fa;padding:.8rem;overflow-x:auto}code{background:#f6f8fa}.bad{color:#a40e26}"
    "ins{background:#dafbe1;text-decoration:none}del{background:#ffebe9;text-decoration:none}summary{cursor:pointer}"
)
_HEAD = (
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    '<meta name="viewport" content="width=device-width"><title>cellctl preview</title>'
)


def page(report: Report) -> str:
    """Return the page; its size grows with the groups, not with the cells."""
    return "\n".join([f"{_HEAD}<style>{_STYLE}</style>", *_body(report), "</html>", ""])


def _body(report: Report) -> Iterator[str]:
    yield f"<h1>cellctl preview: {verdict(report)}</h1>"
    if report.sandbox:
        yield f"<p>{SANDBOX}</p>"
    for item in report.gone:
        yield f'<p class="{"bad" if item.refused else "good"}">{gone_words(item, _code)}</p>'
    if report.not_applied:
        yield f"<p>Not in these plans: {', '.join(map(_code, report.not_applied))}</p>"
    if report.failed:
        yield '<h2 class="bad">Could not be previewed</h2><ul>'
        for failed in report.failed:
            hint = f" ({_text(failed.hint)})" if failed.hint else ""
            yield f"<li>{_code(failed.cell)}: {_text(failed.message)}{hint}</li>"
        yield "</ul>"
    for group in report.groups:
        yield from _group(group)
    base = _code(report.base[:12]) if report.base else "its state"
    yield f"<p>{count(report.looked_at, 'cell')} looked at; compared with {base}.</p>"


def _group(group: Group) -> Iterator[str]:
    bad = group.level == "loses data"
    create, update, replace, delete = group.counts
    numbers = f"{create} to create, {update} to change, {replace} to replace, {delete} to delete"
    title = f"{group.level} in {count(len(group.cells), 'cell')}: {numbers}"
    yield f"<details{' open' if bad else ''}><summary{' class=bad' if bad else ''}>{title}</summary>"
    yield f"<p>{', '.join(map(_code, group.cells))}</p>"
    for item in group.refusals:
        yield f'<p class="bad">{_code(item.cell)}: {_text(item.reason)}: {_text(item.remedy)} {_code(item.flag)}</p>'
    for text in group.warnings:
        yield f"<p>{_text(text)}</p>"
    lines = [line for row in group.changes for line in _change(row)]
    if group.more_changes:
        lines.append(f"and {count(group.more_changes, 'more resource')}")
    yield f"<p>Shown for {_code(group.shown)}:</p><pre>{chr(10).join(lines)}</pre></details>"


def _change(row: ChangeRow) -> Iterator[str]:
    held = "  holds data" if row.stateful else ""
    causes = f"  because of {_text(', '.join(row.causes))}" if row.causes else ""
    yield f"{SIGNS.get(row.action, ' ')} <b>{_text(row.name)}</b>  {_text(row.type)}{held}{causes}"
    for item in row.properties:
        before = f"<del>{_text(item.before)}</del> " if item.kind != "add" else ""
        after = f"<ins>{_text(item.after)}</ins>" if item.kind != "delete" else ""
        yield f"      {_text(item.path)}: {before}{after}{'  forces replacement' if item.replaces else ''}"
    if row.more_properties:
        yield f"      and {count(row.more_properties, 'more property', 'more properties')}"


def _text(text: str) -> str:
    return html.escape(visible(text, 2000))


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"
