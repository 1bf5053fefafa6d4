"""The queue that nodes share alone: one machine, memory only, TLS and a token that is in a secret.

pulumi config set account 123456789012
pulumi config set subnetA ...
pulumi config set subnetB ...
pulumi config set securityGroup ...
pulumi config set keyArn ...
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from cellctl.spec import CellSpec
from cellctl_components.aws import resolve
from cellctl_components.aws.polling_queue import PollingQueue, PollingQueueArgs

config = pulumi.Config()
base = {"cloud": "aws", "account": "prod", "region": "eu-west-1", "ingress": {"polling": "redis"}}
layout = resolve.layout(CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": base}))
provider = aws.Provider("aws", region=layout.region, allowed_account_ids=[config.require("account")])
assert layout.queue is not None

queue = PollingQueue(
    "acme-queue",
    PollingQueueArgs(
        layout=layout.queue,
        subnet_ids=[config.require("subnetA"), config.require("subnetB")],
        security_group_id=config.require("securityGroup"),
        key_arn=config.require("keyArn"),
        recovery_days=layout.secrets.recovery_days,
    ),
    pulumi.ResourceOptions(providers=[provider]),
)
pulumi.export("address", queue.address)
pulumi.export("tokenSecret", queue.secret.arn)
