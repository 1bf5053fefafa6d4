"""A cell's load balancer alone, in a network that exists.

pulumi config set subscription 00000000-0000-0000-0000-000000000001
pulumi config set network …
pulumi config set subnet …
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_azure_native as azure_native

from cellctl.spec import CellSpec
from cellctl_components.azure.ingress import Ingress, IngressArgs
from cellctl_components.azure.layout import azure_layout
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

ingress = Ingress(
    "acme-ingress",
    IngressArgs(
        place=place,
        layout=layout.ingress,
        nodes=layout.nodes,
        network_id=config.require("network"),
        subnet_id=config.require("subnet"),
    ),
    pulumi.ResourceOptions(providers=[azure]),
)
pulumi.export("entry", ingress.entry)
