"""Quotas of real accounts: AWS as moto simulates it, Azure as its services answer; what is not told is the default."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import boto3
import botocore.session
import httpx
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import Shape
from rich.console import Console

from cellctl import facts
from cellctl.clouds import AccountFacts
from cellctl.engine import hosts
from cellctl.engine.hosts import CliHost
from cellctl.engine.wire import Setup
from cellctl.facts.asking import questions
from cellctl.facts.permissions import looks, merged, permissions
from cellctl.guard import Case, Need, Usage
from cellctl.guard.quota import within_quotas
from cellctl.home import Home
from cellctl.plan import Change, Declared, Plan
from cellctl.run.accounts import quotas
from cellctl.views.reef_text import quotas_text
from cellctl_provider.aws.quotas import AwsQuotas
from cellctl_provider.azure.quotas import AzureQuotas
from cellctl_sandbox.control import Control

ACCOUNT, REGION = "123456789012", "eu-west-1"
SUBSCRIPTION = "11111111-2222-4333-8444-555555555555"


def asking(session: boto3.Session) -> AwsQuotas:
    return AwsQuotas(lambda _region: session)


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_it_is_known_how_each_quota_is_asked_for(cloud: str) -> None:
    every = {f"{service}.{name}" for service in facts.services(cloud) for name in facts.service(cloud, service).quotas}
    assert set(questions(cloud)) == every


def test_every_call_is_one_of_boto3s_and_yields_what_is_counted() -> None:
    """A wrong name would only ever show as 'not known' in a real account."""
    session = botocore.session.get_session()
    allowed = merged((looks("aws"), *permissions("aws").values())).read
    models = {name: session.get_service_model(name) for name in {one.used.client for one in questions("aws").values()}}
    for quota, question in questions("aws").items():
        used, model = question.used, models[question.used.client]
        (name,) = [name for name in model.operation_names if xform_name(name) == used.call]
        operation = model.operation_model(name)
        required = operation.input_shape.required_members if operation.input_shape else []
        assert set(required) <= set(used.words) <= {*(operation.input_shape.members if operation.input_shape else ())}
        prefix = {"elbv2": "elasticloadbalancing"}.get(used.client, used.client)
        action = "s3:ListAllMyBuckets" if used.call == "list_buckets" else f"{prefix}:{name}"
        assert action in allowed, "the role that cellctl account up makes may not ask for it"
        paths = [used.at] if used.at else [used.used, used.limit]
        for path in paths:
            shape = at_path(operation.output_shape, path)
        for name in (*(name for name, _ in used.where.entries), *used.each):
            assert at_path(shape.member if shape.type_name == "list" else shape, name), quota


def at_path(shape: Shape, path: str) -> Shape:
    for part in path.split("."):
        shape = shape.member if part == "*" else shape.members[part]  # type: ignore[attr-defined]
    return shape


def test_machines_count_as_many_processors_as_they_have(aws: boto3.Session) -> None:
    client = aws.client("ec2")
    image = client.describe_images()["Images"][0]["ImageId"]
    made = [
        client.run_instances(ImageId=image, InstanceType=size, MinCount=number, MaxCount=number)["Instances"]  # type: ignore[call-overload]
        for size, number in (("c6i.xlarge", 2), ("m5.xlarge", 1), ("p3.2xlarge", 1), ("m5.4xlarge", 1))
    ]
    client.stop_instances(InstanceIds=[made[3][0]["InstanceId"]])
    asked = questions("aws")["ec2.standard-vcpus"].used
    pages = [{"Reservations": [{"Instances": [one]} for each in made for one in each]}]
    for each in made:
        for one in each:
            one["CpuOptions"] = {"CoreCount": 2, "ThreadsPerCore": 2}
            one["State"] = {"Name": "running"}
    made[3][0]["State"] = {"Name": "stopped"}
    assert asked.told(pages) == (12, None)  # type: ignore[arg-type]
    assert (asking(aws).usage("ec2.standard-vcpus", inside="", region=REGION) or {})["used"] is not None


def test_what_an_account_was_raised_to_and_what_is_in_use(aws: boto3.Session) -> None:
    for _ in range(3):
        aws.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    found = asking(aws).usage("ec2.vpcs", inside="", region=REGION)
    assert found == {"used": 4, "limit": 5, "because": "Service Quotas, L-F678F1CE", "doubt": ""}


def test_all_pages_are_counted_and_only_what_counts(aws: boto3.Session) -> None:
    client = aws.client("rds")
    for number in range(102):  # a page of RDS is 100
        engine = "sqlserver-se" if number % 2 else "postgres"
        client.create_db_instance(DBInstanceIdentifier=f"d{number}", DBInstanceClass="db.m6i.large", Engine=engine)
    told = asking(aws)
    rows = {name: told.usage(name, inside="", region=REGION) for name in ("rds.instances", "rds.sqlserver-instances")}
    assert {name: row["used"] for name, row in rows.items() if row} == {
        "rds.instances": 102, "rds.sqlserver-instances": 51,
    }  # fmt: skip


def test_iam_tells_both_itself(aws: boto3.Session) -> None:
    aws.client("iam").create_role(RoleName="a", AssumeRolePolicyDocument="{}")
    found = asking(aws).usage("iam.roles", inside="", region=REGION) or {}
    assert (found["used"], found["limit"], found["doubt"]) == (1, 1000, "")
    assert found["because"] == "the service itself tells it"


def test_what_service_quotas_does_not_know_is_the_default_and_says_so(aws: boto3.Session) -> None:
    aws.client("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    found = asking(aws).usage("s3.buckets", inside="", region=REGION) or {}
    assert (found["used"], found["limit"]) == (1, 10000)
    assert found["because"] == "the default: Service Quotas could not be asked"
    assert str(found["doubt"]).startswith("Service Quotas: ")


class Answering:
    """A session whose one client answers, or raises, what a test says."""

    def __init__(self, **answers: object) -> None:
        self.answers, self.asked = answers, list[str]()

    def client(self, service: str, **_words: object) -> Answering:
        return self

    def can_paginate(self, _call: str) -> bool:
        return False

    def __getattr__(self, call: str) -> Callable[..., object]:
        def answer(**_words: object) -> object:
            self.asked.append(call)
            found = self.answers[call]
            if isinstance(found, str):
                raise ClientError({"Error": {"Code": found, "Message": "no"}}, call)
            return found

        return answer


def test_a_quota_that_was_never_raised_is_told_as_the_default_of_aws() -> None:
    default = {"Quota": {"QuotaName": "VPCs per Region", "Value": 7.0}}
    session = Answering(
        describe_vpcs={"Vpcs": []}, get_service_quota="NoSuchResourceException", get_aws_default_service_quota=default
    )
    found = asking(session).usage("ec2.vpcs", inside="", region=REGION) or {}  # type: ignore[arg-type]
    assert (found["limit"], found["because"], found["doubt"]) == (7, "Service Quotas, L-F678F1CE", "")


def test_a_code_that_means_something_else_is_not_believed() -> None:
    other = {"Quota": {"QuotaName": "Subnets per VPC", "Value": 200.0}}
    session = Answering(describe_vpcs={"Vpcs": []}, get_service_quota=other)
    found = asking(session).usage("ec2.vpcs", inside="", region=REGION) or {}  # type: ignore[arg-type]
    assert (found["limit"], found["used"]) == (5, 0)
    assert "'Subnets per VPC', and not 'VPCs per Region'" in str(found["doubt"])


def test_a_role_that_may_not_ask_leaves_the_default_and_an_unknown_count() -> None:
    session = Answering(describe_vpcs="UnauthorizedOperation", get_service_quota="AccessDeniedException")
    found = asking(session).usage("ec2.vpcs", inside="", region=REGION) or {}  # type: ignore[arg-type]
    assert (found["limit"], found["used"]) == (5, None)
    assert found["doubt"] == "ec2 describe_vpcs: UnauthorizedOperation: no; Service Quotas: AccessDeniedException: no"
    assert session.asked == ["describe_vpcs", "get_service_quota"]


def test_the_host_of_a_real_account_asks_as_its_role_and_the_guard_counts_with_it(
    aws: boto3.Session, tmp_path: Path
) -> None:
    """From the operation process to the objection: 4 of 5 VPCs are there, so one more has room."""
    (tmp_path / "pulumi").write_text("#!/bin/sh\necho v3.260.0\n")
    (tmp_path / "pulumi").chmod(0o755)
    made = AccountFacts(id=ACCOUNT, role=f"arn:aws:iam::{ACCOUNT}:role/cellctl-apply")
    spec = {"spec": {"region": REGION}}
    environment = {"PATH": str(tmp_path), "PULUMI_HOME": str(tmp_path / "home")}
    setup = Setup(
        home=str(tmp_path), cell="acme", cloud="aws", stack="cell-acme", work_dir=str(tmp_path), run_dir=str(tmp_path),
        engine="pulumi", clock="", spec=spec, incarnation=1, account=made, environment=environment, record={},
    )  # fmt: skip
    (tmp_path / "home").mkdir()
    host = CliHost(setup)
    for _ in range(3):
        aws.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    need = Need(quota="ec2.vpcs")
    try:
        (row,) = hosts.account(setup, host, [json.dumps([need.quota, need.inside])])["quotas"]  # type: ignore[misc, union-attr]
    finally:
        host.close()
    assert isinstance(row, dict)
    usage = Usage(used=int(str(row["used"])), limit=int(str(row["limit"])), because=str(row["because"]))
    assert usage == Usage(used=4, limit=5, because="Service Quotas, L-F678F1CE")
    assert refused(1, usage) == []
    assert refused(2, usage) == [
        "quota ec2.vpcs of account prod (VpcLimitExceeded): 4 are used, this takes 2 more, and 5 are allowed "
        "(Service Quotas, L-F678F1CE)"
    ]
    unknown = Usage(used=None, limit=1, because="the default: Service Quotas could not be asked", doubt="denied")
    (reason,) = refused(2, unknown)
    assert "what is used is not known here" in reason
    assert "(the default: Service Quotas could not be asked)" in reason


TOLD, DEFAULT = "Service Quotas, L-1216C47A", "the default: Service Quotas could not be asked"


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        (None, ""),
        (Usage(used=30, limit=32, because=DEFAULT, doubt="denied"), ""),
        (Usage(used=2, limit=5, because=TOLD), "2 are used, this takes 4 more, and 5 are allowed"),
        (Usage(used=1, limit=5, because=TOLD), ""),
    ],
)
def test_machines_are_refused_for_what_an_account_has_never_for_a_default(usage: Usage | None, reason: str) -> None:
    machine, need = "aws:ec2/instance:Instance", Need(quota="ec2.standard-vcpus")
    plan = Plan(
        cell="acme", cloud="aws", account="prod", operation="up",
        changes=(Change(urn="urn:m", type=machine, name="m", action="create"),),
    )  # fmt: skip
    declared = (Declared(urn="urn:m", type=machine, name="m", parent="", inputs={"instanceType": "c6i.xlarge"}),)
    case = Case(declared=declared, usage={need: usage} if usage else {})
    (said,) = [one.reason for one in within_quotas(plan, case)] or [""]
    assert reason in said
    assert bool(said) is bool(reason)


def refused(vpcs: int, usage: Usage) -> list[str]:
    type_ = "aws:ec2/vpc:Vpc"
    urns = [f"urn:pulumi:cell-a::octopus-cells::{type_}::v{number}" for number in range(vpcs)]
    changes = tuple(Change(urn=urn, type=type_, name="v", action="create") for urn in urns)
    plan = Plan(cell="a", cloud="aws", account="prod", operation="up", changes=changes)
    declared = [Declared(urn=urn, type=type_, name="v", parent="", inputs={}) for urn in urns]
    case = Case(declared=declared, usage={Need(quota="ec2.vpcs"): usage})
    return [objection.reason for objection in within_quotas(plan, case)]


HOME = f"""
apiVersion: cellctl/v1
kind: Home
accounts:
  prod:
    cloud: aws
    id: "{ACCOUNT}"
    regions: [{REGION}]
    preview: {{role: "arn:aws:iam::{ACCOUNT}:role/cellctl-preview"}}
    apply: {{role: "arn:aws:iam::{ACCOUNT}:role/cellctl-apply"}}
    state: "s3://states"
    secrets: "awskms://alias/cellctl"
"""


def test_how_many_more_cells_an_account_carries_is_counted_with_what_it_has(aws: boto3.Session, tmp_path: Path) -> None:
    (tmp_path / "cellctl.yaml").write_text(HOME)
    client = aws.client("ec2")
    for _ in range(2):
        client.create_vpc(CidrBlock="10.0.0.0/16")
    found = {fit.quota: fit for fit in quotas("aws", 3, "dedicated", home=Home(tmp_path), account="prod")}
    vpcs, instances = found["ec2.vpcs"], found["rds.sqlserver-instances"]
    assert (vpcs.used, vpcs.limit, vpcs.needed, vpcs.breaks_at) == (3, 5, 3, 3)
    assert (vpcs.because, vpcs.doubt) == ("Service Quotas, L-F678F1CE", "")
    assert (instances.used, instances.breaks_at) == (0, 0)
    assert instances.because.startswith("the default: AWS has no code")
    assert found["ec2.elastic-ips"].doubt.startswith("Service Quotas: ")  # moto knows the quotas of VPC only
    shown = Console(width=120, record=True, file=io.StringIO())
    shown.print(quotas_text(list(found.values()), 3, "dedicated", "prod"))
    text = shown.export_text()
    assert re.search(r"ec2.vpcs +5 +3 +3 +breaks at cell 3", text)
    assert re.search(r"ec2.elastic-ips +5\* +0 +6 ", text)
    assert "* the default, not what this account has" in text
    assert "Without a raise there is room for 2 cells of their own more in account prod in one region." in text


def test_an_account_that_names_no_role_is_not_asked_and_the_sandbox_is(tmp_path: Path) -> None:
    """Here no cloud answers at all: a call would fail the test."""
    (tmp_path / "cellctl.yaml").write_text("".join(line for line in HOME.splitlines(True) if "role" not in line))
    fits = quotas("aws", 1, "dedicated", home=Home(tmp_path), account="prod")
    assert {fit.doubt for fit in fits} == {"cellctl.yaml names no role for prod to ask as"}
    assert {fit.used for fit in fits} == {None}
    control = Control(tmp_path)
    control.limit("ec2.vpcs", 0, cloud="aws")
    found = {fit.quota: fit for fit in quotas("aws", 1, "dedicated", home=Home(tmp_path), account="sandbox")}
    assert (found["ec2.vpcs"].used, found["ec2.vpcs"].limit, found["ec2.vpcs"].breaks_at) == (0, 0, 1)
    assert found["ec2.vpcs"].because == "set in this sandbox"
    broken = {fit.quota: fit.breaks_at for fit in quotas("azure", 300, "reef") if fit.breaks_at}
    assert min(broken.values()) == 251  # each cell brings a storage account of its own


def azure(answers: Callable[[httpx.Request], httpx.Response], tmp_path: Path, **environment: str) -> AzureQuotas:
    (tmp_path / "token").write_text("assertion\n")
    client = httpx.Client(transport=httpx.MockTransport(answers))
    given = environment or {"AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token")}
    return AzureQuotas(client, subscription=SUBSCRIPTION, tenant="t", application="app", environment=given)


def test_azure_tells_both_numbers_in_one_answer(tmp_path: Path) -> None:
    seen = []

    def answers(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.host == "login.microsoftonline.com":
            assert b"client_assertion=assertion" in request.content
            assert b"scope=https%3A%2F%2Fmanagement.azure.com%2F.default" in request.content
            return httpx.Response(200, json={"access_token": "secret-token"})
        assert request.headers["Authorization"] == "Bearer secret-token"
        if request.url.path.endswith("/resourcegroups"):
            last = "skip" in request.url.query.decode()
            more = {} if last else {"nextLink": f"{request.url.copy_with(query=b'skip=1')}"}
            return httpx.Response(200, json={"value": [{"name": "a"}, {"name": "b"}], **more})
        rows = [
            {"name": {"value": "PublicIPAddresses"}, "currentValue": 2, "limit": 10},
            {"name": {"value": "VirtualNetworks"}, "currentValue": 49, "limit": 50},
        ]
        return httpx.Response(200, json={"value": rows})

    told = azure(answers, tmp_path)
    found = told.usage("network.virtual-networks", inside="", region="westeurope")
    assert found == {"used": 49, "limit": 50, "because": "Azure Resource Manager tells it", "doubt": ""}
    assert str(seen[-1].url) == (
        f"https://management.azure.com/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Network/locations/westeurope/"
        "usages?api-version=2023-09-01"
    )
    groups = told.usage("resources.resource-groups", inside="", region="westeurope") or {}
    assert (groups["used"], groups["limit"], groups["because"]) == (4, 980, "the documented limit")
    assert sum(request.url.host == "login.microsoftonline.com" for request in seen) == 1
    told.close()


def test_without_an_identity_or_a_right_azure_has_its_documented_limits_and_says_so(tmp_path: Path) -> None:
    def refuses(request: httpx.Request) -> httpx.Response:
        if request.url.host == "login.microsoftonline.com":
            return httpx.Response(200, json={"access_token": "secret-token"})
        return httpx.Response(403, json={"error": {"code": "AuthorizationFailed", "message": "secret-token"}})

    found = azure(refuses, tmp_path).usage("sql.sql-servers", inside="", region="westeurope") or {}
    assert (found["used"], found["limit"], found["because"]) == (None, 250, "the documented limit")
    assert found["doubt"] == "management.azure.com answers 403"
    missing = azure(refuses, tmp_path, PATH="/").usage("sql.sql-servers", inside="", region="westeurope") or {}
    assert "AZURE_FEDERATED_TOKEN_FILE is not set" in str(missing["doubt"])
