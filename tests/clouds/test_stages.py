"""Stages, durations, rates, windows of consistency, drift and quotas are what data files, rules and seed say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from cellctl import facts
from cellctl.facts.model import Duration
from cellctl.state.values import Struct
from cellctl_provider.protocol import Configure, Create, Delete, InitFailed, ProviderError, Read, Update
from cellctl_sandbox.clouds import draws
from cellctl_sandbox.clouds.behaviour import behaviour_of
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.drift import next_window
from cellctl_sandbox.clouds.outputs import visible
from cellctl_sandbox.clouds.provider import CloudFactory, SimulatedCloud
from cellctl_sandbox.clouds.templates import EPOCH
from cellctl_sandbox.clouds.trial import Examples
from cellctl_sandbox.clouds.view import records
from cellctl_sandbox.control import Control, open_control
from cellctl_sandbox.estate import Estates

VPC, RDS, ROLE = "aws:ec2/vpc:Vpc", "aws:rds/instance:Instance", "aws:iam/role:Role"
PROFILE, INSTANCE, BUCKET = (
    "aws:iam/instanceProfile:InstanceProfile",
    "aws:ec2/instance:Instance",
    "aws:s3/bucket:Bucket",
)
BLOCK: Struct = {"cidrBlock": "10.0.0.0/16"}


class Home:
    """A sandbox with a stepped clock and a provider of each cloud."""

    def __init__(self, path: Path) -> None:
        self.database = Database.open(path)
        self.clock = SimulatedClock.of(self.database)
        self.clock.pace = 0.0
        self.control: Control = open_control(path)
        self.aws: SimulatedCloud = CloudFactory("aws", self.database)()
        self.aws.configure(
            Configure(urn="p", name="p", type="p", id="p", variables={"aws:config:region": "eu-west-1"}, args={})
        )
        self.examples = Examples(self.aws, stack="cell-acme")

    def make(self, token: str, inputs: Struct | None = None, name: str = "v", *, timeout_s: float = 0) -> str:
        given = behaviour_of(token).example if inputs is None else inputs
        properties = self.examples.checked(token, self.examples.inputs(token, given), name)
        request = Create(urn=self.urn(token, name), properties=properties, type=token, name=name, timeout_s=timeout_s)
        return self.aws.create(request).id

    def urn(self, token: str, name: str = "v") -> str:
        return f"urn:pulumi:cell-acme::p::{token}::{name}"

    def calls(self, token: str = "*") -> list[Mapping[str, object]]:
        return [item for item in self.control.calls() if token in ("*", item["type"])]

    def state(self, token: str) -> str:
        accounts = self.control.show()["accounts"]
        assert isinstance(accounts, list)
        return str(next(item["state"] for account in accounts for item in account["objects"] if item["type"] == token))

    def read(self, token: str, id_: str, name: str = "v") -> Struct | None:
        found = self.aws.read(Read(urn=self.urn(token, name), id=id_, properties={}, inputs={}, type=token))
        return None if found is None else {**found.properties, **found.inputs}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.clock.close()


# ---- durations and the seed
def test_durations_are_spread_as_the_facts_say_and_the_seed_decides_them() -> None:
    taken = sorted(draws.seconds(Duration(100, 200), 7, f"call{number}") for number in range(2000))
    assert 95 < taken[1000] < 105
    assert 180 < taken[1900] <= taken[-1] == 200
    assert taken[0] >= 50
    assert draws.seconds(Duration(100, 200), 7, "x") == draws.seconds(Duration(100, 200), 7, "x")
    assert draws.seconds(Duration(100, 200), 7, "x") != draws.seconds(Duration(100, 200), 8, "x")
    assert draws.seconds(Duration(5, 5), 7, "x") == 5


def _story(path: Path, seed: int, order: list[str]) -> tuple[set[tuple[object, ...]], set[str]]:
    home = Home(path)
    home.control.reset(seed=seed)
    home.control.add_fault({"type": VPC, "error": "throttle", "rate": 0.4, "op": "create"})
    for name in order:
        try:
            home.make(VPC, BLOCK, name)
        except ProviderError:
            continue
    took = {
        (call["urn"], call["outcome"], round(float(str(call["due_s"])) - float(str(call["at_s"])), 2))
        for call in home.calls()
    }
    ids = {record.id for record in records(home.database)}
    home.clock.close()
    return took, ids


def test_one_seed_gives_the_same_durations_ids_and_faults_in_whatever_order(tmp_path: Path) -> None:
    names = [f"v{number}" for number in range(12)]
    first = _story(tmp_path / "a", 7, names)
    assert first == _story(tmp_path / "b", 7, names[::-1])
    assert first != _story(tmp_path / "c", 8, names)
    assert 0 < len(first[1]) < 12


# ---- stages
def test_an_object_goes_through_its_states_and_outputs_appear_on_the_way(home: Home) -> None:
    given = {**behaviour_of(RDS).example, "backupRetentionPeriod": 7}
    home.make(RDS, given)
    record = next(item for item in records(home.database) if item.type == RDS)
    states = [state for _, state in record.timeline.states]
    assert states == ["creating", "backing-up"]
    behaviour, (begin, middle) = behaviour_of(RDS), [since for since, _ in record.timeline.states]
    early, late = visible(behaviour, record, begin + 1), visible(behaviour, record, middle + 1)
    assert (early["status"], early.get("address")) == ("creating", None)
    assert late["status"] == "backing-up"
    assert str(late["address"]).endswith("rds.amazonaws.com")
    assert visible(behaviour, record, record.timeline.due_s)["status"] == home.state(RDS) == "available"


def test_a_creation_that_times_out_has_what_had_appeared(home: Home) -> None:
    with pytest.raises(InitFailed) as late:
        home.make(RDS, {**behaviour_of(RDS).example, "backupRetentionPeriod": 7}, timeout_s=60)
    assert "address" not in late.value.properties
    assert late.value.properties["status"] == home.state(RDS) == "creating"


def test_a_stage_counts_for_updates_of_what_it_names(home: Home) -> None:
    id_ = home.make(INSTANCE)
    old = home.examples.checked(INSTANCE, home.examples.inputs(INSTANCE), "v")

    def states(**changed: str) -> list[str]:
        news = {**old, **changed}
        home.aws.update(Update(urn=home.urn(INSTANCE), id=id_, olds=old, old_inputs=old, news=news, type=INSTANCE))
        record = next(item for item in records(home.database) if item.type == INSTANCE)
        return [state for _, state in record.timeline.states]

    assert states(instanceType="m6i.4xlarge") == ["stopping", "pending"]
    assert states(userData="eA==") == ["updating"]


def test_rare_failures_happen_in_an_ambient_sandbox_only(home: Home) -> None:
    home.make(RDS)
    home.control.set_ambient(1000)
    given = {**behaviour_of(RDS).example, "identifier": "cell-other-sql"}
    with pytest.raises(InitFailed, match="could not be created"):
        home.make(RDS, given, "other")
    failed = next(item for item in records(home.database) if item.name == "cell-other-sql")
    assert failed.timeline.state(home.clock.now()) == "failed"
    with pytest.raises(ProviderError) as capacity:
        home.make(INSTANCE)
    assert capacity.value.code == "capacity"
    home.clock.sleep(1)
    assert not [item for item in records(home.database) if item.type == INSTANCE]


# ---- rates
def test_a_throttled_call_is_repeated_and_shows_in_time_and_log(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = facts.Bucket(
        name="ec2.slow",
        burst=2,
        per_s=0.25,
        scope="region",
        types=("*",),
        requests={"create": 1},
        code="RequestLimitExceeded",
        source="test",
    )
    monkeypatch.setattr(facts, "buckets_of", lambda token, operation: (bucket,) if operation == "create" else ())
    with home.database.transaction() as rows:  # an account that others have used up a moment ago
        rows.execute("INSERT INTO buckets VALUES ('aws', '000000000000', 'eu-west-1', 'ec2.slow', -1, 0)")
    home.make(VPC, BLOCK)
    repeated = [call for call in home.calls() if str(call["outcome"]).startswith("repeated")]
    assert [call["outcome"] for call in repeated] == ["repeated: RequestLimitExceeded: Rate exceeded"] * 4
    assert [(call["at_s"], call["due_s"]) for call in repeated] == [(0, 1), (1, 3), (3, 7), (7, 15)]
    assert home.calls()[-1]["at_s"] == 15
    monkeypatch.setattr(facts, "buckets_of", lambda token, operation: (replace(bucket, per_s=0.0001),))
    with pytest.raises(ProviderError, match="gave up after 25 attempts") as hard:
        home.make(VPC, BLOCK, "w")
    assert hard.value.code == "throttle"


def test_rates_are_of_the_documentation_and_of_one_account_and_region() -> None:
    named = {bucket.name for bucket in facts.buckets_of("azure-native:storage:StorageAccount", "create")}
    assert named == {"api.arm-reads", "api.arm-writes", "storage.rp-reads", "storage.rp-writes"}
    assert {bucket.scope for bucket in facts.buckets_of("aws:route53/record:Record", "create")} == {"account"}


# ---- windows of consistency
def test_what_was_just_made_is_not_found_and_the_provider_waits(home: Home) -> None:
    given = {**behaviour_of(INSTANCE).example, "iamInstanceProfile": "@aws:iam/instanceProfile:InstanceProfile.name"}
    home.make(INSTANCE, given)
    waited = [call for call in home.calls(INSTANCE) if str(call["outcome"]).startswith("repeated")]
    assert [str(call["outcome"]).split(":")[1].strip() for call in waited] == ["InvalidParameterValue"]
    profile = next(item for item in records(home.database) if item.type == PROFILE)
    assert waited[0]["due_s"] == profile.timeline.settled_s > profile.born_s + 4


def test_a_window_longer_than_the_provider_waits_is_an_error(home: Home) -> None:
    home.control.add_fault({"type": BUCKET, "op": "create", "effect": "stale", "delay_s": 50})
    bucket = home.make(BUCKET, {"bucket": "acme-late"})
    assert home.read(BUCKET, bucket) is None
    policy = "aws:s3/bucketPolicy:BucketPolicy"
    with pytest.raises(ProviderError, match="is not found yet") as early:
        home.make(policy, {"bucket": bucket, "policy": "{}"})
    assert early.value.code == "not_found"
    home.clock.sleep(60)
    assert home.read(BUCKET, bucket) is not None
    home.make(policy, {"bucket": bucket, "policy": "{}"})


def test_services_behind_stand_ins_do_not_find_it_either(home: Home) -> None:
    role = home.make(ROLE)
    made = next(item for item in records(home.database) if item.type == ROLE)
    estates = Estates(home.database)
    seen = estates.of("acme")
    assert seen.seen_by("service:dns").one(ROLE, role)
    assert seen.seen_by("service:storagegateway").one(ROLE, role) is None
    assert seen.settles_s == made.timeline.settled_s
    home.clock.sleep(made.timeline.settled_s - home.clock.now())
    assert estates.of("acme").seen_by("service:storagegateway").one(ROLE, role)
    assert estates.of("acme").settles_s is None


# ---- drift
def test_a_rule_lets_objects_drift_at_once_later_and_for_those_to_come(home: Home) -> None:
    first = home.make(VPC, BLOCK, "first")
    assert home.control.add_drift({"type": VPC, "set": {"tags.owner": "nobody"}})[1] == 1
    found = home.read(VPC, first, "first")
    assert found is not None
    assert found["tags"] == {"owner": "nobody"}
    number, now = home.control.add_drift({"type": VPC, "delete": True, "after_s": 3600.0})
    second = home.make(VPC, BLOCK, "second")
    assert (now, home.read(VPC, second, "second") is None) == (0, False)
    assert [rule["pending"] for rule in home.control.drifts()] == [0, 2]
    home.clock.sleep(3700)
    assert home.read(VPC, first, "first") is None
    assert home.read(VPC, second, "second") is None
    assert home.control.clear_drifts(number) == 1
    assert [call["outcome"] for call in home.calls(VPC) if call["operation"] == "drift"][:2] == [
        "drift: tags.owner"
    ] * 2


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"set": {}}, "say either"),
        ({"sett": 1}, "no field 'sett'"),
        ({"delete": True, "rate": 0.0}, "'rate' must"),
        ({"delete": "x"}, "no such value"),
    ],
)
def test_a_rule_of_drift_that_makes_no_sense_is_refused(home: Home, rule: Mapping[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        home.control.add_drift(rule)
    assert home.control.drifts() == []


def test_the_cloud_upgrades_a_database_in_its_window_if_it_may(home: Home) -> None:
    home.control.set_ambient(1)
    window = {"maintenanceWindow": "sun:04:00-sun:05:00", "autoMinorVersionUpgrade": True}
    id_ = home.make(RDS, {**behaviour_of(RDS).example, **window})
    before = home.read(RDS, id_)
    (due,) = home.database.rows("SELECT at_s FROM drifts")[0]
    home.clock.sleep(float(str(due)) - home.clock.now() + 60)
    after = home.read(RDS, id_)
    assert before is not None
    assert after is not None
    assert str(after["engineVersion"]) > str(before["engineVersion"])
    assert float(str(due)) % (7 * 86400) == 3 * 86400 + 4 * 3600  # 2026-01-01 was a Thursday


def test_a_restore_point_goes_with_the_clock_and_no_backups_have_none(home: Home) -> None:
    id_ = home.make(RDS, {**behaviour_of(RDS).example, "backupRetentionPeriod": 7})
    points = []
    for seconds in (60.0, 86400.0):
        home.clock.sleep(seconds)
        found = home.read(RDS, id_)
        assert found is not None
        points.append(datetime.fromisoformat(str(found["latestRestorableTime"])))
    assert 0 <= (points[1] - points[0]).total_seconds() - 86400 < 600
    assert 300 <= home.clock.now() - (points[1] - EPOCH).total_seconds() < 310
    home.control.edit(id_, "latestRestorableTime", "2025-06-01T00:00:00Z")  # before the sandbox began: it stays
    assert (home.read(RDS, id_) or {})["latestRestorableTime"] == "2025-06-01T00:00:00Z"
    home.control.edit(id_, "backupRetentionPeriod", 0)
    assert (home.read(RDS, id_) or {})["latestRestorableTime"] == ""


def test_the_next_window_is_the_next_of_its_weekday() -> None:
    assert next_window(0, "thu:01:30-thu:02:00") == 5400
    assert next_window(5401, "thu:01:30-thu:02:00") == 5400 + 7 * 86400
    assert next_window(77, "whenever") == 77


# ---- quotas and held names
def test_quotas_are_listed_with_their_source_set_and_cleared(home: Home) -> None:
    home.make(VPC, BLOCK)
    (shown,) = [item for item in home.control.quotas() if item["quota"] == "ec2.vpcs"]
    assert shown["used"] == 1
    assert shown["limit"] != 1
    home.control.limit("ec2.vpcs", 1, region="eu-west-1")
    (shown,) = [item for item in home.control.quotas() if item["quota"] == "ec2.vpcs"]
    assert (shown["used"], shown["limit"], shown["because"]) == (1, 1, "set in this sandbox")
    with pytest.raises(ProviderError) as full:
        home.make(VPC, BLOCK, "second")
    assert full.value.code == "quota"
    assert home.control.clear_quotas("ec2.vpcs") == 1
    home.make(VPC, BLOCK, "second")


def test_a_held_name_is_shown_and_purged(home: Home) -> None:
    kind, inputs = "aws:secretsmanager/secret:Secret", {"name": "cells/acme/k", "recoveryWindowInDays": 7}
    id_ = home.make(kind, dict(inputs), "k")
    home.aws.delete(Delete(urn=home.urn(kind, "k"), id=id_, properties=dict(inputs), type=kind))
    (held,) = home.control.held()
    assert held["name"] == "cells/acme/k"
    assert 6 * 86400 < float(str(held["left_s"])) <= 7 * 86400
    assert (home.control.purge("other"), home.control.purge("cells/acme/k"), home.control.held()) == (0, 1, [])
    home.make(kind, dict(inputs), "k2")
