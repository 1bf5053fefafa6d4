"""Roles, keys and buckets of one cell's account: who may do what with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cellctl_sandbox.estate import Estate, text
from cellctl_sandbox.iam import tables
from cellctl_sandbox.iam.evaluation import Request, decide
from cellctl_sandbox.iam.policy import Statement, parse
from cellctl_sandbox.standins.cloud_view import CloudObject

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
POLICY = "aws:iam/policy:Policy"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
KEY = "aws:kms/key:Key"
TLS: Mapping[str, str] = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.2"}
"""How AWS's services speak to each other."""
OPERATOR = "cellctl"
"""The role with which cellctl works in a simulated account."""
_ANYTHING = Statement(allows=True, actions=("*",), resources=("*",))


def account_of(arn: str) -> str:
    """Return the account in an ARN, `` if it has none."""
    return (arn.split(":") + [""] * 5)[4]


def assumes(estate: Estate, service: str, role_arn: str, source_arn: str) -> str:
    """Return why a service cannot assume a role on behalf of `source_arn`, `` if it can."""
    role = estate.one(ROLE, role_arn)
    if role is None:
        return f"role {role_arn} does not exist"
    account = account_of(role_arn)
    context = {"aws:SourceAccount": account, "aws:SourceArn": source_arn} if source_arn else {}
    request = Request(
        principal=f"Service:{service}", action="sts:AssumeRole", resource=role_arn, account=account, context=context
    )
    trust = parse(role.text("assumeRolePolicy"))
    return decide(request, resource=trust, resource_must_allow=True).why


def lacks(
    estate: Estate, role_arn: str, actions: Iterable[str], resource: str, context: Mapping[str, str] | None = None
) -> str:
    """Return the first action that a role may not do on a resource, and why; `` if it may do all."""
    identity = tuple(_of_role(estate, role_arn))
    policy, key = _resource_policy(estate, resource), ":kms:" in resource
    given = {**TLS, "aws:PrincipalArn": role_arn, **(context or {})}
    for action in actions:
        request = Request(
            principal=f"AWS:{role_arn}", action=action, resource=resource, account=account_of(role_arn), context=given
        )
        decision = decide(request, identity=identity, resource=policy, resource_must_allow=key)
        if not decision.allowed:
            return decision.why
    return ""


def service_lacks(
    estate: Estate, service: str, actions: Iterable[str], resource: str, context: Mapping[str, str]
) -> str:
    """Return the first action that a service may not do by itself on a resource, and why; `` if it may do all."""
    policy = _resource_policy(estate, resource)
    for action in actions:
        request = Request(
            principal=f"Service:{service}", action=action, resource=resource, account=account_of(resource),
            context=context,
        )  # fmt: skip
        decision = decide(request, resource=policy, resource_must_allow=True)
        if not decision.allowed:
            return decision.why
    return ""


def operator_lacks(estate: Estate, action: str, resource: str) -> str:
    """Return why whoever runs cellctl may not act on a resource, `` if they may.

    Their role may do anything as far as it says itself; a key's policy must hand that over, and any policy can deny it.
    """
    account = account_of(resource) or next((account_of(one.text("arn")) for one in estate.all(ROLE)), "")
    role = f"arn:aws:iam::{account}:role/{OPERATOR}"
    request = Request(
        principal=f"AWS:{role}", action=action, resource=resource, account=account,
        context={**TLS, "aws:PrincipalArn": role},
    )  # fmt: skip
    policy, key = _resource_policy(estate, resource), ":kms:" in resource
    return decide(request, identity=(_ANYTHING,), resource=policy, resource_must_allow=key).why


def _of_role(estate: Estate, role_arn: str) -> Iterator[Statement]:
    name = role_arn.rpartition("/")[2]
    for item in estate.all(ROLE_POLICY):
        if item.text("role") == name:
            yield from parse(item.text("policy"))
    for item in estate.all(ATTACHMENT):
        if item.text("role") == name:
            own = estate.one(POLICY, item.text("policyArn"))
            yield from parse(own.text("policy")) if own else tables.managed(item.text("policyArn"))


def _resource_policy(estate: Estate, resource: str) -> tuple[Statement, ...]:
    if resource.startswith("arn:aws:s3:::"):
        bucket = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
        found = (item for item in estate.all(BUCKET_POLICY) if item.text("bucket") == bucket)
        return tuple(statement for item in found for statement in parse(item.text("policy")))
    key: CloudObject | None = estate.one(KEY, resource) if ":kms:" in resource else None
    return parse(text(key, "policy")) if text(key, "policy") else ()
