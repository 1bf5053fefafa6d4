"""A storage gateway alone: appliance, cache, and the gateway brought up on it.

pulumi config set account 123456789012
pulumi config set subnet ...
pulumi config set securityGroup ...
pulumi config set image ...
pulumi config set keyArn ...
pulumi config set endpoint ...
pulumi config set zone ...
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from cellctl.spec import CellSpec
from cellctl_components import resources as cellctl
from cellctl_components.aws import resolve
from cellctl_components.aws.file_gateway_host import FileGatewayHost, FileGatewayHostArgs

config = pulumi.Config()
layout = resolve.layout(CellSpec.minimal("acme", cloud="aws", account="prod", region="eu-west-1"))
provider = aws.Provider("aws", region=layout.region, allowed_account_ids=[config.require("account")])
steps = cellctl.Provider("cellctl", aws_account=config.require("account"))

host = FileGatewayHost(
    "acme-gateway",
    FileGatewayHostArgs(
        layout=layout.gateway,
        region=layout.region,
        zone_name=f"{layout.region}{layout.gateway.zone}",
        subnet_id=config.require("subnet"),
        security_group_id=config.require("securityGroup"),
        image=config.require("image"),
        key_arn=config.require("keyArn"),
        endpoint=config.require("endpoint"),
        zone_id=config.require("zone"),
        tags=layout.tags,
    ),
    pulumi.ResourceOptions(providers=[provider, steps]),
)
pulumi.export("gateway", host.gateway_arn)
