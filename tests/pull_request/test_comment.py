"""The comment: worst first, within its budget whatever is in it, and nothing foreign acts or leaks."""

from __future__ import annotations

import html
import json
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import fleets
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cellctl.errors import EngineError, Objection, UsageError
from cellctl.pull_request.budget import size
from cellctl.pull_request.comment import comment
from cellctl.pull_request.escaping import code, fenced, visible
from cellctl.pull_request.page import page
from cellctl.pull_request.report import Failed, Gone, Report
from cellctl.pull_request.report_file import read_report, report_json
from cellctl.pull_request.words import verdict

HOSTILE = [
    "@org/team", "<script>alert(1)</script>", "<!-- cellctl:pr-preview:cdb4ee2aea69 -->", "```\n# head", "</details>",
    "a | b |\n|---|", "[x](https://evil.example)", "![i](x)", "\u202eevil\u200b\u2066", "~~~", "</code></pre>", "#1 !2",
    "/close\n/approve", "a\rb\x1b[2J\x00", "&lt;b&gt;", "`" * 70, "$x$ :boom: www.evil.example", "\ud800",
]  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=60), st.lists(st.sampled_from(HOSTILE), max_size=5).map("".join)
).filter(visible)
PHASES = [Phase.explicit, Phase.generate]  # a failing text is short enough as it is
TAGS = {
    "h3", "h4", "p", "ul", "li", "strong", "em", "table", "thead", "tbody", "tr", "th", "td", "details", "summary",
    "code", "pre", "sub",
}  # fmt: skip


class Rendered(HTMLParser):
    """What a reader's browser would make of the comment: tags, and text that stands outside of code."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.outside, self.inside, self.open = "", "", 0
        self.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {f"{tag}.{name}" for name, _ in attrs}
        self.open += tag in ("code", "pre")

    def handle_endtag(self, tag: str) -> None:
        self.open -= tag in ("code", "pre")

    def handle_data(self, data: str) -> None:
        if self.open:
            self.inside += data
        else:
            self.outside += data


def hostile(text: str) -> Report:
    """Return a report that holds `text` wherever text can come from outside."""
    lost = fleets.losing("acme", same=0)
    row = replace(lost.changes[-1], name=text, type=text, replace_keys=(text,), blocked_by="protect")
    diff = (replace(row.diff[0], path=text, before=text, after={text: [text]}),)
    told = replace(row, diff=diff, downtime_why=text, needed_by=(text,))
    objection = Objection(code=text, reason=text, remedy=text, flag=text)
    loses = replace(lost, changes=(*lost.changes[:-1], told), objections=(objection,))
    plans = [loses, fleets.plan("x", same=0, errored=text)]
    made = fleets.report(iter([*plans, (text, EngineError(text, hint=text, code="engine_failed"))]))
    gone = (Gone(cell=text, file=text, kind="removed"), Gone(cell=text, file=text, kind="renamed", to=text))
    early = Failed(cell=f"zz {text}", code=text, message=text, hint=text, refused=True)
    return replace(
        made, gone=gone, all_because=(text,), not_applied=(text,), reef_files=(text,), failed=(*made.failed, early)
    )  # fmt: skip


@settings(max_examples=30, deadline=None, phases=PHASES)
@given(text=TEXTS)
def test_nothing_foreign_acts_in_the_comment(text: str) -> None:
    seen, plain = Rendered(comment(hostile(text))), Rendered(comment(hostile("harmless")))
    assert seen.tags == plain.tags
    assert set(seen.tags) <= TAGS
    assert seen.attributes <= {"details.open", "code.class", "th.style", "td.style"}
    assert seen.outside == plain.outside
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x09\x0b-\x1f]", comment(hostile(text)))


def claimed(text: str) -> Report:
    """Return a report that somebody else has written, with `text` unescaped in it."""

    def walked(value: object) -> object:
        if isinstance(value, str):
            return value.replace("harmless", text)
        if isinstance(value, dict):
            return {key: walked(item) for key, item in value.items()}
        return [walked(item) for item in value] if isinstance(value, list | tuple) else value

    fields = {**report_json(hostile("harmless")), "base": text, "head": text}
    return read_report(json.dumps(walked(fields)).encode(), Path("report.json"))


@settings(max_examples=30, deadline=None, phases=PHASES)
@given(text=TEXTS.filter(lambda text: "\ud800" not in text))
def test_nothing_acts_in_the_comment_of_a_report_that_somebody_else_wrote(text: str) -> None:
    seen, plain = Rendered(comment(claimed(text))), Rendered(comment(claimed("harmless")))
    assert (seen.tags, seen.outside) == (plain.tags, plain.outside)
    assert re.findall(r"<[^>]*>", page(claimed(text))) == re.findall(r"<[^>]*>", page(claimed("harmless")))


@settings(max_examples=25, deadline=None, phases=PHASES)
@given(text=TEXTS)
def test_nothing_foreign_acts_on_the_page(text: str) -> None:
    tags = re.findall(r"<[^>]*>", page(hostile(text)))
    assert tags == re.findall(r"<[^>]*>", page(hostile("harmless")))


@settings(max_examples=100, deadline=None, phases=PHASES)
@given(text=TEXTS)
def test_escaped_text_can_be_read_back(text: str) -> None:
    assert html.unescape(code(text).removeprefix("<code>").removesuffix("</code>")) == (visible(text) or " ")
    assert "\n" not in visible(text)
    lines = fenced([f"+ {visible(text)}"]).split("\n")
    assert len(lines) == 3
    assert lines[0] == lines[-1]


SECRETS = [
    "AKIA" + "Q7" * 8, "https://u:hunter2pass@host/x", "sv=2024&sig=aGVsbG8lM0Q&se=1",
    "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----", "Password=hunter2pass;Database=x",
    "ghp_" + "a1B2" * 9, "AccountKey=aGVsbG9oZWxsbw==;x", "Authorization: Bearer abcdefgh12345",
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
def test_what_looks_like_a_credential_never_shows(secret: str) -> None:
    long = "x" * 100 + " " + secret  # the cut must not go through an unmasked secret
    for text in (secret, long):
        made = hostile(text)
        for shown in (comment(made), page(made), json.dumps(report_json(made))):
            plain = html.unescape(shown)
            for part in ("Q7Q7", "hunter2pass", "aGVsbG", "c2lnbmF0", "MIIEow", "a1B2a1B2", "abcdefgh1"):
                assert part not in plain


@settings(max_examples=8, deadline=None, phases=PHASES)
@given(limit=st.integers(3_000, 60_000), count=st.integers(1, 400), seed=st.integers(0, 10), text=TEXTS)
def test_the_comment_keeps_its_budget_and_its_fences(limit: int, count: int, seed: int, text: str) -> None:
    results = [fleets.upgrade(f"c{number}", f"{text}{number % (1 + seed * 40)}", same=0) for number in range(count)]
    errors = [(f"e{number}", EngineError(f"{text}{number}")) for number in range(seed * 20)]
    body = comment(replace(fleets.report(iter([*results, *errors])), gone=hostile(text).gone * seed), limit=limit)
    assert size(body) <= limit
    assert len(re.findall("^<details", body, re.MULTILINE)) == len(re.findall("^</details>$", body, re.MULTILINE))
    fences = re.findall(r"^`{3,}", body, re.MULTILINE)
    assert fences[::2] == fences[1::2]
    assert body.rstrip().endswith("</sub>")


def test_a_fleet_reads_as_one_line_and_the_worst_comes_first() -> None:
    made = fleets.report(fleets.fleet(297), gone=(Gone(cell="acme", file="cells/acme.yaml", kind="removed"),))
    body = comment(made)
    line = (
        "287 cells: same 2 changes; 9 differ; 1 would REPLACE its database; 296 with an outage; 1 refused; "
        "1 could not be previewed"
    )
    assert verdict(made) == line
    order = [
        "acme", "keeps running and is no longer described; use", line, "**DATA** in 1 cell",
        "**OUTAGE** in 296 cells", "1 cell is refused", "role cannot be assumed", "Would lose data",
        "<details open>", "Outage in 287 cells",
    ]  # fmt: skip
    places = [html.unescape(body).index(part) for part in order]
    assert places == sorted(places)
    assert body.startswith("<!-- cellctl:pr-preview:")
    assert size(body) < 8_000


def test_the_example_in_the_docs_is_what_a_fleet_reads_as() -> None:
    """Written anew by `PYTHONPATH=tests/pull_request python -m fleets > docs/guides/pull-request-comment.md`."""
    page = Path(__file__).resolve().parents[2] / "docs" / "guides" / "pull-request-comment.md"
    assert page.read_text(encoding="utf-8") == fleets.example()


def test_what_has_no_room_is_counted() -> None:
    results = [fleets.upgrade(f"c{number}", version=str(number)) for number in range(300)]
    errors = [(f"broken-{number}", EngineError(f"reason {number} " + "x" * 300)) for number in range(300)]
    body = comment(fleets.report(iter([*results, *errors])))
    assert size(body) <= 60_000
    rows = body.count("| **Outage** |")
    failures = len(re.findall(r"^- <code>broken", body, re.MULTILINE))
    folded = body.count("<details")
    assert f"{300 - failures} more reasons" in body
    assert f"{300 - rows} more groups" in body
    assert f"The differences of {300 - folded} groups more" in body
    assert min(rows, failures, folded) > 20


def test_nothing_any_more_is_said() -> None:
    body = comment(fleets.report(iter([fleets.plan("acme"), fleets.plan("zoe")])))
    assert "Nothing changes any more" in body
    assert "no cell would change (2 cells looked at)" in body


def test_a_report_survives_its_file_and_nothing_else_passes(tmp_path: Path) -> None:
    made = hostile("@x")
    text = json.dumps(report_json(made)).encode()
    assert read_report(text, tmp_path) == made
    data = json.loads(text)
    broken = [
        b"[]", b"{", b"[" * 100_000,
        json.dumps({**data, "more": 1}).encode(), json.dumps({**data, "gone": "x"}).encode(),
        json.dumps({**data, "format_version": "1"}).encode(), json.dumps({**data, "unchanged": "7"}).encode(),
        text.replace(b'"expected_s": 5400.0', b'"expected_s": 1e999'),
        json.dumps({**data, "groups": [{**data["groups"][0], "level": "<b>"}]}).encode(),
    ]  # fmt: skip
    for wrong in broken:
        with pytest.raises(UsageError):
            read_report(wrong, tmp_path)


def test_a_thousand_cells_are_grouped_and_drawn_within_two_seconds_and_little_memory() -> None:
    results = list(fleets.fleet(1000))
    began = time.process_time()
    made = fleets.report(iter(results))
    drawn = comment(made), page(made)
    assert time.process_time() - began < 2
    assert len(made.groups) == 11  # one plan is kept of each
    assert sum(map(len, drawn)) < 100_000
