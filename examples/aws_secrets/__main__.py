"""A cell's key and secrets alone; the master key is made before anything that it protects.

pulumi config set account 123456789012
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from cellctl.spec import CellSpec
from cellctl_components import resources as cellctl
from cellctl_components.aws import resolve
from cellctl_components.aws.secrets import Secrets, SecretsArgs

config = pulumi.Config()
layout = resolve.layout(CellSpec.minimal("acme", cloud="aws", account="prod", region="eu-west-1"))
provider = aws.Provider("aws", region=layout.region, allowed_account_ids=[config.require("account")])
steps = cellctl.Provider("cellctl", aws_account=config.require("account"))

secrets = Secrets(
    "acme-secrets",
    SecretsArgs(layout=layout.secrets, region=layout.region, account=config.require("account"), guest=False),
    pulumi.ResourceOptions(providers=[provider, steps]),
)
pulumi.export("masterKey", secrets.master_key.reference)
