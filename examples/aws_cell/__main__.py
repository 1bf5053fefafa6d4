"""A whole cell in a Pulumi program of your own, beside anything else that you declare.

pulumi config set account 123456789012
pulumi config set gatewayImage ...
pulumi config set nodeImage ...
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from cellctl.spec import CellSpec
from cellctl_components import resources as cellctl
from cellctl_components.aws import resolve
from cellctl_components.aws.cell import Cell, CellArgs

config = pulumi.Config()
layout = resolve.layout(CellSpec.minimal("acme", cloud="aws", account="prod", region="eu-west-1"))
provider = aws.Provider("aws", region=layout.region, allowed_account_ids=[config.require("account")])
steps = cellctl.Provider("cellctl", aws_account=config.require("account"))

cell = Cell(
    "acme",
    CellArgs(
        layout=layout.for_account(config.require("account")),
        account=config.require("account"),
        control="10.255.0.0/24",
        gateway_image=config.require("gatewayImage"),
        node_image=config.require("nodeImage"),
    ),
    pulumi.ResourceOptions(providers=[provider, steps]),
)
pulumi.export("url", cell.facts["url"])
