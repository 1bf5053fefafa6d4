"""SQL Server alone, with every unsafe default of the provider set right.

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
from cellctl_components.aws.sql_server_host import SqlServerHost, SqlServerHostArgs

config = pulumi.Config()
layout = resolve.layout(CellSpec.minimal("acme", cloud="aws", account="prod", region="eu-west-1"))
provider = aws.Provider("aws", region=layout.region, allowed_account_ids=[config.require("account")])

host = SqlServerHost(
    "acme-sql",
    SqlServerHostArgs(
        layout=layout.database,
        region=layout.region,
        account=config.require("account"),
        subnet_ids=[config.require("subnetA"), config.require("subnetB")],
        security_group_id=config.require("securityGroup"),
        key_arn=config.require("keyArn"),
    ),
    pulumi.ResourceOptions(providers=[provider]),
)
pulumi.export("address", host.address)
pulumi.export("administratorSecret", host.administrator_secret)
