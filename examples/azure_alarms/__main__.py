"""A cell's alarms alone, on objects that exist.

pulumi config set subscription 00000000-0000-0000-0000-000000000001
pulumi config set loadBalancer …
pulumi config set database …
pulumi config set files …
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_azure_native as azure_native

from cellctl.spec import CellSpec
from cellctl_components.azure.alarms import Alarms, AlarmsArgs, WatchedFiles
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

alarms = Alarms(
    "acme-alarms",
    AlarmsArgs(
        place=place,
        email="team@example.com",
        load_balancer=config.require("loadBalancer"),
        database=config.require("database"),
        files=WatchedFiles(service=config.require("files"), shares={"packages": 400, "artifacts": 100}),
        machines={},
        nat_gateways={},
    ),
    pulumi.ResourceOptions(providers=[azure]),
)
pulumi.export("actionGroup", alarms.group.id)
