"""Whose doing a difference is, and which cells differ alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cellctl import cell
from cellctl.cli.app import app
from cellctl.drift import CLASSES, DriftReport, Rule, clusters, judge
from cellctl.facts.automation import automation
from cellctl.home import Home
from cellctl.plan import Change, Diagnostic, Plan, PropertyChange
from cellctl.spec import CellSpec
from cellctl.views.drift_text import drift_text

TODAY = date(2026, 11, 28)
GROUP = "azure-native:resources:ResourceGroup"


def plan(cell: str, *changes: Change, cloud: str = "azure") -> Plan:
    return Plan(cell=cell, cloud=cloud, account="prod", operation="refresh", changes=changes)


def change(cell: str, type_: str, role: str, *diff: tuple[str, object, object], action: str = "update") -> Change:
    name = f"{cell}-{role}"
    return Change(
        urn=f"urn:pulumi:cell-{cell}::octopus-cells::{type_}::{name}", type=type_, name=name, action=action,  # type: ignore[arg-type]
        diff=tuple(PropertyChange(path=path, before=old, after=new, kind="update") for path, old, new in diff),  # type: ignore[arg-type]
    )  # fmt: skip


def told(report: DriftReport) -> list[tuple[str, str]]:
    return [(item.path, item.drift_class) for item in report.drifts]


def test_what_the_clouds_do_themselves_is_nobodys_edit() -> None:
    rds = change(
        "acme", "aws:rds/instance:Instance", "db", ("engineVersion", "16.1", "16.2"), ("allocatedStorage", 200, 250),
        ("latestRestorableTime", "a", "b"), ("tags.aws:backup", None, "x"), ("deletionProtection", True, False),
    )  # fmt: skip
    assert told(judge(plan("acme", rds, cloud="aws"), (), TODAY)) == [
        ("deletionProtection", "human_edit"),
        ("allocatedStorage", "cloud_automation"), ("engineVersion", "cloud_automation"),
        ("tags.aws:backup", "cloud_automation"), ("latestRestorableTime", "provider_noise"),
    ]  # fmt: skip
    account = change("acme", "azure-native:storage:StorageAccount", "files", ("properties.provisioningState", "a", "b"))
    assert told(judge(plan("acme", account), (), TODAY)) == [("properties.provisioningState", "provider_noise")]


@pytest.mark.parametrize(
    ("until", "expected", "reason"),
    [
        (date(2026, 11, 28), "customer_owned", "a policy adds it"),
        (date(2026, 11, 27), "human_edit", "the rule of platform ended on 2026-11-27"),
    ],
)
def test_a_rule_holds_until_its_last_day_and_is_named_after_it(until: date, expected: str, reason: str) -> None:
    rule = Rule(
        type="azure-native:*", path="tags.cost*", drift_class="customer_owned", reason="a policy adds it",
        owner="platform", until=until,
    )  # fmt: skip
    group = change("acme", GROUP, "group", ("tags.costCenter", None, "1"))
    (found,) = judge(plan("acme", group), [rule], TODAY).drifts
    assert (found.drift_class, found.reason) == (expected, reason)


def test_no_rule_explains_that_an_object_is_gone() -> None:
    everything = Rule(type="*", path="*", drift_class="provider_noise", reason="all of it")
    gone = change("acme", GROUP, "group", action="delete")
    report = judge(plan("acme", gone, change("acme", GROUP, "other", ("x", 1, 2))), [everything], TODAY)
    assert [(item.name, item.gone, item.drift_class) for item in report.drifts] == [
        ("acme-group", True, "human_edit"), ("acme-other", False, "provider_noise"),
    ]  # fmt: skip


def test_what_is_the_same_or_unread_is_no_drift() -> None:
    quiet = plan("acme", change("acme", GROUP, "group", action="same"), change("acme", "pulumi:pulumi:Stack", "s"))
    quiet = Plan(
        cell="acme", cloud="azure", account="prod", operation="refresh", changes=quiet.changes,
        diagnostics=(Diagnostic(severity="error", message="AuthorizationFailed"),),
    )  # fmt: skip
    report = judge(quiet, (), TODAY)
    assert (report.looked, report.drifts, report.unread) == (1, (), ("AuthorizationFailed",))


def test_every_object_that_could_not_be_read_is_named_and_none_of_them_counts_as_read() -> None:
    read, refused = change("acme", GROUP, "group", action="same"), change("acme", GROUP, "other", action="same")
    never = change("acme", GROUP, "never").urn
    said = Diagnostic(severity="error", message="AuthorizationFailed", urn=refused.urn)
    looked = replace(plan("acme", read, refused), diagnostics=(said,), errored=True)
    report = judge(looked, (), TODAY, kept=[read.urn, refused.urn, never])
    assert report.unread == ("acme-other: AuthorizationFailed", "acme-never: the engine stopped before it")
    assert report.looked == 1
    shown = StringIO()
    Console(file=shown, width=120).print(drift_text({"acme": report}))
    assert "1 object read · 2 not read" in shown.getvalue()
    assert "not read: acme-other: AuthorizationFailed" in shown.getvalue()
    assert "no drift" not in shown.getvalue()
    assert judge(plan("acme", read), (), TODAY, kept=[read.urn, never]).unread == ()


ALL, SOME = (), ("acme-other: AuthorizationFailed",)


@pytest.mark.parametrize(
    ("unread", "edited", "code"),
    [([ALL], False, 0), ([SOME], False, 1), ([SOME], True, 3), ([ALL, SOME], False, 7), ([SOME, ALL], True, 3)],
)
def test_the_command_never_ends_with_0_where_something_was_not_read(
    unread: list[tuple[str, ...]], edited: bool, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    home.write_file()
    reports: dict[str, DriftReport] = {}
    for name, missing in zip(("acme", "globex"), unread, strict=False):
        home.write_cell(CellSpec.minimal(name, cloud="aws", account="sandbox", region="eu-west-1"))
        found = [change(name, GROUP, "group", ("tags.owner", "a", "b"))] if edited else []
        reports[name] = replace(judge(plan(name, *found), (), TODAY), unread=missing)
    monkeypatch.setattr(cell, "drift_all", lambda *_words, **_more: iter(reports.items()))
    done = CliRunner().invoke(app, ["drift", "--home", str(tmp_path)], env={"COLUMNS": "120"})
    assert done.exit_code == code
    assert ("not read: acme-other: AuthorizationFailed" in done.output) is (SOME in unread)


def test_cells_that_differ_alike_are_one_cluster_whatever_they_are_called() -> None:
    def report(cell: str, owner: str) -> DriftReport:
        found = change(cell, GROUP, "group", ("tags.owner", "team-a", owner), ("tags.x", None, cell))
        return judge(plan(cell, found), (), TODAY)

    found = clusters([report("acme", "somebody"), report("globex", "somebody"), report("initech", "else")])
    assert [(cluster.example.path, cluster.cells) for cluster in found] == [
        ("tags.x", ("acme", "globex", "initech")), ("tags.owner", ("acme", "globex")), ("tags.owner", ("initech",)),
    ]  # fmt: skip
    assert clusters([report("acme", "a")], "provider_noise") == []


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_the_facts_on_automation_are_sound(cloud: str) -> None:
    rules = automation(cloud)
    assert rules
    assert {rule.drift_class for rule in rules} <= set(CLASSES) - {"human_edit", "customer_owned"}
    assert all(rule.paths and rule.reason for rule in rules)
