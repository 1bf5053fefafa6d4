"""Raw engine events -> Plan, Change, Event: shapes as the real engine sends them (reference: CLI 3.260)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

import pytest

from cellctl.engine import paths, raw_events
from cellctl.engine.classify import classify
from cellctl.engine.progress import Progress
from cellctl.engine.redact import Redactor
from cellctl.engine.translate import PlanHead, Planner
from cellctl.events import Event, Moment, ResourceDone, ResourceFailed, ResourceStarted
from cellctl.plan import Plan
from cellctl.state.values import SECRET, SIGNATURE, UNKNOWN

STACK = "urn:pulumi:cell-a::octopus-cells::pulumi:pulumi:Stack::octopus-cells-cell-a"
A, B, C = (f"urn:pulumi:cell-a::octopus-cells::aws:rds/instance:Instance::{name}" for name in "abc")
SEALED = {SIGNATURE: SECRET, "ciphertext": "[secret]"}


class Facts:
    def stateful(self, type_: str) -> bool:
        return "rds" in type_

    def expected_s(self, type_: str, action: str) -> float | None:
        return 600.0 if "rds" in type_ else None

    def monthly_usd(self, type_: str, inputs: Mapping[str, object]) -> float:
        return float(str(inputs.get("size", 0)))


def side(urn: str, inputs: dict[str, object], outputs: dict[str, object] | None = None, **more: object) -> object:
    return {"urn": urn, "inputs": inputs, "outputs": outputs or {}, "custom": True, "parent": STACK, **more}


def step(kind: str, op: str, urn: str = A, *, old: object = None, new: object = None, **more: object) -> str:
    type_ = urn.split("::")[2]
    logical = op not in ("create-replacement", "delete-replaced")
    metadata = {"op": op, "urn": urn, "type": type_, "old": old, "new": new, "logical": logical, **more}
    return json.dumps({"sequence": 1, "timestamp": 1, kind: {"metadata": metadata, "planning": True}})


def error(message: str, urn: str = "") -> str:
    return json.dumps({"diagnosticEvent": {"urn": urn, "message": message, "severity": "error"}})


SUMMARY = json.dumps({"summaryEvent": {"isPreview": True, "result": "succeeded", "resourceChanges": {}}})


def planned(*lines: str, operation: Literal["up", "down", "refresh"] = "up", secrets: tuple[str, ...] = ()) -> Plan:
    planner = Planner(Facts(), Redactor(secrets))
    for line in lines:
        event = raw_events.parse(line)
        if event is not None:
            planner.take(event)
    return planner.plan(PlanHead(cell="a", cloud="aws", account="sandbox", operation=operation))


def replacement(kind: str = "resourcePreEvent") -> list[str]:
    old, new = side(A, {"name": "x", "size": 1}), side(A, {"name": "y", "size": 1})
    more = {"keys": ["name"], "detailedDiff": {"name": {"diffKind": "update-replace", "inputDiff": True}}}
    return [
        step(kind, "create-replacement", old=old, new=new, **more),
        step(kind, "replace", old=old, new=new, **more),
        step(kind, "delete-replaced", old=old),
    ]


def test_a_replacement_is_one_change_with_its_reason() -> None:
    (change,) = planned(*replacement(), SUMMARY).changes
    assert (change.action, change.stateful, change.replace_keys) == ("replace", True, ("name",))
    assert [(d.path, d.before, d.after, d.replaces) for d in change.diff] == [("name", "x", "y", True)]


def test_a_replacement_says_whether_the_old_object_goes_first() -> None:
    made, replaced, gone = replacement()
    assert not planned(made, replaced, gone, SUMMARY).changes[0].deletes_first
    (change,) = planned(gone, replaced, made, SUMMARY).changes
    assert (change.action, change.deletes_first) == ("replace", True)


def test_a_map_that_a_provider_tells_as_a_whole_is_spelled_out_entry_by_entry() -> None:
    old, new = side(A, {"nodes": {"a": "1", "b": "2", "c": "3"}}), side(A, {"nodes": {"a": "1", "b": "9", "d": "4"}})
    told = {"nodes": {"diffKind": "update-replace", "inputDiff": True}}
    (change,) = planned(step("resourcePreEvent", "update", old=old, new=new, detailedDiff=told), SUMMARY).changes
    assert [(d.path, d.before, d.after, d.kind, d.replaces) for d in change.diff] == [
        ("nodes.b", "2", "9", "update", True),
        ("nodes.c", "3", None, "delete", True),
        ("nodes.d", None, "4", "add", True),
    ]


def test_a_plan_says_what_the_cell_costs_before_and_after() -> None:
    lines = [
        step("resourcePreEvent", "update", old=side(A, {"size": 2}), new=side(A, {"size": 5})),
        step("resourcePreEvent", "same", B, old=side(B, {"size": 1}), new=side(B, {"size": 1})),
        step("resourcePreEvent", "delete", C, old=side(C, {"size": 4})),
    ]
    assert planned(*lines, SUMMARY).monthly_usd() == (7.0, 6.0)


def test_default_providers_are_nobodys_business() -> None:
    urn = "urn:pulumi:cell-a::octopus-cells::pulumi:providers:aws::default_7_51_1"
    assert planned(step("resourcePreEvent", "create", urn, new=side(urn, {})), SUMMARY).changes == ()


@pytest.mark.parametrize("order", [0, 1], ids=["complaint first", "complaint last"])
@pytest.mark.parametrize(
    ("message", "action"),
    [
        ('unable to replace resource "a"\nas it is currently marked for protection. To unprotect …', "replace"),
        ('Preview failed: resource "a" cannot be deleted\nbecause it is protected. To unprotect …', "delete"),
    ],
)
def test_protection_errors_become_blocked_changes(order: int, message: str, action: str) -> None:
    steps = replacement() if action == "replace" else [step("resourcePreEvent", "delete", old=side(A, {}))]
    lines = [error(message, A), *steps] if order == 0 else [*steps, error(message, A)]
    plan = planned(*lines, error("preview failed"), SUMMARY)
    assert [(change.action, change.blocked_by) for change in plan.changes] == [(action, "protect")]
    assert (plan.complete, plan.applyable, plan.errored) == (True, False, False)


def test_a_failed_preview_is_errored_and_not_complete() -> None:
    plan = planned(
        error(
            "an unhandled error occurred: python inline source runtime error: boom\n"
            "Traceback (most recent call last):\n  File …"
        )
    )
    assert (plan.errored, plan.complete, plan.applyable) == (True, False, False)
    assert [item.message for item in plan.diagnostics] == ["boom"]


def test_secrets_and_unknowns_never_show() -> None:
    new = side(A, {"userPassword": "hunter2", "note": "it is s3cr3t-text", "key": SEALED, "of": {"id": UNKNOWN}})
    (change,) = planned(step("resourcePreEvent", "create", new=new), SUMMARY, secrets=("s3cr3t-text",)).changes
    shown = {item.path: item.after for item in change.diff}
    assert (shown["userPassword"], shown["note"], shown["key"]) == ("[secret]", "it is [secret]", "[secret]")
    assert "known after apply" in repr(shown)
    assert "hunter2" not in repr(change)


def test_a_changed_secret_is_a_change_without_values() -> None:
    both = side(A, {"password": SEALED})
    (change,) = planned(step("resourcePreEvent", "update", old=both, new=both, diffs=["password"]), SUMMARY).changes
    assert [(d.path, d.before, d.after) for d in change.diff] == [("password", "[secret]", "[secret]")]


def test_the_hash_ignores_order_and_notices_values() -> None:
    urns = [A, A + "2"]
    lines = [step("resourcePreEvent", "create", urn, new=side(urn, {"size": 1})) for urn in urns]
    other = step("resourcePreEvent", "create", A, new=side(A, {"size": 2}))
    one, two = planned(*lines, SUMMARY), planned(*reversed(lines), SUMMARY)
    assert one.hash == two.hash != planned(other, lines[1], SUMMARY).hash


def test_a_refresh_tells_what_is_gone() -> None:
    row = side(A, {})
    lines = [step("resourcePreEvent", "refresh", old=row, new=row), step("resOutputsEvent", "delete", old=row)]
    (change,) = planned(*lines, SUMMARY, operation="refresh").changes
    assert (change.action, change.stateful) == ("delete", True)


def followed(*lines: str) -> tuple[list[Event], Progress]:
    progress = Progress(Facts(), Redactor())
    events: list[Event] = []
    for number, line in enumerate(lines):
        event = raw_events.parse(line)
        assert event is not None
        events += progress.take(event, Moment(at=float(number), simulated_at=float(number * 10)))
    return events, progress


def test_progress_of_a_replacement_starts_and_ends_once() -> None:
    pre, out = replacement(), replacement("resOutputsEvent")
    events, progress = followed(pre[0], out[0], pre[1], out[1], pre[2], out[2])
    assert [type(item) for item in events if isinstance(item, ResourceStarted | ResourceDone)] == [
        ResourceStarted,
        ResourceDone,
    ]
    assert progress.counts["replace"] == 1
    assert progress.running == {}


def test_a_delete_first_replacement_ends_when_the_new_object_is_there() -> None:
    pre, out = replacement(), replacement("resOutputsEvent")
    events, progress = followed(pre[2], out[2], pre[1], out[1], pre[0], out[0])
    assert progress.counts["replace"] == 1
    assert isinstance(events[-1], ResourceDone)
    assert events[-1].elapsed_s == 50.0


@pytest.mark.parametrize("first", ["said", "failed"])
def test_a_failure_is_told_once_with_its_message(first: str) -> None:
    pre = step("resourcePreEvent", "create", new=side(A, {}))
    failed, said = step("resOpFailedEvent", "create", new=side(A, {})), error("Rate exceeded", A)
    events, progress = followed(pre, *((said, failed) if first == "said" else (failed, said)), error("update failed"))
    failures = [item for item in events if isinstance(item, ResourceFailed)]
    assert [(item.urn, item.failure.code) for item in failures] == [(A, "throttle")]
    assert [failure.code for failure in progress.failures] == ["throttle"]


@pytest.mark.parametrize("line", ["", "{", "[]", '"x"', '{"newEvent": {}}', '{"resourcePreEvent": {}}', "nul"])
def test_what_cannot_be_read_is_no_error(line: str) -> None:
    assert raw_events.parse(line) is None


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("VcpuLimitExceeded: more vCPU capacity than your current vCPU limit", "quota"),
        ("Throttling: Rate exceeded", "throttle"),
        ("AccessDenied: User is not authorized to perform", "auth"),
        ("InsufficientInstanceCapacity: We currently do not have sufficient capacity", "capacity"),
        ("SkuNotAvailable: The requested VM size is not available in location", "capacity"),
        ("BucketAlreadyExists: the name is taken", "conflict"),
        ("InvalidParameterValue: bad", "invalid"),
        ("RequestError: the connection was lost", "answer_lost"),
        ("read tcp 10.0.0.1:443: connection reset by peer", "answer_lost"),
        ("dial tcp: connection refused", "unreachable"),
        ("ConflictException: another operation is in progress", "conflict"),
        ("incorrect passphrase", "passphrase"),
        ("something nobody has seen", "provider"),
    ],
)
def test_messages_of_clouds_have_stable_codes(message: str, code: str) -> None:
    failure = classify(message, A)
    assert failure.code == code
    assert failure.hint


def test_a_traceback_never_becomes_a_message() -> None:
    text = "error: it broke\nTraceback (most recent call last):\n  File x\nValueError: y"
    assert classify(text).message == "it broke"


@pytest.mark.parametrize("path", ["a", "a.b", "a[0].b", 'tags["x.y"].z', "rules[12]"])
def test_property_paths_survive_parsing(path: str) -> None:
    assert paths.render(paths.parse(path)) == path


def test_who_judges_what_is_declared_sees_that_a_secret_is_there_and_not_what_it_is() -> None:
    planner = Planner(Facts(), Redactor())
    event = raw_events.parse(step("resourcePreEvent", "create", new=side(A, {"token": SEALED, "of": [{"it": SEALED}]})))
    assert event is not None
    planner.take(event)
    (declared,) = planner.declared.values()
    assert declared.inputs == {"token": UNKNOWN, "of": [{"it": UNKNOWN}]}
