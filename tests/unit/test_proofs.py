"""What must be read of the cloud before data may go: the table of every type, and how each kind of proof is judged."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cellctl import facts
from cellctl.errors import Objection
from cellctl.facts.proofs import proofs
from cellctl.guard import Case, accepted_losses, judge
from cellctl.plan import Action, Change, Plan
from cellctl.run.unprotect import may_lose
from cellctl.state.values import Struct, Value

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
RDS, SQL, GATEWAY = "aws:rds/instance:Instance", "azure-native:sql:Database", "cellctl:aws:FileGateway"
SHARE, SERVICE = "azure-native:storage:FileShare", "azure-native:storage:FileServiceProperties"
BUCKET, VERSIONS = "aws:s3/bucket:Bucket", "aws:s3/bucketVersioning:BucketVersioning"
ENABLED = {"versioningConfiguration": {"status": "Enabled"}}
KEPT = {"deleteAutomatedBackups": False}
SOFT = {"accountName": "st1", "shareDeleteRetentionPolicy": {"enabled": True, "days": 14}}


def urn(type_: str, name: str = "it") -> str:
    return f"urn:pulumi:cell-a::octopus-cells::cells:aws:Cell${type_}::{name}"


def losing(*types: str, action: Action = "replace") -> Plan:
    cloud = "azure" if "azure" in types[0] else "aws"
    changes = [Change(urn=urn(one), type=one, name="it", action=action, stateful=True) for one in types]
    return Plan(cell="a", cloud=cloud, account="sandbox", operation="up", changes=tuple(changes))


def judged(plan: Plan, told: Mapping[str, Struct] | None, accept: bool = False) -> tuple[Objection, ...]:
    named = frozenset(change.urn for change in plan.changes)
    case = Case(allow=named, told=told, cloud_now=NOW, accept_loss=named if accept else frozenset())
    return judge(plan, case)


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_every_stateful_type_has_its_line_in_the_table(cloud: str) -> None:
    named = [item for name in facts.services(cloud) for item in facts.service(cloud, name).types.values()]
    assert {item.type for item in named if item.stateful} <= set(proofs(cloud))
    ours = [item for name in facts.services("cellctl") for item in facts.service("cellctl", name).types.values()]
    assert {item.type for item in ours if item.stateful and ":aws:" not in item.type} <= set(proofs(cloud))
    assert all(known.stateful for one in proofs(cloud) if (known := facts.of(one)) is not None)


@pytest.mark.parametrize(
    ("type_", "told", "lacks"),
    [
        (RDS, {RDS: {**KEPT, "latestRestorableTime": "2025-12-31T23:55:00Z"}}, ""),
        (RDS, {RDS: {**KEPT, "latestRestorableTime": "2025-12-30T23:00:00Z"}}, "25 hours ago"),
        (RDS, {RDS: {**KEPT, "latestRestorableTime": ""}}, "tells no latestRestorableTime"),
        (RDS, {RDS: {"deleteAutomatedBackups": True, "latestRestorableTime": "2025-12-31T23:55:00Z"}}, "nothing keeps"),
        (RDS, {}, "was not read"),
        (RDS, None, "--refresh none"),
        (SQL, {SQL: {"earliestRestoreDate": "2025-12-01T00:00:00Z"}}, ""),
        (SQL, {SQL: {"earliestRestoreDate": "2026-01-01T00:05:00Z"}}, "has not come yet"),
        (GATEWAY, {GATEWAY: {"cacheDirtyPercent": 0.0}}, ""),
        (GATEWAY, {GATEWAY: {"cacheDirtyPercent": 0.5}}, "0.5 % of its cache is not in S3"),
        (GATEWAY, {GATEWAY: {}}, "could not be read, so it counts as dirty"),
        (GATEWAY, {}, "could not be read, so it counts as dirty"),
        (BUCKET, {BUCKET: {"bucket": "b"}, VERSIONS: {"bucket": "b", **ENABLED}}, ""),
        (BUCKET, {BUCKET: {"bucket": "b"}, VERSIONS: {"bucket": "c", **ENABLED}}, "was not read"),
        (SHARE, {SHARE: {"accountName": "st1"}, SERVICE: SOFT}, ""),
        (SHARE, {SHARE: {"accountName": "st1"}, SERVICE: {**SOFT, "shareDeleteRetentionPolicy": {"enabled": False}}},
         "nothing keeps"),
        ("aws:kms/key:Key", {}, "never allowed"),
        ("azure-native:network:PublicIPAddress", None, ""),
    ],
)  # fmt: skip
def test_a_loss_that_was_named_needs_its_proof(type_: str, told: dict[str, Struct] | None, lacks: str) -> None:
    read = None if told is None else {urn(one): values for one, values in told.items()}
    found = judged(losing(type_), read)
    assert [lacks in item.reason for item in found] == ([True] if lacks else [])
    assert all(item.remedy for item in found)


def test_backups_that_go_in_the_same_plan_prove_nothing() -> None:
    read = {urn(SQL): {"earliestRestoreDate": "2025-12-01T00:00:00Z"}}
    found = judged(losing(SQL, "azure-native:sql:Server"), read)
    assert [(item.code, "go with it (azure-native:sql:Server)" in item.reason) for item in found] == [
        ("backup_unproven", True), ("backup_unproven", False)
    ]  # fmt: skip


def test_accepting_a_loss_lets_everything_through_but_keys_and_overriding_nothing() -> None:
    plan = losing(GATEWAY, "cellctl:octopus:MasterKey", "aws:kms/key:Key")
    named = frozenset(change.urn for change in plan.changes)
    assert [(item.code, item.flag) for item in judged(plan, {}, accept=True)] == [("key_loss", ""), ("key_loss", "")]
    case = Case(allow=named, told={}, override=frozenset({"cache_dirty", "key_loss", "backup_unproven"}))
    assert len(judge(plan, case)) == 3
    (taken,) = accepted_losses(plan, Case(allow=named, told={}, accept_loss=named))
    assert (taken[0].type, "counts as dirty" in taken[1]) == (GATEWAY, True)
    (unnamed, *keys) = judge(plan, Case(told={}, accept_loss=named))
    assert (unnamed.code, "--accept-data-loss" in unnamed.flag) == ("stateful_replace", True)
    assert [item.flag for item in keys] == ["", ""]


def test_a_gateway_and_a_bucket_look_for_themselves_unless_the_loss_was_accepted() -> None:
    plan = losing(RDS, GATEWAY, BUCKET)
    named = tuple(change.urn for change in plan.changes)
    assert may_lose(plan, named, frozenset()) == (urn(RDS),)
    assert may_lose(plan, named, frozenset({urn(GATEWAY)})) == (urn(RDS), urn(GATEWAY))


@pytest.mark.parametrize("percent", [None, True, "0"])
def test_what_is_no_percentage_counts_as_dirty(percent: Value) -> None:
    assert judged(losing(GATEWAY), {urn(GATEWAY): {"cacheDirtyPercent": percent}})


def test_what_a_crash_left_unprotected_is_not_deleted_by_a_down_that_keeps_data() -> None:
    change = Change(urn=urn(RDS), type=RDS, name="it", action="delete", stateful=True)
    plan = Plan(cell="a", cloud="aws", account="sandbox", operation="down", changes=(change,))
    (found,) = judge(plan, Case(keep_data=True))
    assert "is not protected" in found.reason
    assert judge(plan, Case(delete_data=True)) == ()


def test_a_cache_that_is_not_in_s3_goes_by_name_only_although_all_data_go() -> None:
    changes = tuple(
        Change(urn=urn(type_), type=type_, name="it", action="delete", stateful=True) for type_ in (RDS, GATEWAY)
    )
    plan = Plan(cell="a", cloud="aws", account="sandbox", operation="down", changes=changes)

    def said(told: dict[str, Struct], *accepted: str) -> list[tuple[str, str]]:
        found = judge(plan, Case(delete_data=True, told=told, accept_loss=frozenset(accepted)))
        return [(item.code, item.flag) for item in found]

    dirty = [("cache_dirty", f"--accept-data-loss '{urn(GATEWAY)}'")]
    assert said({urn(GATEWAY): {"cacheDirtyPercent": 12.5}}) == dirty
    assert said({}) == dirty, "nothing was read of it"
    assert said({urn(GATEWAY): {"cacheDirtyPercent": 0.0}}) == []
    assert said({}, urn(GATEWAY)) == []
