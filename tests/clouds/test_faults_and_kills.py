"""Faults strike as their rules say; a killed process leaves an object once or not at all; many processes at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from cellctl.state.values import Struct, secret
from cellctl_provider.protocol import Check, Configure, Create, Delete, InitFailed, ProviderError, Read
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.provider import CloudFactory, SimulatedCloud
from cellctl_sandbox.control import Control, open_control

FOLDER = str(Path(__file__).resolve().parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)

import makers  # noqa: E402
from makers import BUCKET, maker, urn  # noqa: E402

VPC = "aws:ec2/vpc:Vpc"
BLOCK: Struct = {"cidrBlock": "10.0.0.0/16"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    clock = SimulatedClock.of(Database.open(tmp_path))
    clock.pace = 0.0
    yield tmp_path
    clock.close()


@pytest.fixture
def control(home: Path) -> Control:
    return open_control(home)


@pytest.fixture
def aws(home: Path) -> SimulatedCloud:
    provider = CloudFactory("aws", Database.open(home))()
    provider.configure(
        Configure(urn="p", name="p", type="p", id="p", variables={"aws:config:region": "eu-west-1"}, args={})
    )
    return provider


def create(aws: SimulatedCloud, token: str = VPC, name: str = "v", inputs: Struct | None = None, **more: object) -> str:
    return makers.create(aws, token, name, BLOCK if inputs is None else inputs, cell=str(more.get("cell", "acme")))


def objects(control: Control) -> list[Mapping[str, object]]:
    accounts = control.show()["accounts"]
    assert isinstance(accounts, list)
    return [item for account in accounts for item in account["objects"]]


@pytest.mark.parametrize("code", ["throttle", "capacity", "quota", "conflict", "auth", "internal"])
def test_an_error_strikes_before_anything_changes(aws: SimulatedCloud, control: Control, code: str) -> None:
    control.add_fault({"type": VPC, "op": "create", "error": code, "count": 1})
    with pytest.raises(ProviderError) as failed:
        create(aws)
    assert failed.value.code == code
    assert objects(control) == []
    assert control.faults() == []
    create(aws)
    outcomes = [str(call["outcome"]) for call in control.calls()]
    assert outcomes[0].startswith(code)
    assert outcomes[1:] == ["ok"]


@pytest.mark.parametrize("error", ["capacity", "quota"])
def test_what_is_used_up_strikes_only_what_asks_for_more(control: Control, aws: SimulatedCloud, error: str) -> None:
    id_ = create(aws)
    control.add_fault({"type": VPC, "error": error})
    aws.read(Read(urn=urn(VPC, "v"), name="v", type=VPC, id=id_, inputs={}, properties={}))
    with pytest.raises(ProviderError):
        create(aws, name="w")


def test_rules_choose_by_type_name_operation_and_cell(aws: SimulatedCloud, control: Control) -> None:
    control.add_fault({"type": "aws:ec2/*", "name": "w*", "op": "create", "cell": "zeta", "error": "auth"})
    create(aws, name="v")
    create(aws, name="web")
    with pytest.raises(ProviderError):
        create(aws, name="web2", cell="zeta")
    control.clear_faults()
    create(aws, name="web2", cell="zeta")


def test_a_rule_skips_counts_and_draws_the_same_every_time(aws: SimulatedCloud, control: Control) -> None:
    control.add_fault({"error": "throttle", "skip": 1, "count": 2})
    assert [_fails(aws, f"a{index}") for index in range(5)] == [False, True, True, False, False]
    control.add_fault({"error": "throttle", "rate": 0.5})
    drawn = [_fails(aws, f"b{index}") for index in range(24)]
    assert 4 <= sum(drawn) <= 20


def _fails(aws: SimulatedCloud, name: str) -> bool:
    try:
        create(aws, name=name)
    except ProviderError:
        return True
    return False


def test_a_lost_response_and_a_partial_failure_leave_the_object(aws: SimulatedCloud, control: Control) -> None:
    control.add_fault({"effect": "lost", "count": 1})
    with pytest.raises(ProviderError) as lost:
        create(aws, name="lost")
    assert lost.value.code == "unreachable"
    control.add_fault({"effect": "partial", "count": 1, "message": "not ready"})
    with pytest.raises(InitFailed) as partial:
        create(aws, name="partial")
    assert [item["name"] for item in objects(control)] == ["lost", "partial"]
    found = aws.read(Read(urn=urn(VPC, "partial"), id=partial.value.id, properties={}, inputs={}, type=VPC))
    assert found is not None


def test_a_delay_takes_simulated_time_and_a_hang_ends_with_cancel(
    aws: SimulatedCloud, control: Control, home: Path
) -> None:
    control.add_fault({"effect": "delay", "delay_s": 500.0, "count": 1})
    create(aws)
    now = SimulatedClock.of(Database.open(home)).now()
    assert 500.0 <= now <= 510.0
    control.add_fault({"effect": "hang", "count": 1})
    aws.cancel()
    with pytest.raises(ProviderError) as hung:
        create(aws, name="other")
    assert hung.value.code == "cancelled"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"typ": "x"}, "there is no field 'typ'"),
        ({"effect": "explode"}, "'effect' must be one of"),
        ({"error": "bad"}, "'error' must be one of"),
        ({"rate": 2}, "'rate' must be"),
        ({"rate": "much"}, "'rate' must be a number"),
        ({"count": 1.5}, "'count' must be a number"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(control: Control, rule: Mapping[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        control.add_fault(rule)
    assert control.faults() == []


def test_quotas_count_living_objects_of_an_account_and_region(aws: SimulatedCloud, control: Control) -> None:
    control.set_quota("aws", "ec2.vpcs", 2)
    first = create(aws, name="a")
    create(aws, name="b")
    with pytest.raises(ProviderError) as full:
        create(aws, name="c")
    assert full.value.code == "quota"
    aws.delete(Delete(urn=urn(VPC, "a"), id=first, properties={}, type=VPC))
    create(aws, name="c")


def test_a_name_is_held_after_deletion(aws: SimulatedCloud, home: Path) -> None:
    kind = "aws:secretsmanager/secret:Secret"
    inputs = {"name": "cells/acme/k", "recoveryWindowInDays": 7}
    id_ = create(aws, kind, "k", inputs)
    aws.delete(Delete(urn=urn(kind, "k"), id=id_, properties=inputs, type=kind))
    with pytest.raises(ProviderError, match="scheduled for deletion"):
        create(aws, kind, "k2", inputs)
    SimulatedClock.of(Database.open(home)).sleep(7 * 86400.0)
    assert create(aws, kind, "k3", inputs) != id_


def test_drift_is_seen_by_read_and_a_deleted_object_is_gone(aws: SimulatedCloud, control: Control) -> None:
    id_ = create(aws)
    control.edit(id_, "tags.owner", "somebody")
    request = Read(urn=urn(VPC, "v"), id=id_, properties={}, inputs={}, type=VPC)
    found = aws.read(request)
    assert found is not None
    assert found.inputs["tags"] == {"owner": "somebody"}
    control.edit(id_, "", None)
    assert aws.read(request) is None


def test_secrets_are_sealed_in_the_file_and_secret_in_outputs(aws: SimulatedCloud, home: Path) -> None:
    kind = "aws:secretsmanager/secret:Secret"
    owner = create(aws, kind, "k", {"name": "k"})
    version = "aws:secretsmanager/secretVersion:SecretVersion"
    create(aws, version, "v", {"secretId": owner, "secretString": secret("hunter2-hunter2")})
    create(aws, version, "w", {"secretId": owner, "secretString": "plain-hunter3"})
    files = [path for path in (home / ".cellctl").iterdir() if path.is_file()]
    assert {"sandbox.db", "sandbox.key"} <= {path.name for path in files}
    for path in files:
        assert b"hunter" not in path.read_bytes(), path


def test_a_preview_knows_inputs_only_and_writes_nothing(aws: SimulatedCloud, control: Control) -> None:
    request = Create(urn=urn(VPC, "v"), properties=BLOCK, preview=True, type=VPC, name="v")
    made = aws.create(request)
    assert made.id == ""
    assert made.properties["cidrBlock"] == "10.0.0.0/16"
    assert made.properties["arn"] == "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    assert (objects(control), control.calls()) == ([], [])


def test_an_unknown_type_names_the_file_to_add(aws: SimulatedCloud) -> None:
    kind = "aws:sqs/queue:Queue"
    checked = aws.check(Check(urn=urn(kind, "q"), olds={}, news={}, type=kind, name="q"))
    assert "sandbox/cellctl_sandbox/clouds/aws/sqs.toml" in checked.failures[0].reason


@pytest.mark.parametrize(("when", "left"), [("before", []), ("after", ["killed-0"])])
def test_a_killed_create_made_its_object_once_or_not_at_all(
    home: Path, control: Control, aws: SimulatedCloud, when: str, left: list[str]
) -> None:
    control.add_fault({"type": BUCKET, "effect": "crash", "when": when, "count": 1})
    process = maker(home, "killed", 1)
    process.join(30)
    assert process.exitcode == 137
    assert [item["id"] for item in objects(control)] == left
    request = Read(urn=urn(BUCKET, "killed0"), id="killed-0", properties={}, inputs={}, type=BUCKET)
    found = aws.read(request)
    assert (found is not None) == bool(left)
    if left:
        with pytest.raises(ProviderError) as taken:
            create(aws, BUCKET, "again", {"bucket": "killed-0"})
        assert taken.value.code == "conflict"


def test_eight_processes_create_at_once(home: Path, control: Control) -> None:
    processes = [maker(home, f"p{number}", 6) for number in range(8)]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    ids = [str(item["id"]) for item in objects(control)]
    assert len(ids) == len(set(ids)) == 48
    assert {item["state"] for item in objects(control)} == {"available"}
    assert control.clock()["waiters"] == 0
