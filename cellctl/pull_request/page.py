"""The report as one HTML page without scripts, for a build's artifacts: every group and value, nothing left out."""

from __future__ import annotations

import html
from collections.abc import Iterator

from cellctl.listing import some
from cellctl.pull_request.alarms import KINDS, alarms
from cellctl.pull_request.escaping import WHOLE, visible
from cellctl.pull_request.refusals import reasons
from cellctl.pull_request.report import ChangeRow, Group, Report
from cellctl.pull_request.words import SANDBOX, consequences, cost_words, gone_words, usd, verdict
from cellctl.views.plan_text import SIGNS
from cellctl.views.text import count, duration

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
    for alarm in alarms(report):
        words = f"<b>{KINDS[alarm.kind]}</b> in {count(len(alarm.cells), 'cell')} ({some(alarm.cells, 5, _code)})"
        bad = "" if alarm.kind == "brief" else ' class="bad"'
        yield f"<p{bad}>{words}: {_text(alarm.why)} ({some(alarm.things, 5, _code)})</p>"
    yield from _stopped(report)
    if report.not_applied:
        yield f"<p>Not in these plans: {', '.join(map(_code, report.not_applied))}</p>"
    if report.all_because or report.reef_files:
        yield f"<p>Looked at because of {', '.join(map(_code, (*report.all_because, *report.reef_files)))}</p>"
    cost = cost_words(report)
    if cost:
        yield f"<p>{cost}</p>"
    for group in report.groups:
        yield from _group(group)
    base = _code(report.base[:12]) if report.base else "its state"
    yield f"<p>{count(report.looked_at, 'cell')} looked at; compared with {base}.</p>"


def _stopped(report: Report) -> Iterator[str]:
    """Yield every refusal and every failure, each reason once with all of its cells."""
    refused = reasons(report.refusals)
    if refused:
        yield '<h2 class="bad">Refused</h2><ul>'
        for reason in refused:
            said = reason.said
            flag = f"; allowed by {_code(said.flag)}" if said.flag else ""
            whose = "" if reason.alike else f" (as said of {_code(said.cell)})"
            cells = ", ".join(map(_code, reason.cells))
            yield f"<li>{cells}: {_code(said.code)} {_text(said.reason)}: {_text(said.remedy)}{flag}{whose}</li>"
        yield "</ul>"
    failed = [item for item in report.failed if not item.refused]
    if failed:
        yield '<h2 class="bad">Could not be previewed</h2><ul>'
        for item in failed:
            hint = f" ({_text(item.hint)})" if item.hint else ""
            yield f"<li>{_code(item.cell)}: {_text(item.message)}{hint}</li>"
        yield "</ul>"


def _group(group: Group) -> Iterator[str]:
    bad = group.level in ("loses data", "outage") or bool(group.refusals)
    create, update, replace, delete = group.counts
    numbers = f"{create} to create, {update} to change, {replace} to replace, {delete} to delete"
    slowest, cost = group.slowest, usd(group.monthly_usd)
    time = f"; the slowest step usually takes {duration(slowest.expected_s or 0.0)}" if slowest is not None else ""
    price = f"; {cost} USD a month" if cost else ""
    refused = "refused: " if group.refusals else ""
    title = f"{refused}{group.level} in {count(len(group.cells), 'cell')}: {numbers}{price}{time}"
    yield f"<details{' open' if bad else ''}><summary{' class=bad' if bad else ''}>{title}</summary>"
    yield f"<p>{', '.join(map(_code, group.cells))}</p>"
    for text in group.warnings:
        yield f"<p>{_text(text)}</p>"
    lines = [line for row in group.changes for line in _change(row)]
    yield f"<p>Shown for {_code(group.shown)}:</p><pre>{chr(10).join(lines)}</pre></details>"


def _change(row: ChangeRow) -> Iterator[str]:
    held = "  holds data" if row.stateful else ""
    causes = f"  because of {_text(', '.join(row.causes))}" if row.causes else ""
    more = "".join(f"  {text}" for text in consequences(row, _text))
    why = f": {_text(row.downtime_why)}" if row.downtime_why else ""
    yield f"{SIGNS.get(row.action, ' ')} <b>{_text(row.name)}</b>  {_text(row.type)}{held}{causes}{more}{why}"
    for item in row.properties:
        before = f"<del>{_text(item.before)}</del> " if item.kind != "add" else ""
        after = f"<ins>{_text(item.after)}</ins>" if item.kind != "delete" else ""
        yield f"      {_text(item.path)}: {before}{after}{'  forces replacement' if item.replaces else ''}"


def _text(text: str) -> str:
    return html.escape(visible(text, WHOLE))


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"
