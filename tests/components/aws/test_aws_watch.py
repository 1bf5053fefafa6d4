"""What watches a cell or a reef where CloudWatch has no metric: who runs it, what it may do, when it alarms."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pulumi
import pytest

from cellctl.clouds import AccountFacts, Wanted, declaring, load
from cellctl.spec import CellSpec
from cellctl.spec.reef import ReefSpec
from cellctl_components.aws.resolve import layout
from cellctl_components.aws.watching.watcher import CODE

if TYPE_CHECKING:
    from conftest import Recording

ACCOUNT = AccountFacts(id="123456789012", sandbox=True)
FUNCTION, SCHEDULE, ALARM = (
    "aws:lambda/function:Function", "aws:scheduler/schedule:Schedule", "aws:cloudwatch/metricAlarm:MetricAlarm",
)  # fmt: skip
BODY = {"cloud": "aws", "account": "sandbox", "region": "eu-west-1"}
SUBNETS = {tier: {letter: f"{tier}-{letter}" for letter in "abc"} for tier in ("public", "ingress", "nodes", "data")}
PLACE: dict[str, object] = {
    "reef": "r1", "number": 0, "network": "vpc-1", "cidr": "10.80.0.0/16", "subnets": SUBNETS, "members": "sg-members",
    "host": "reef-r1-sql-1", "server": "sql.internal", "administrator_secret": "arn:s", "database": "octo_acme_g1",
    "gateway": "g1.r1.reef.internal", "gateway_id": "sgw-1", "gateway_name": "reef-r1-g1", "share": "g1-01",
    "share_arn": "arn:share", "bucket": "b", "writer": "arn:w",
}  # fmt: skip
ZONES = [{"letter": letter, "name": f"eu-west-1{letter}", "nodes": f"10.1.{at}.0/24"} for at, letter in enumerate("ab")]
IDS = {tier: {letter: f"{tier}-{letter}" for letter in "ab"} for tier in ("ingress", "nodes", "data")}
SITE = {"network": "vpc-1", "cidr": "10.1.0.0/16", "zones": ZONES, "storage": "pl-1", "subnets": IDS}


def dedicated() -> Callable[[], None]:
    cloud = load("aws")
    return lambda: cloud.program(layout(CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": BODY})), ACCOUNT)


def wanted(level: str, *, site: object = None, place: object = None, **body: object) -> Callable[[], None]:
    kind = {"reef": ReefSpec, "cell": CellSpec}[level]
    name = "r1" if level == "reef" else "acme"
    spec = kind.model_validate({"metadata": {"name": name}, "spec": {**BODY, **body}})  # type: ignore[attr-defined]
    return declaring(load("aws"), Wanted(level=level, spec=spec.to_json(), site=site, place=place), ACCOUNT)  # type: ignore[arg-type]


EXISTING = {"network": {"existing": {"id": "vpc-1", "subnets": ["subnet-a", "subnet-b"]}}}
ON_REEF = {"placement": {"reef": "r1"}}
PROGRAMS: Mapping[str, Callable[[], Callable[[], None]]] = {
    "cell": dedicated,
    "reef": lambda: wanted("reef", database={"hosts": 2}),
    "guest": lambda: wanted("cell", place=PLACE, **ON_REEF),
    "guest there": lambda: wanted("cell", place={**PLACE, "zones": ZONES, "subnets": IDS}, **ON_REEF),
    "there": lambda: wanted("cell", site=SITE, **EXISTING),
    "reef there": lambda: wanted("reef", site=SITE, **EXISTING),
}
_kept: dict[str, Recording] = {}


@pytest.fixture
def of(record: Callable[[Callable[[], None]], Recording]) -> Callable[[str], Recording]:
    def run(which: str) -> Recording:
        if which not in _kept:
            _kept[which] = record(PROGRAMS[which]())
        return _kept[which]

    return run


def owner(which: str) -> str:
    return "reef-r1" if which.startswith("reef") else "acme"


def policy(recording: Recording, name: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(str(recording.named(name, "rolePolicy:").inputs["policy"]))["Statement"]
    return found


@pytest.mark.parametrize("which", PROGRAMS)
def test_one_file_runs_every_minute_and_knows_names_alone(which: str, of: Callable[[str], Recording]) -> None:
    (function,), (schedule,) = of(which).of(FUNCTION), of(which).of(SCHEDULE)
    code = function.inputs["code"]
    assert isinstance(code, pulumi.AssetArchive)
    ((name, asset),) = code.assets.items()
    assert isinstance(asset, pulumi.StringAsset)
    assert (name, asset.text) == ("function.py", CODE.read_text(encoding="utf-8"))
    assert (function.inputs["handler"], function.inputs["runtime"]) == ("function.handler", "python3.13")
    assert function.inputs["architectures"] == ["arm64"]
    variables = function.inputs["environment"]["variables"]  # type: ignore[index]
    assert set(variables) <= {"NAMESPACE", "DATABASES", "GATEWAYS", "NODES", "API_KEY_SECRET"}
    assert variables.get("API_KEY_SECRET", "arn:").startswith("arn:")
    assert variables["NAMESPACE"] == f"cellctl/{'reef-r1' if which.startswith('reef') else 'cell-acme'}"
    assert (schedule.inputs["scheduleExpression"], schedule.inputs["flexibleTimeWindow"]) == (
        "rate(1 minute)", {"mode": "OFF"},
    )  # fmt: skip
    target = schedule.inputs["target"]
    assert target["arn"] == f"arn:{FUNCTION}:{function.name}"  # type: ignore[index]
    assert target["roleArn"] == function.inputs["role"]  # type: ignore[index]


@pytest.mark.parametrize("which", PROGRAMS)
def test_it_may_look_at_its_own_and_publish_as_itself(which: str, of: Callable[[str], Recording]) -> None:
    """`*` is a resource only where AWS has none to name: metrics, limited to a namespace, and interfaces to come."""
    recording = of(which)
    looks = {str(one["Sid"]): one for one in policy(recording, f"{owner(which)}-watch-looks")}
    nodes, databases = {"ApiKey", "Key"}, {"Databases", "Gateways"}
    wanted_sids = {"Metrics", "Logs", *(() if which.startswith("reef") else nodes)}
    wanted_sids |= set() if which.startswith("guest") else databases
    assert set(looks) == wanted_sids
    namespace = f"cellctl/{'reef-r1' if which.startswith('reef') else 'cell-acme'}"
    assert looks.pop("Metrics") == {
        "Sid": "Metrics", "Effect": "Allow", "Action": ["cloudwatch:PutMetricData"], "Resource": "*",
        "Condition": {"StringEquals": {"cloudwatch:namespace": namespace}},
    }  # fmt: skip
    assert [one for one in looks.values() if "*" in str(one["Resource"]).replace(":*']", "']")] == []
    assert {action for one in looks.values() for action in one["Action"]} <= {  # type: ignore[attr-defined]
        "rds:DescribeDBInstances", "storagegateway:DescribeGatewayInformation", "secretsmanager:GetSecretValue",
        "kms:Decrypt", "logs:CreateLogStream", "logs:PutLogEvents",
    }  # fmt: skip
    if "Databases" in looks:
        hosts = {"cell": ["cell-acme-sql"], "there": ["cell-acme-sql"], "reef": ["reef-r1-sql-1", "reef-r1-sql-2"]}
        named = hosts.get(which, ["reef-r1-sql-1"])
        assert looks["Databases"]["Resource"] == [f"arn:aws:rds:eu-west-1:123456789012:db:{one}" for one in named]
        assert looks["Gateways"]["Resource"] == ["arn:aws:storagegateway:eu-west-1:1:gateway/sgw-1"]
    if "ApiKey" in looks:
        assert looks["ApiKey"]["Resource"] == ["arn:api-key"]
        assert looks["Key"]["Condition"] == {
            "StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}
        }
    attached = [one for one in recording.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment") if "watch" in one.name]
    assert attached == [], "nothing that AWS manages, and may change"


@pytest.mark.parametrize("which", PROGRAMS)
def test_what_aws_does_as_it_its_code_may_not(which: str, of: Callable[[str], Recording]) -> None:
    statements = policy(of(which), f"{owner(which)}-watch-services")
    allowed = {action for one in statements if one["Effect"] == "Allow" for action in one["Action"]}  # type: ignore[attr-defined]
    (denied,) = [one for one in statements if one["Effect"] == "Deny"]
    assert (set(denied["Action"]), denied["Resource"]) == (allowed, "*")  # type: ignore[call-overload]
    name = re.sub("^acme", "cell-acme", owner(which))
    arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{name}-watch"
    assert denied["Condition"] == {"ArnEquals": {"lambda:SourceFunctionArn": arn}}
    assert [one["Resource"] for one in statements if one["Sid"] == "Clock"] == [[arn]]
    assert ("ec2:CreateNetworkInterface" in allowed) is not which.startswith("reef")
    role = of(which).named(f"{owner(which)}-watch-role", "role:Role").inputs
    assert (role["path"], role["name"]) == ("/cells/", f"{name}-watch")
    trust = json.loads(str(role["assumeRolePolicy"]))["Statement"]
    assert [one["Principal"]["Service"] for one in trust] == ["lambda.amazonaws.com", "scheduler.amazonaws.com"]
    assert trust[1]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/default"},
    }


@pytest.mark.parametrize(
    ("which", "subnets"),
    [
        ("cell", ["acme-network-ingress-a-id", "acme-network-ingress-b-id"]), ("guest", ["ingress-a", "ingress-b"]),
        ("there", ["nodes-a", "nodes-b"]), ("guest there", ["nodes-a", "nodes-b"]), ("reef", None),
        ("reef there", None),
    ],
)  # fmt: skip
def test_it_stands_where_a_way_out_is_known_and_no_address_is_fixed(
    which: str, subnets: list[str] | None, of: Callable[[str], Recording]
) -> None:
    (function,) = of(which).of(FUNCTION)
    given = function.inputs.get("vpcConfig")
    if subnets is None:
        assert given is None
        assert not [item for item in of(which).resources if item.name.endswith("network-watch")]
        return
    assert given == {"subnetIds": subnets, "securityGroupIds": ["acme-network-watch-id"]}
    group = of(which).named("acme-network-watch", "securityGroup:")
    assert any(one.endswith("::acme-watch-services") for one in group.dependencies), "it outlives the interfaces"


@pytest.mark.parametrize("which", PROGRAMS)
def test_its_log_is_sealed_kept_for_a_while_and_holds_failures_alone(
    which: str, of: Callable[[str], Recording]
) -> None:
    log = of(which).named(f"{owner(which)}-watch-logs", "logGroup:").inputs
    assert (str(log["name"]), bool(log["kmsKeyId"]), log["retentionInDays"]) == (
        f"/{'reefs/r1' if which.startswith('reef') else 'cells/acme'}/watch", True, 30,
    )  # fmt: skip
    (function,) = of(which).of(FUNCTION)
    assert function.inputs["loggingConfig"] == {
        "logFormat": "JSON", "logGroup": log["name"], "applicationLogLevel": "WARN", "systemLogLevel": "WARN",
    }  # fmt: skip


OF_NODES: dict[str, tuple[str, float, dict[str, str]]] = {
    "nodes-silent": ("SecondsUnseen", 300, {}),
    "nodes-licence": ("NodesOverLicence", 1, {}),
}


SUPPORT = ("DaysSupported", 120, {"GatewayId": "sgw-1"})


def lag(host: str) -> tuple[str, float, dict[str, str]]:
    return ("RestoreLagSeconds", 600, {"DBInstanceIdentifier": host})


@pytest.mark.parametrize(
    ("which", "labels"),
    [
        ("cell", {"sql-lag": lag("cell-acme-sql"), "gateway-support": SUPPORT, **OF_NODES}),
        ("guest", OF_NODES),
        ("reef", {"g1-support": SUPPORT, **{f"sql-{n}-lag": lag(f"reef-r1-sql-{n}") for n in (1, 2)}}),
    ],
)
def test_no_data_is_an_alarm_and_none_is_asked_for_before_it_can_be_there(
    which: str, labels: Mapping[str, tuple[str, float, dict[str, str]]], of: Callable[[str], Recording]
) -> None:
    start = f"{owner(which)}-alarms-"
    own = [one for one in of(which).of(ALARM) if str(one.inputs.get("namespace", "")).startswith("cellctl/")]
    assert {
        one.name.removeprefix(start): (
            one.inputs["metricName"],
            one.inputs["threshold"],
            one.inputs.get("dimensions", {}),
        )
        for one in own
    } == labels
    for alarm in own:
        if alarm.inputs["metricName"] == "DaysSupported":
            assert (alarm.inputs["treatMissingData"], alarm.inputs["period"]) == ("missing", 3600)
            assert (alarm.inputs["statistic"], alarm.inputs["comparisonOperator"]) == ("Minimum", "LessThanThreshold")
            continue
        assert (alarm.inputs["treatMissingData"], alarm.inputs["statistic"], alarm.inputs["period"]) == (
            "breaching", "Maximum", 60,
        )  # fmt: skip
        assert alarm.inputs["evaluationPeriods"] == alarm.inputs["datapointsToAlarm"] == 3
        assert any(one.endswith(f"::{owner(which)}-watch-clock") for one in alarm.dependencies)
    (schedule,) = of(which).of(SCHEDULE)
    first = "::acme-nodes-administrator" if owner(which) == "acme" else "::reef-r1-sql-1-instance"
    assert any(one.endswith(first) for one in schedule.dependencies), schedule.dependencies
