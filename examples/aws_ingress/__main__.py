"""Load balancers and names alone: web over HTTPS, a polling port for each node.

pulumi config set account 123456789012
pulumi config set vpc ...
pulumi config set subnetA ...
pulumi config set subnetB ...
pulumi config set webGroup ...
pulumi config set pollingGroup ...
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from cellctl.spec import CellSpec
from cellctl_components.aws import resolve
from cellctl_components.aws.ingress import Ingress, IngressArgs

config = pulumi.Config()
layout = resolve.layout(CellSpec.minimal("acme", cloud="aws", account="prod", region="eu-west-1"))
provider = aws.Provider("aws", region=layout.region, allowed_account_ids=[config.require("account")])

ingress = Ingress(
    "acme-ingress",
    IngressArgs(
        layout=layout.ingress,
        nodes=layout.nodes.items,
        vpc_id=config.require("vpc"),
        subnet_ids=[config.require("subnetA"), config.require("subnetB")],
        web_group_id=config.require("webGroup"),
        polling_group_id=config.require("pollingGroup"),
    ),
    pulumi.ResourceOptions(providers=[provider]),
)
pulumi.export("web", ingress.web.dns_name)
