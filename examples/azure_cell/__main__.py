"""A whole cell on Azure in an ordinary Pulumi program, without the cellctl command.

pulumi config set subscription 00000000-0000-0000-0000-000000000001
pulumi config set tenant …
pulumi config set administrators …
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_azure_native as azure_native

from cellctl.spec import CellSpec
from cellctl_components import resources as cellctl
from cellctl_components.azure.cell import Cell, CellArgs
from cellctl_components.azure.layout import azure_layout
from cellctl_components.azure.sql_server import Administrators

config = pulumi.Config()
subscription, tenant = config.require("subscription"), config.require("tenant")
azure = azure_native.Provider("azure-native", subscription_id=subscription, tenant_id=tenant, use_oidc=True)
steps = cellctl.Provider("cellctl", azure_subscription=subscription, azure_tenant=tenant)
cell = Cell(
    "acme",
    CellArgs(
        layout=azure_layout(CellSpec.minimal("acme", cloud="azure", account="prod", region="westeurope")),
        subscription=subscription,
        control="10.255.0.0/24",
        operator="",
        administrators=Administrators(tenant=tenant, group=config.require("administrators"), name="sql-administrators"),
    ),
    pulumi.ResourceOptions(providers=[azure, steps]),
)
for key, value in cell.outputs.items():
    pulumi.export(key, value)
