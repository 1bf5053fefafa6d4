"""A look into an AWS account, against moto: what is there, what is not, and what may not be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import boto3
import pytest

from cellctl.facts.accounts import needs
from cellctl_provider.aws.inspection import inspect
from cellctl_provider.protocol import ProviderError
from cellctl_provider.seen import Seen

ACCOUNT, REGION = "123456789012", "eu-west-1"
ROLES = {use: f"arn:aws:iam::{ACCOUNT}:role/cellctl-{use}" for use in ("preview", "apply")}


@pytest.fixture(autouse=True)
def account(aws: boto3.Session) -> boto3.Session:
    return aws


def look(
    sessions: Callable[[str, str], boto3.Session] = lambda _role, region: boto3.Session(region_name=region),
    *,
    roles: Mapping[str, str] = ROLES,
    state: str = "s3://states",
    secrets: str = "awskms:///alias/cellctl?region=eu-west-1",
) -> list[Seen]:
    few = tuple(quota for quota in needs("aws").quotas if quota.name in ("ec2.vpcs", "s3.buckets"))
    known = replace(needs("aws"), images={"gateway": "/cellctl/gateway"}, quotas=few)
    return list(
        inspect(
            account=ACCOUNT, roles=roles, regions=(REGION,), state=state, secrets=secrets, needs=known,
            sessions=sessions,
        )
    )  # fmt: skip


def levels(seen: list[Seen], subject: str) -> list[str]:
    return [one.level for one in seen if one.subject == subject]


def test_an_account_that_has_everything(account: boto3.Session) -> None:
    account.client("ssm").put_parameter(Name="/cellctl/gateway", Value="ami-1", Type="String")
    storage, keys = account.client("s3"), account.client("kms")
    storage.create_bucket(Bucket="states", CreateBucketConfiguration={"LocationConstraint": REGION})
    storage.put_bucket_versioning(Bucket="states", VersioningConfiguration={"Status": "Enabled"})
    key = keys.create_key()["KeyMetadata"]["KeyId"]
    keys.create_alias(AliasName="alias/cellctl", TargetKeyId=key)
    seen = look()
    assert [(one.subject, one.message) for one in seen if one.level not in ("ok", "note")] == []
    assert levels(seen, "role") == ["ok", "ok"]
    assert any("eu-west-1a, eu-west-1b, eu-west-1c" in one.message for one in seen if one.subject == "zones")
    assert levels(seen, "state") == levels(seen, "secrets") == ["ok"]
    keys.disable_key(KeyId=key)
    storage.put_bucket_versioning(Bucket="states", VersioningConfiguration={"Status": "Suspended"})
    seen = look()
    assert levels(seen, "secrets") == ["missing"]
    assert levels(seen, "state") == ["warning"]


def test_an_account_that_has_nothing() -> None:
    seen = look()
    assert levels(seen, "image") == levels(seen, "state") == levels(seen, "secrets") == ["missing"]


def test_a_quota_that_no_cell_fits_is_named_by_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    large = [replace(quota, cell=1000) for quota in needs("aws").quotas if quota.name == "ec2.vpcs"]
    known = replace(needs("aws"), images={}, quotas=tuple(large))
    found = inspect(
        account=ACCOUNT, roles=ROLES, regions=(REGION,), state="", secrets="", needs=known,
        sessions=lambda _role, region: boto3.Session(region_name=region),
    )  # fmt: skip
    (quota,) = [one for one in found if one.subject == "quota"]
    assert (quota.level, "L-F678F1CE" in quota.remedy) == ("missing", True)


def test_a_role_that_is_not_trusted_or_not_named_is_said_and_nothing_else_is_asked() -> None:
    def refused(role: str, region: str) -> boto3.Session:
        raise ProviderError("the role is of account 1, only 2 is allowed", code="auth")

    seen = look(refused)
    assert [(one.subject, one.level) for one in seen] == [("role", "missing")] * 2
    assert "only 2 is allowed" in seen[0].message
    assert [one.subject for one in look(refused, roles={"preview": "", "apply": ""})] == ["role", "role"]


def test_where_the_role_that_looks_is_refused_the_other_one_looks() -> None:
    def half(role: str, region: str) -> boto3.Session:
        if role == ROLES["preview"]:
            raise ProviderError("not trusted", code="auth")
        return boto3.Session(region_name=region)

    seen = look(half)
    assert levels(seen, "role") == ["missing", "ok"]
    assert levels(seen, "zones") == ["ok"]


def test_what_the_role_may_not_ask_is_not_called_missing() -> None:
    class Denied(boto3.Session):
        def client(self, service_name: str, **more: object) -> object:  # type: ignore[override]
            if service_name == "sts":
                return super().client(service_name, **more)  # type: ignore[arg-type]
            from botocore.exceptions import ClientError

            class Refuses:
                def __getattr__(self, name: str) -> Callable[..., object]:
                    def call(**_words: object) -> object:
                        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, name)

                    return call

            return Refuses()

    seen = look(lambda _role, region: Denied(region_name=region))
    assert {one.level for one in seen if one.subject != "role"} == {"note"}
    assert any("may not ask" in one.remedy for one in seen)
