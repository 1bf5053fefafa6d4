"""The program of a cell on AWS: one provider for each package, one component, outputs."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
from pulumi_aws import ssm

from cellctl.clouds import AccountFacts, Cloud, Layout
from cellctl_components import resources as cellctl
from cellctl_components.aws.cell import Cell, CellArgs
from cellctl_components.aws.layout import AwsLayout
from cellctl_components.aws.resolve import layout as aws_layout

GATEWAY_IMAGE = "/aws/service/storagegateway/ami/FILE_S3/latest"
NODE_IMAGE = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base"
"""Parameters that AWS keeps: the newest image. A machine that runs never follows them."""


def program(layout: Layout, account: AccountFacts) -> None:
    """Declare a cell on AWS and export what people and `verify` need; never a secret."""
    assert isinstance(layout, AwsLayout)
    cloud = _provider(layout, account)
    steps = cellctl.Provider("cellctl", aws_role=account.role, aws_account=account.id)
    cell = Cell(
        layout.cell,
        CellArgs(
            layout=layout.for_account(account.id),
            account=account.id,
            control=account.control_cidr,
            gateway_image=_image(GATEWAY_IMAGE, cloud),
            node_image=_image(NODE_IMAGE, cloud),
        ),
        opts=pulumi.ResourceOptions(providers=[cloud, steps]),
    )
    for key, value in cell.facts.items():
        pulumi.export(key, value)


def _provider(layout: AwsLayout, account: AccountFacts) -> aws.Provider:
    """Return the only AWS provider: this region, this account, a role and never keys."""
    role = aws.ProviderAssumeRoleArgs(role_arn=account.role, session_name=f"cellctl-{layout.cell}")
    return aws.Provider(
        "aws",
        region=layout.region,
        allowed_account_ids=[account.id],
        assume_roles=[role] if account.role else None,
        max_retries=25,
        retry_mode="adaptive",
        default_tags=aws.ProviderDefaultTagsArgs(tags=dict(layout.tags)),
    )


def _image(parameter: str, provider: aws.Provider) -> pulumi.Output[str]:
    found = ssm.get_parameter_output(name=parameter, opts=pulumi.InvokeOutputOptions(provider=provider))
    # An AMI id is no secret, though the parameter store calls every value one.
    return pulumi.Output.unsecret(found.apply(lambda result: result.value))


CLOUD = Cloud(name="aws", layout=aws_layout, program=program)
