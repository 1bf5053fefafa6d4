"""A cell's alarms alone, on one topic to subscribe to.

pulumi config set account 123456789012
pulumi config set keyArn ...
pulumi config set gatewayId ...
pulumi config set gatewayInstance ...
pulumi config set balancer ...
pulumi config set webTarget ...
pulumi config set pollingBalancer ...
pulumi config set pollingTarget ...
pulumi config set certificate ...
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from cellctl.spec import CellSpec
from cellctl_components.aws import resolve
from cellctl_components.aws.alarms import Alarms, AlarmsArgs, EntryWatched

config = pulumi.Config()
layout = resolve.layout(CellSpec.minimal("acme", cloud="aws", account="prod", region="eu-west-1"))
provider = aws.Provider("aws", region=layout.region, allowed_account_ids=[config.require("account")])

alarms = Alarms(
    "acme-alarms",
    AlarmsArgs(
        layout=layout.alarms,
        key_arn=config.require("keyArn"),
        databases={"sql": (layout.database.identifier, layout.database.storage_gib)},
        gateways={"gateway": (config.require("gatewayId"), layout.gateway.name)},
        instances={"gateway": config.require("gatewayInstance")},
        entry=EntryWatched(
            balancer=config.require("balancer"),
            web_target=config.require("webTarget"),
            polling_balancer=config.require("pollingBalancer"),
            polling_targets={"1": config.require("pollingTarget")},
            certificate=config.require("certificate"),
        ),
        buckets=[share.bucket for share in layout.shares if share.kind],
    ),
    pulumi.ResourceOptions(providers=[provider]),
)
pulumi.export("topic", alarms.topic_arn)
