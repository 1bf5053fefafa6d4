"""How alarms of a real account stand: CloudWatch is asked as the role that looks."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from cellctl.clouds import AccountFacts
from cellctl.engine import hosts
from cellctl.engine.hosts import CliHost
from cellctl.errors import EngineError
from cellctl.facts.permissions import permissions
from cellctl_provider.aws import alarms

REGION = "eu-west-1"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.Session(region_name=REGION)


def test_states_are_what_cloudwatch_says_of_each_name(aws: boto3.Session) -> None:
    client, names = aws.client("cloudwatch"), [f"cell-acme-{number:03d}" for number in range(130)]
    for name in names[1:]:  # more than one call asks for
        client.put_metric_alarm(
            AlarmName=name, ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1, MetricName="SecondsUnseen",
            Namespace="cellctl/cell-acme", Period=60, Statistic="Maximum", Threshold=300.0,
        )  # fmt: skip
    client.set_alarm_state(AlarmName=names[1], StateValue="ALARM", StateReason="1 datapoint was over 300")
    client.set_alarm_state(AlarmName=names[129], StateValue="INSUFFICIENT_DATA", StateReason="no data")
    found = alarms.states(aws, names)
    assert set(found) == set(names)
    assert found[names[0]] == {"state": "GONE", "why": "CloudWatch has no alarm of this name"}
    assert found[names[1]] == {"state": "ALARM", "why": "1 datapoint was over 300"}
    assert found[names[2]]["state"] == "OK"
    assert found[names[129]]["state"] == "INSUFFICIENT_DATA"


def test_an_account_is_asked_as_its_role(aws: boto3.Session) -> None:
    role = "arn:aws:iam::123456789012:role/cellctl-preview"
    found = alarms.FederatedAlarms(role, "123456789012").states(["cell-acme-sql-lag"], region=REGION)
    assert found["cell-acme-sql-lag"]["state"] == "GONE"
    with pytest.raises(EngineError) as refused:  # another account's
        alarms.FederatedAlarms(role, "999999999999").states(["cell-acme-sql-lag"], region=REGION)
    assert refused.value.code == "alarms_unseen"


def test_an_account_that_refuses_is_an_error_with_a_code(aws: boto3.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(EngineError) as refused:
        alarms.states(boto3.Session(region_name=REGION), ["cell-acme-sql-lag"])
    assert refused.value.code == "alarms_unseen"


def test_the_role_that_looks_may_ask() -> None:
    assert "cloudwatch:DescribeAlarms" in permissions("aws")["aws:cloudwatch/metricAlarm:MetricAlarm"].read


@pytest.mark.parametrize(
    ("cloud", "role", "asks"), [("aws", "arn:role", True), ("aws", "", False), ("azure", "app", False)]
)
def test_whom_nobody_can_ask_is_not_known(cloud: str, role: str, asks: bool) -> None:
    host = CliHost.__new__(CliHost)  # a CLI is not needed for this
    host._account, host._cloud = AccountFacts(id="123456789012", sandbox=False, role=role), cloud
    assert (host.alarms is not None) is asks
    if not asks:
        assert hosts.alarms(host, ["a"], REGION) == {"": "nobody here can ask this cloud"}
