"""Octopus Server nodes alone, with fixed addresses over the zones.

pulumi config set account 123456789012
pulumi config set server ...
pulumi config set loginSecret ...
pulumi config set keySecret ...
pulumi config set administratorSecret ...
pulumi config set apiKeySecret ...
pulumi config set subnetA ...
pulumi config set subnetB ...
pulumi config set subnetC ...
pulumi config set securityGroup ...
pulumi config set image ...
pulumi config set keyArn ...
pulumi config set webTarget ...
pulumi config set pollingTarget1 ...
pulumi config set pollingTarget2 ...
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from cellctl.spec import CellSpec
from cellctl_components import resources as cellctl
from cellctl_components.aws import resolve
from cellctl_components.aws.bootstrap import Boot
from cellctl_components.aws.nodes import NodeReferences, Nodes, NodesArgs

config = pulumi.Config()
layout = resolve.layout(CellSpec.minimal("acme", cloud="aws", account="prod", region="eu-west-1"))
provider = aws.Provider("aws", region=layout.region, allowed_account_ids=[config.require("account")])

nodes = Nodes(
    "acme-nodes",
    NodesArgs(
        layout=layout.nodes,
        boot=Boot.of(layout),
        references=NodeReferences(
            server=config.require("server"),
            login_secret=config.require("loginSecret"),
            key_secret=config.require("keySecret"),
            administrator_secret=config.require("administratorSecret"),
        ),
        subnet_ids={zone.letter: config.require(f"subnet{zone.letter.upper()}") for zone in layout.network.zones},
        security_group_ids=[config.require("securityGroup")],
        image=config.require("image"),
        key_arn=config.require("keyArn"),
        web_target=config.require("webTarget"),
        api_key_secret=config.require("apiKeySecret"),
        polling_targets={1: config.require("pollingTarget1"), 2: config.require("pollingTarget2")},
    ),
    pulumi.ResourceOptions(providers=[provider, cellctl.Provider("cellctl")]),
)
pulumi.export("nodes", {str(ordinal): node.private_ip for ordinal, node in nodes.instances.items()})
