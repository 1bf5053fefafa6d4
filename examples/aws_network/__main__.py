"""A cell's network alone: subnets in every zone, ways out, endpoints, and who may talk to whom.

pulumi config set account 123456789012
pulumi config set keyArn ...
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from cellctl.spec import CellSpec
from cellctl_components.aws import resolve
from cellctl_components.aws.firewall import rules
from cellctl_components.aws.network import Network, NetworkArgs

config = pulumi.Config()
layout = resolve.layout(CellSpec.minimal("acme", cloud="aws", account="prod", region="eu-west-1"))
provider = aws.Provider("aws", region=layout.region, allowed_account_ids=[config.require("account")])

network = Network(
    "acme-network",
    NetworkArgs(
        layout=layout.network,
        region=layout.region,
        account=config.require("account"),
        rules=rules(layout, control="10.255.0.0/24"),
        key_arn=config.require("keyArn"),
    ),
    pulumi.ResourceOptions(providers=[provider]),
)
pulumi.export("vpc", network.vpc_id)
