"""A cell's vault alone, with a master key that is generated into it.

pulumi config set subscription 00000000-0000-0000-0000-000000000001
pulumi config set tenant …
pulumi config set subnet …
pulumi config set vaultZone …
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
from cellctl_components.azure.layout import azure_layout
from cellctl_components.azure.place import Grant, Place
from cellctl_components.azure.secrets import Secrets, SecretsArgs

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

secrets = Secrets(
    "acme-secrets",
    SecretsArgs(
        place=place,
        vault=layout.names.vault,
        tenant=config.require("tenant"),
        endpoint=EndpointArgs(subnet_id=config.require("subnet"), zone_id=config.require("vaultZone")),
        nodes=Grant(principal=config.require("nodePrincipal"), label="nodes"),
        operator=None,
        workspace=config.require("workspace"),
    ),
    pulumi.ResourceOptions(providers=[azure, steps]),
)
pulumi.export("masterKey", secrets.master_key)
