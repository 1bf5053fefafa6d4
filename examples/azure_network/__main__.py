"""A cell's network alone: subnets for each zone with a way out of its own, who may enter, private DNS.

pulumi config set subscription 00000000-0000-0000-0000-000000000001
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_azure_native as azure_native

from cellctl.spec import CellSpec
from cellctl_components.azure.layout import azure_layout
from cellctl_components.azure.network import Network, NetworkArgs
from cellctl_components.azure.place import Place

config = pulumi.Config()
layout = azure_layout(CellSpec.minimal("acme", cloud="azure", account="prod", region="westeurope"))
azure = azure_native.Provider("azure-native", subscription_id=config.require("subscription"), use_oidc=True)
place = Place(
    resource_group=config.get("resourceGroup") or "rg-existing",
    location=layout.region,
    subscription=config.require("subscription"),
    tags=layout.tags,
)

network = Network(
    "acme-network",
    NetworkArgs(place=place, layout=layout.network, allow=["10.0.0.0/8"], control="10.255.0.0/24"),
    pulumi.ResourceOptions(providers=[azure]),
)
pulumi.export("network", network.network_id)
