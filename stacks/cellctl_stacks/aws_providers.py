"""The explicit providers of a stack on AWS, and the images that its machines begin with."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws
from pulumi_aws import ssm

from cellctl.clouds import AccountFacts, Layout
from cellctl.facts.accounts import needs
from cellctl_components import resources as cellctl
from cellctl_stacks.renamed import alias_renamed

GATEWAY_IMAGE = needs("aws").images["gateway"]
NODE_IMAGES = {"windows": needs("aws").images["node"], "linux": needs("aws").images["linux-node"]}
"""Parameters that AWS keeps: the newest image. A machine that runs never follows them."""
OPENS_WHEN_NEEDED = 6
"""Stacks born with this template or a later one have no standing rule for a gateway's port 80."""


def providers(
    layout: Layout, account: AccountFacts, *, tags: Mapping[str, str]
) -> tuple[aws.Provider, cellctl.Provider]:
    """Return the stack's only providers: this region, this account, a role and never keys.

    They are what a program declares first, so what was renamed is given its aliases here.
    """
    alias_renamed("aws")
    role = aws.ProviderAssumeRoleArgs(role_arn=account.role, session_name=f"cellctl-{layout.cell}")
    cloud = aws.Provider(
        "aws",
        region=layout.region,
        allowed_account_ids=[account.id],
        assume_roles=[role] if account.role else None,
        max_retries=25,
        retry_mode="adaptive",
        default_tags=aws.ProviderDefaultTagsArgs(tags=dict(tags)),
    )
    return cloud, cellctl.Provider("cellctl", aws_role=account.role, aws_account=account.id)


def image(parameter: str, provider: aws.Provider) -> pulumi.Output[str]:
    """Return the AMI id in a parameter."""
    found = ssm.get_parameter_output(name=parameter, opts=pulumi.InvokeOutputOptions(provider=provider))
    # An AMI id is no secret, though the parameter store calls every value one.
    return pulumi.Output.unsecret(found.apply(lambda result: result.value))


def operator(account: AccountFacts) -> str:
    """Return the role with which cellctl changes an account, whoever runs this."""
    return account.changes_as or f"arn:aws:iam::{account.id}:role/cellctl"
