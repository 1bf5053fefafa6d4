"""Where a load balancer may write its access logs: ELB tries it when it is told, and says why it cannot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cellctl.state.values import Struct
from cellctl_components.aws import policies
from cellctl_sandbox.estate import Estate
from cellctl_sandbox.iam.services import trouble
from cellctl_sandbox.standins.cloud_view import CloudObject

ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/cell-acme-web/0123456789abcdef"
LB, BUCKET = "aws:lb/loadBalancer:LoadBalancer", "aws:s3/bucket:Bucket"
SEALING = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"


def item(type_: str, id_: str, region: str = "eu-west-1", **properties: object) -> CloudObject:
    given: Struct = dict(properties)  # type: ignore[arg-type]
    return CloudObject(type=type_, id=id_, properties=given, region=region)


def account(algorithm: str = "AES256", policy: str | None = None) -> list[CloudObject]:
    text = policies.access_logs("arn:aws:s3:::logs", "123456789012") if policy is None else policy
    rules = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": algorithm}}]
    return [
        item(BUCKET, "logs", bucket="logs", arn="arn:aws:s3:::logs"),
        item(SEALING, "logs", bucket="logs", rules=rules),
        item("aws:s3/bucketPolicy:BucketPolicy", "logs", bucket="logs", policy=text),
    ]


def balancer(prefix: str = "cell-acme", arn: str = ARN, *, enabled: bool = True) -> CloudObject:
    return item(LB, arn, arn=arn, accessLogs={"bucket": "logs", "prefix": prefix, "enabled": enabled})


def said(*objects: CloudObject) -> str:
    return trouble(Estate(objects, 0.0), objects[0])


def test_a_balancer_of_the_account_may_write_there() -> None:
    assert said(balancer(), *account()) == ""
    assert said(item(LB, ARN, arn=ARN), *account()) == ""
    assert said(balancer(enabled=False)) == ""


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        ([balancer()], "logs: it does not exist"),
        ([balancer(), replace(account()[0], region="us-east-1"), *account()[1:]], "it is in us-east-1"),
        ([balancer(), *account("aws:kms")], "only where S3 encrypts with its own key"),
        ([balancer(), *account(policy=policies.tls_only("arn:aws:s3:::logs"))], "s3:PutObject"),
        ([balancer(), *account()[:2]], "s3:PutObject"),
        ([balancer(arn=ARN.replace("123456789012", "210987654321")), *account()], "s3:PutObject"),
    ],
)
def test_what_keeps_it_from_writing_is_said(objects: list[CloudObject], why: str) -> None:
    assert why in said(*objects)
