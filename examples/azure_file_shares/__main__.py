"""A cell's SMB shares alone, in a network that exists.

pulumi config set subscription 00000000-0000-0000-0000-000000000001
pulumi config set subnet …
pulumi config set fileZone …
pulumi config set workspace …
pulumi config set nodePrincipal …
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_azure_native as azure_native

from cellctl.spec import CellSpec
from cellctl_components import resources as cellctl
from cellctl_components.azure.endpoint import EndpointArgs
from cellctl_components.azure.file_shares import FileShares, FileSharesArgs
from cellctl_components.azure.layout import azure_layout
from cellctl_components.azure.place import Grant, Place

config = pulumi.Config()
layout = azure_layout(CellSpec.minimal("acme", cloud="azure", account="prod", region="westeurope"))
azure = azure_native.Provider("azure-native", subscription_id=config.require("subscription"), use_oidc=True)
steps = cellctl.Provider("cellctl", azure_subscription=config.require("subscription"))
place = Place(
    resource_group=config.get("resourceGroup") or "rg-existing",
    location=layout.region,
    subscription=config.require("subscription"),
    tags=layout.tags,
)

files = FileShares(
    "acme-files",
    FileSharesArgs(
        place=place,
        layout=layout.storage,
        endpoint=EndpointArgs(subnet_id=config.require("subnet"), zone_id=config.require("fileZone")),
        nodes=Grant(principal=config.require("nodePrincipal"), label="nodes"),
        workspace=config.require("workspace"),
    ),
    pulumi.ResourceOptions(providers=[azure, steps]),
)
pulumi.export("host", files.host)
