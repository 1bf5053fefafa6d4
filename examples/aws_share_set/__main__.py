"""Ten buckets with their shares alone; five admit exactly two nodes, five admit nobody.

pulumi config set account 123456789012
pulumi config set gatewayArn ...
pulumi config set keyArn ...
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from cellctl.spec import CellSpec
from cellctl_components import resources as cellctl
from cellctl_components.aws import resolve
from cellctl_components.aws.share_set import ShareSet, ShareSetArgs

config = pulumi.Config()
layout = resolve.layout(CellSpec.minimal("acme", cloud="aws", account="prod", region="eu-west-1"))
provider = aws.Provider("aws", region=layout.region, allowed_account_ids=[config.require("account")])
steps = cellctl.Provider("cellctl", aws_account=config.require("account"))

shares = ShareSet(
    "acme-shares",
    ShareSetArgs(
        shares=layout.for_account(config.require("account")).shares,
        protocol="nfs",
        role_name=layout.gateway.role,
        region=layout.region,
        account=config.require("account"),
        gateway_arn=config.require("gatewayArn"),
        key_arn=config.require("keyArn"),
        clients=[node.address for node in layout.nodes.items],
    ),
    pulumi.ResourceOptions(providers=[provider, steps]),
)
pulumi.export("shares", {name: share.arn for name, share in shares.shares.items()})
