"""AWS's decisions: denial wins, conditions, wildcards, NotAction, trust; what is not known is an error."""

from __future__ import annotations

import json

import pytest

from cellctl_sandbox.iam import PolicyError, Request, decide, parse

ROLE = "arn:aws:iam::123456789012:role/cells/cell-acme-gateway"
OBJECT = "arn:aws:s3:::bucket/any"


def document(**statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def request(
    action: str = "s3:PutObject", resource: str = OBJECT, principal: str = f"AWS:{ROLE}", **context: str
) -> Request:
    found = {key.replace("_", ":"): value for key, value in context.items()}
    return Request(principal=principal, action=action, resource=resource, account="123456789012", context=found)


@pytest.mark.parametrize(
    ("statement", "action", "allowed"),
    [
        ({"Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket/*"}, "s3:PutObject", True),
        ({"Action": "S3:put*", "Resource": "*"}, "s3:PutObject", True),
        ({"Action": "s3:Get*", "Resource": "*"}, "s3:PutObject", False),
        ({"Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket"}, "s3:PutObject", False),
        ({"NotAction": "s3:DeleteObject", "Resource": "*"}, "s3:PutObject", True),
        ({"NotAction": ["s3:Put*"], "Resource": "*"}, "s3:PutObject", False),
        ({"Action": "*", "NotResource": "arn:aws:s3:::bucket/*"}, "s3:PutObject", False),
    ],
)
def test_actions_and_resources(statement: dict[str, object], action: str, allowed: bool) -> None:
    assert decide(request(action), identity=parse(document(**statement))).allowed is allowed


def test_an_explicit_denial_wins_over_every_allowance_and_names_its_statement() -> None:
    allowed = parse(document(Action="*", Resource="*"))
    condition = {"StringNotEquals": {"aws:PrincipalArn": ROLE}}
    denial = {"Effect": "Deny", "Sid": "OneWriter", "Principal": "*", "Action": "s3:Put*", "Resource": "*"}
    denied = parse(json.dumps({"Statement": [{**denial, "Condition": condition}]}))
    assert decide(request(aws_PrincipalArn=ROLE), identity=allowed, resource=denied).allowed
    other = decide(request(aws_PrincipalArn="arn:aws:iam::123456789012:role/x"), identity=allowed, resource=denied)
    assert not other.allowed
    assert "OneWriter" in other.why
    assert not decide(request(), identity=allowed, resource=denied).allowed, "a missing key passes an exclusion"


@pytest.mark.parametrize(
    ("operator", "wanted", "context", "holds"),
    [
        ("StringEquals", "1", {"k": "1"}, True),
        ("StringEquals", "1", {}, False),
        ("StringEqualsIfExists", "1", {}, True),
        ("StringNotEquals", "1", {"k": "1"}, False),
        ("StringLike", "a?c*", {"k": "abcd"}, True),
        ("ArnLike", "arn:aws:storagegateway:*:*:gateway/*", {"k": "arn:aws:storagegateway:r:1:gateway/g"}, True),
        ("Bool", "false", {"k": "true"}, False),
        ("NumericLessThan", "1.2", {"k": "1.1"}, True),
        ("NumericLessThan", "1.2", {"k": "1.2"}, False),
        ("IpAddress", "10.0.0.0/8", {"k": "10.1.2.3"}, True),
        ("NotIpAddress", "10.0.0.0/8", {"k": "10.1.2.3"}, False),
        ("Null", "true", {}, True),
        ("Null", "true", {"k": "x"}, False),
    ],
)  # fmt: skip
def test_conditions(operator: str, wanted: str, context: dict[str, str], holds: bool) -> None:
    policy = parse(document(Action="*", Resource="*", Condition={operator: {"k": wanted}}))
    made = Request(principal=f"AWS:{ROLE}", action="s3:GetObject", resource=OBJECT, account="1", context=context)
    assert decide(made, identity=policy).allowed is holds


@pytest.mark.parametrize(
    "text",
    [
        document(Action="*", Resource="*", Condition={"DateGreaterThan": {"aws:CurrentTime": "2026-01-01"}}),
        document(Action="*", Resource="*", Condition={"ForAnyValue:StringEquals": {"k": "v"}}),
        document(Action="*", Resource="*", Unheard="of"),
        document(Action="*", Resource="*", Effect="Maybe"),
        "{",
    ],
)
def test_what_the_sandbox_cannot_judge_is_an_error(text: str) -> None:
    with pytest.raises(PolicyError):
        parse(text)


def test_trust_names_a_service_and_its_source() -> None:
    condition = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    trust = parse(
        document(Principal={"Service": "storagegateway.amazonaws.com"}, Action="sts:AssumeRole", Condition=condition)
    )

    def assumed(service: str, account: str) -> bool:
        made = request("sts:AssumeRole", ROLE, f"Service:{service}", aws_SourceAccount=account)
        return decide(made, resource=trust, resource_must_allow=True).allowed

    assert assumed("storagegateway.amazonaws.com", "123456789012")
    assert not assumed("storagegateway.amazonaws.com", "210987654321")
    assert not assumed("ec2.amazonaws.com", "123456789012")


def test_a_key_is_used_only_where_its_policy_hands_the_decision_to_the_account() -> None:
    identity = parse(document(Action="kms:Decrypt", Resource="*"))
    root = parse(document(Principal={"AWS": "arn:aws:iam::123456789012:root"}, Action="kms:*", Resource="*"))
    made = request("kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/k")
    assert decide(made, identity=identity, resource=root, resource_must_allow=True).allowed
    assert not decide(made, identity=identity, resource=(), resource_must_allow=True).allowed
    assert not decide(made, identity=(), resource=root, resource_must_allow=True).allowed
