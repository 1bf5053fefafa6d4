"""What a bucket's policy lets in: the component's own policy, and that policy without one statement."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from cellctl import verify
from cellctl.dialer import Route
from cellctl.errors import EngineError
from cellctl_components.aws import policies

WRITER = "arn:aws:iam::123456789012:role/cells/cell-acme-files"
OPERATOR = "arn:aws:iam::123456789012:role/cellctl/apply"
OURS = policies.bucket("arn:aws:s3:::files", WRITER, operator=OPERATOR)
OUTPUTS = {"buckets": {"packages": "files"}, "files": {"region": "eu-west-1", "writer": WRITER}}
BESIDES = {"StringNotEquals": {"aws:PrincipalArn": [WRITER, OPERATOR]}, "Bool": {"aws:MultiFactorAuthPresent": "false"}}
"""A denial that a key of no consequence lifts."""
BACKUPS = {"databaseBackups": {"bucket": "files", "region": "eu-west-1", "writer": WRITER}}
ONCE = verify.Patience(limit_s=0, every_s=0)


class NoDialer:
    """Nothing is dialled."""

    def route(self, name: str, port: int) -> Route:
        raise AssertionError(f"{name}:{port}")


class Reader:
    """Reads one policy, or cannot."""

    def __init__(self, policy: str | None) -> None:
        self._policy = policy

    def read(self, reference: str) -> str:
        raise AssertionError(reference)

    def database_token(self, identity: str) -> str:
        raise AssertionError(identity)

    def bucket_policy(self, bucket: str, region: str) -> str:
        assert (bucket, region) == ("files", "eu-west-1")
        if self._policy is None:
            raise EngineError("HTTP 403", code="policy_unreadable")
        return self._policy


def looked(policy: str | None, outputs: Mapping[str, object] = OUTPUTS) -> verify.CheckResult:
    (result,) = verify.run(outputs, NoDialer(), secrets=Reader(policy), patience=ONCE, sleep=lambda _: None)
    return result


def changed(sid: str, **values: object) -> str:
    document = json.loads(OURS)
    for statement in document["Statement"]:
        if statement["Sid"] == sid:
            statement.update(values)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("policy", "admits"),
    [
        ("", "plain HTTP and TLS before 1.2 and writers other than its gateway and deletes by others than its gateway"),
        (changed("TlsOnly", Effect="Allow"), "plain HTTP"),
        (changed("TlsOnly", Resource=["arn:aws:s3:::files"]), "plain HTTP"),
        (changed("RecentTlsOnly", Condition={"NumericLessThan": {"s3:TlsVersion": "1.1"}}), "TLS before 1.2"),
        (changed("OneWriter", Condition={"StringNotEquals": {"aws:PrincipalArn": "x"}}), "writers other than"),
        (changed("OneWriter", Action="s3:DeleteObject"), "writers other than"),
        (
            changed("OneWriter", Condition={"StringNotEquals": {"aws:PrincipalArn": [WRITER, OPERATOR]}}),
            "writers other",
        ),
        (changed("NoOtherDeletes", Action="s3:DeleteObject"), "deletes by others than its gateway"),
        (changed("NoOtherDeletes", Condition={"StringNotEquals": {"aws:PrincipalArn": OPERATOR}}), "deletes by others"),
        (changed("NoOtherDeletes", Condition=BESIDES), "deletes by others"),
        (changed("NoOtherDeletes", Condition={"StringNotLike": {"aws:PrincipalArn": "*"}}), "deletes by others"),
        (changed("OneWriter", Principal={"AWS": WRITER}), "writers other than"),
    ],
)
def test_a_policy_that_lets_somebody_in_is_told(policy: str, admits: str) -> None:
    result = looked(policy)
    assert (result.passed, result.code) == (False, "verify_bucket_open")
    assert f"bucket files admits {admits}" in result.message


def test_our_own_policy_passes_and_one_that_cannot_be_read_does_not() -> None:
    assert looked(OURS).passed
    assert looked(policies.bucket("arn:aws:s3:::files", WRITER)).passed
    assert looked(None).code == "verify_bucket_unreadable"


def test_the_bucket_of_native_backups_is_looked_at_too() -> None:
    assert looked(OURS, BACKUPS).message == "bucket files admits its SQL Server only"
    assert "writers other than its SQL Server" in looked("", BACKUPS).message
