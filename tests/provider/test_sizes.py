"""In which zones real accounts are offered a size: AWS as moto and botocore's models have it, Azure as it answers."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import httpx
from botocore.stub import Stubber

from cellctl.clouds import AccountFacts
from cellctl.engine import hosts
from cellctl.engine.wire import Setup
from cellctl.facts.permissions import looks
from cellctl_provider.aws.quotas import AwsQuotas
from cellctl_provider.azure.quotas import AzureQuotas

REGION = "eu-west-1"
LARGE = {"kind": "machine", "name": "m6i.large", "engine": "", "zones": []}
SQL = {"kind": "database", "name": "db.m6i.large", "engine": "sqlserver-se", "zones": []}


def test_machines_are_asked_for_by_zone(aws: boto3.Session) -> None:
    asking = AwsQuotas(lambda _region: aws)
    assert asking.offered(LARGE, region=REGION) == {"zones": [f"{REGION}{zone}" for zone in "abc"], "doubt": ""}
    some = asking.offered({**LARGE, "name": "p4d.24xlarge"}, region=REGION)
    assert some == {"zones": [f"{REGION}c"], "doubt": ""}
    assert asking.offered({**LARGE, "name": "u-6tb1.metal"}, region=REGION) == {"zones": [], "doubt": ""}
    asking.close()


class Stubbed:
    """A session with one client, which answers what a Stubber checks against botocore's model of the service."""

    def __init__(self, session: boto3.Session) -> None:
        self.made = session.client("rds")
        self.stub = Stubber(self.made)

    def client(self, _service: str, **_words: object) -> object:
        return self.made


def test_databases_are_asked_for_by_engine_and_all_pages_count(aws: boto3.Session) -> None:
    session = Stubbed(aws)
    words = {"Engine": "sqlserver-se", "DBInstanceClass": "db.m6i.large"}
    for marker, zone, more in ((None, "a", {"Marker": "next"}), ("next", "b", {})):
        options = [{"Engine": "sqlserver-se", "AvailabilityZones": [{"Name": f"{REGION}{zone}"}]}]
        asked = {**words, **({"Marker": marker} if marker else {})}
        answer = {"OrderableDBInstanceOptions": options, **more}
        session.stub.add_response("describe_orderable_db_instance_options", answer, asked)
    session.stub.add_client_error("describe_orderable_db_instance_options", "AccessDenied", "no")
    asking = AwsQuotas(lambda _region: session)  # type: ignore[arg-type, return-value]
    with session.stub:
        assert asking.offered(SQL, region=REGION) == {"zones": [f"{REGION}a", f"{REGION}b"], "doubt": ""}
        assert asking.offered(SQL, region=REGION) == {"zones": [], "doubt": "AccessDenied: no"}


def test_the_roles_that_cellctl_makes_may_ask() -> None:
    actions = {"ec2:DescribeInstanceTypeOfferings", "rds:DescribeOrderableDBInstanceOptions"}
    assert actions <= {*looks("aws").read}
    assert "Microsoft.Compute/skus/read" in {*looks("azure").read}


def sku(name: str, *restrictions: object) -> dict[str, object]:
    places = [{"location": "westeurope", "zones": ["3", "1", "2"]}]
    return {"name": name, "resourceType": "virtualMachines", "locationInfo": places, "restrictions": [*restrictions]}


def azure(tmp_path: Path, status: int = 200) -> tuple[AzureQuotas, list[httpx.Request]]:
    seen: list[httpx.Request] = []
    zone = {"type": "Zone", "restrictionInfo": {"zones": ["2"]}}
    rows = [
        sku("free"),
        sku("part", zone),
        sku("shut", {"type": "Location"}),
        {"name": "free", "resourceType": "disks"},
    ]

    def answers(request: httpx.Request) -> httpx.Response:
        if request.url.host == "login.microsoftonline.com":
            return httpx.Response(200, json={"access_token": "secret-token"})
        seen.append(request)
        return httpx.Response(status, json={"value": rows})

    (tmp_path / "token").write_text("assertion\n")
    client = httpx.Client(transport=httpx.MockTransport(answers))
    given = {"AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token")}
    return AzureQuotas(client, subscription="s", tenant="t", application="app", environment=given), seen


def test_azure_tells_zones_and_what_a_subscription_may_not_have(tmp_path: Path) -> None:
    asking, seen = azure(tmp_path)
    found = {
        name: asking.offered({**LARGE, "name": name}, region="westeurope") for name in ("free", "part", "shut", "no")
    }
    assert {name: row and row["zones"] for name, row in found.items()} == {
        "free": ["1", "2", "3"], "part": ["1", "3"], "shut": [], "no": [],
    }  # fmt: skip
    (asked,) = seen  # the answer is of megabytes: once for a region
    assert asked.url.path == "/subscriptions/s/providers/Microsoft.Compute/skus"
    assert asked.url.params["$filter"] == "location eq 'westeurope'"
    assert asking.offered(SQL, region="westeurope") is None
    refused, _ = azure(tmp_path, 403)
    assert refused.offered(LARGE, region="westeurope") == {"zones": [], "doubt": "management.azure.com answers 403"}


class Host:
    """A host that can be asked."""

    def cloud_now(self) -> float:
        return 1.0

    def usage(self, quota: str, **_more: str) -> None:
        return None

    def offered(self, size: dict[str, object], **more: str) -> dict[str, object]:
        return {"zones": [f"{more['region']}a"], "doubt": json.dumps(size["name"])}


def test_a_host_answers_for_each_size_and_one_that_cannot_be_asked_for_none(tmp_path: Path) -> None:
    setup = Setup(
        home=str(tmp_path), cell="acme", cloud="aws", stack="s", work_dir="", run_dir="", engine="pulumi", clock="",
        spec={"spec": {"region": REGION}}, incarnation=1, account=AccountFacts(id="1"), environment={}, record={},
    )  # fmt: skip
    told = hosts.account(setup, Host(), [], [LARGE, SQL])  # type: ignore[arg-type]
    assert told["offers"] == [
        {"zones": ["eu-west-1a"], "doubt": '"m6i.large"'}, {"zones": ["eu-west-1a"], "doubt": '"db.m6i.large"'},
    ]  # fmt: skip
    assert hosts.account(setup, object(), [], [LARGE])["offers"] == [None]  # type: ignore[arg-type]
