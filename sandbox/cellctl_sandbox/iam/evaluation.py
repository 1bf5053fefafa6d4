"""AWS's decision: explicit denial first, then an allowance by identity or resource policy, else an implicit denial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cellctl_sandbox.iam.conditions import matches
from cellctl_sandbox.iam.policy import Statement


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Somebody wants to do something. `principal` is `AWS:<role arn>` or `Service:<name>`."""

    principal: str
    action: str
    resource: str
    account: str
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Allowed or not; `why` names what is missing or denies."""

    allowed: bool
    why: str = ""


def decide(
    request: Request,
    *,
    identity: Iterable[Statement] = (),
    resource: Iterable[Statement] = (),
    resource_must_allow: bool = False,
) -> Decision:
    """Judge a request of the same account.

    `identity` is what the principal's own policies say, `resource` what the resource's policy says. With
    `resource_must_allow` (KMS keys, trust, services) the identity's allowance counts only where the resource's policy
    hands the decision to the account.
    """
    ours = [one for one in identity if one.speaks_of(request.action, request.resource)]
    theirs = [one for one in resource if one.speaks_of(request.action, request.resource) and _of(one, request)]
    for statement in (*ours, *theirs):
        if not statement.allows and statement.holds(request.context):
            return Decision(allowed=False, why=f"{_asked(request)} is denied by statement '{statement.sid or 'Deny'}'")
    by_identity = any(one.allows and one.holds(request.context) for one in ours)
    allowing = [one for one in theirs if one.allows and one.holds(request.context)]
    direct = any(not _hands_over(one, request) for one in allowing)
    handed = any(_hands_over(one, request) for one in allowing)
    if direct or (by_identity and (handed or not resource_must_allow)):
        return Decision(allowed=True)
    return Decision(allowed=False, why=f"{_asked(request)} is allowed by no policy")


def _asked(request: Request) -> str:
    return f"{request.action} on {request.resource} for {request.principal.partition(':')[2]}"


def _hands_over(statement: Statement, request: Request) -> bool:
    """Tell whether a statement names the account: then the account's own policies decide."""
    return f"AWS:arn:aws:iam::{request.account}:root" in statement.principals


def _of(statement: Statement, request: Request) -> bool:
    """Tell whether a statement of a resource's policy is about the principal."""
    if statement.but_principals:
        return not any(_same(one, request) for one in statement.but_principals)
    return any(_same(one, request) for one in statement.principals)


def _same(principal: str, request: Request) -> bool:
    if principal == "*":
        return True
    account = f"AWS:arn:aws:iam::{request.account}:root"
    if principal in (account, f"AWS:{request.account}"):
        return request.principal.startswith("AWS:")
    return matches(principal, request.principal)
