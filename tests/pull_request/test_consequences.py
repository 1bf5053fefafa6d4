"""Refusals, outages, costs and values in comment, page and report: nothing vanishes, nothing is cut."""

from __future__ import annotations

import html
import json
from dataclasses import replace

import fleets
import pytest

from cellctl.errors import EngineError, GuardError, Objection
from cellctl.plan import Plan, PropertyChange
from cellctl.pull_request.budget import size
from cellctl.pull_request.comment import comment
from cellctl.pull_request.escaping import visible
from cellctl.pull_request.grouping import Grouping
from cellctl.pull_request.looking import alone
from cellctl.pull_request.page import page
from cellctl.pull_request.posting import check_of
from cellctl.pull_request.report import Report
from cellctl.pull_request.report_file import report_json
from cellctl.pull_request.words import verdict


def objection(cell: str, number: int = 0) -> Objection:
    return Objection(code=f"policy_{number}", reason=f"{cell} breaks rule {number}", remedy=f"mend {cell}", flag="--x")


def grouped(*results: tuple[Plan, list[Objection]]) -> Report:
    found = Grouping()
    for plan, objections in results:
        found.plan(plan, objections)
    return Report(
        base="a" * 40, head="b" * 40, groups=found.groups(), failed=tuple(found.failed), unchanged=found.unchanged
    )  # fmt: skip


def plain(report: Report, **more: int) -> str:
    return html.unescape(comment(report, **more))


def test_one_refused_cell_among_equal_plans_is_named_first() -> None:
    equal = [(fleets.upgrade(f"c{number:03}", same=0), []) for number in range(287)]
    made = grouped(*equal, (fleets.upgrade("zoe", same=0), [objection("zoe")]))
    assert verdict(made) == "287 cells: same 2 changes; 288 with an outage; 1 refused"
    assert check_of(made).title == verdict(made)
    assert made.groups[0].cells == ("zoe",)
    body = plain(made)
    assert "#### ⛔ 1 cell is refused" in body
    assert (
        "- <code>zoe</code>: **refused** [<code>policy_0</code>] <code>zoe breaks rule 0</code>: <code>mend zoe</code>"
        in body
    )
    assert body.index("breaks rule") < body.index("| cells |") < body.index("⛔ Refused: Outage in 1 cell")
    assert "Outage</b>" not in body
    assert "<code>zoe breaks rule 0</code>" not in page(made)  # on the page reasons are text
    assert "zoe breaks rule 0" in page(made)


def test_a_refusal_without_any_change_says_that_and_no_more() -> None:
    made = grouped((fleets.plan("acme"), [objection("acme")]))
    assert verdict(made) == "1 refused"
    assert (made.groups[0].level, made.changing, made.looked_at, made.refused) == ("nothing", 0, 1, True)
    assert "acme breaks rule 0" in plain(made)
    assert "keeps it in its state" not in plain(made) + page(made)


def test_a_reason_is_said_once_for_all_of_its_cells() -> None:
    made = grouped(*((fleets.upgrade(f"c{n}", same=0), [objection(f"c{n}")]) for n in range(40)))
    assert verdict(made).endswith("40 refused")
    body = plain(made)
    assert body.count("**refused**") == 1
    assert "<code>c0</code>, <code>c1</code>" in body
    assert " and 10 more: **refused**" in body
    assert "(as said of <code>c0</code>)" in body
    assert all(f"<code>c{n}</code>" in page(made) for n in range(40))


def test_every_reason_is_shown_or_counted() -> None:
    nine = grouped((fleets.upgrade("acme", same=0), [objection("acme", number) for number in range(9)]))
    assert all(f"acme breaks rule {number}<" in plain(nine) for number in range(9))
    many = [objection("acme", number) for number in range(400)]
    made = grouped((fleets.upgrade("acme", same=0), [replace(item, remedy="x" * 300) for item in many]))
    body = plain(made)
    shown = body.count("**refused**")
    assert 0 < shown < 400
    assert f"- and {400 - shown} more reasons; all of them are in the report as JSON or HTML" in body
    assert size(comment(made)) <= 60_000
    each = grouped(*((fleets.upgrade(f"c{n}", same=0), [objection("x" * 300, n)]) for n in range(200)))
    body = plain(each)
    shown = body.count("**refused**")
    assert 0 < shown < 200
    assert f"- and {200 - shown} more reasons, of {200 - shown} more cells; all of them" in body
    long = replace(objection("acme"), reason="&" * 1_900, remedy="&" * 1_900)
    body = plain(grouped((fleets.upgrade("acme", same=0), [long])))
    assert "- <code>acme</code>: **refused** [<code>policy_0</code>] a long reason, which is in the report" in body
    warned = replace(
        fleets.upgrade("acme", same=0),
        diagnostics=tuple(fleets.Diagnostic(severity="warning", message=f"careful {n}") for n in range(8)),
    )
    assert "and 3 more warnings" in plain(grouped((warned, [])))


def test_a_cell_with_many_problems_is_one_cell() -> None:
    found = Grouping()
    found.error("acme", GuardError([objection("acme", 1), objection("acme", 2), objection("acme", 3)]))
    found.error("bert", EngineError("boom"))
    made = Report(base="a" * 40, failed=tuple(found.failed))
    assert made.looked_at == 2
    assert verdict(made) == "1 refused; 1 could not be previewed"
    body = plain(made)
    assert body.count("**refused**") == 3
    assert "#### 1 cell could not be previewed" in body


def test_refused_groups_come_before_worse_ones_that_are_allowed() -> None:
    made = grouped(
        (fleets.losing("lost", same=0), []),
        (fleets.upgrade("late", same=0), [objection("late")]),
        (fleets.losing("worst", same=0), [objection("worst")]),
    )
    assert [group.shown for group in made.groups] == ["worst", "late", "lost"]


def test_an_outage_ranks_above_deleting_what_holds_nothing() -> None:
    gone = fleets.plan("a", fleets.change("a", "aws:sns/topic:Topic", "topic", "delete"), same=0)
    made = grouped((gone, []), (fleets.upgrade("b", same=0), []))
    assert [group.level for group in made.groups] == ["outage", "deletes"]


def told() -> Plan:
    """Return a plan of one cell with all that may follow from a change."""
    return fleets.losing("acme", same=0)


@pytest.mark.parametrize("made", [grouped((told(), [])), alone(told())])
def test_what_follows_is_in_comment_page_and_report(made: Report) -> None:
    for text in (plain(made), html.unescape(page(made))):
        for part in (
            "DATA", "OUTAGE", "the database is gone until a restore", "cell-acme-sql", "usually 1:30:00",
            "+520 USD a month", "needed by", "cell-acme-node-1", "costs about 520 USD a month more", "1:30:00",
        ):  # fmt: skip
            assert part in text, part
    row = json.loads(json.dumps(report_json(made)))["groups"][0]["changes"][0]
    assert (row["downtime"], row["expected_s"], row["monthly_usd"]) == ("outage", 5400.0, [410.0, 930.0])
    assert row["needed_by"] == ["cell-acme-node-1"]
    assert "| 1 | **Would lose data** |  |  | 1 |  | +520 | 1:30:00 |" in plain(made)


@pytest.mark.parametrize("draw", [comment, page])
def test_the_plan_of_one_cell_leads_with_what_one_would_be_woken_up_for(draw) -> None:
    text = draw(alone(replace(told(), objections=(objection("acme"),))))
    assert text.index("DATA") < text.index("OUTAGE") < text.index("policy") < text.index("<summary")


def test_costs_of_a_group_are_those_of_all_its_cells() -> None:
    (group,) = grouped(*((fleets.losing(f"c{n}", same=0), []) for n in range(3))).groups
    assert group.monthly_usd == (1230.0, 2790.0)
    assert "| +1,560 |" in comment(grouped(*((fleets.losing(f"c{n}", same=0), []) for n in range(3))))


def large(properties: int, value: str, resources: int = 1) -> Plan:
    """Return a plan of resources with many properties."""
    rows = tuple(PropertyChange(path=f"p{n:03}", before=f"{n}", after=value, kind="update") for n in range(properties))
    changes = [
        replace(fleets.change("acme", "aws:sns/topic:Topic", f"topic-{n:03}", "update"), diff=rows)
        for n in range(resources)
    ]
    return fleets.plan("acme", *changes, same=0)


def test_values_are_whole_in_the_report_and_on_the_page_and_never_cut_in_the_comment() -> None:
    one, two = ("x" * 5000 + end for end in ("1", "2"))
    made = grouped((large(1, one), []))
    other = grouped((large(1, two), []))
    assert one in json.dumps(report_json(made))
    assert one in page(made)
    body = comment(made)
    assert "xxx" not in body
    assert "…" not in body + page(made)
    assert "5,001 characters, sha256 " in body
    assert body != comment(other)  # the hash tells two of them apart
    message = "why " * 400
    failed = Grouping()
    failed.error("acme", EngineError(message))
    assert failed.failed[0].message == message.strip()


def test_all_properties_and_resources_are_in_the_report_and_counted_in_the_comment() -> None:
    made = grouped((large(40, "v", resources=250), []))
    changes = json.loads(json.dumps(report_json(made)))["groups"][0]["changes"]
    assert (len(changes), len(changes[0]["properties"])) == (250, 40)
    assert page(made).count("p039") == 250
    body = comment(made)
    shown = body.count("# ~ cell-acme-topic")
    assert 0 < shown < 250
    assert f"# and {250 - shown} more resources that had no room here" in body
    one = comment(grouped((large(37, "v"), [])))
    assert "and 12 more properties" in one
    assert one.count("+     p") == 25


def test_a_secret_is_not_in_the_hash_of_a_long_text() -> None:
    one, two = (f"Password={secret}; " + "x" * 400 for secret in ("hunter2pass", "another"))
    assert visible(one, 300) == visible(two, 300)
    assert len(visible(one, 100)) <= 100
