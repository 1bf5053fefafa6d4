"""A cell's database alone, owned by a managed identity that exists.

pulumi config set subscription 00000000-0000-0000-0000-000000000001
pulumi config set tenant …
pulumi config set administrators …
pulumi config set subnet …
pulumi config set sqlZone …
pulumi config set workspace …
pulumi config set identity …
pulumi config set clientId …
pulumi config set masterKeyFingerprint …
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_azure_native as azure_native

from cellctl.spec import CellSpec
from cellctl_components import resources as cellctl
from cellctl_components.azure.endpoint import EndpointArgs
from cellctl_components.azure.layout import azure_layout
from cellctl_components.azure.place import Place
from cellctl_components.azure.sql_server import Administrators, Owner, SqlServer, SqlServerArgs

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

database = SqlServer(
    "acme-database",
    SqlServerArgs(
        place=place,
        layout=layout.database,
        administrators=Administrators(
            tenant=config.require("tenant"), group=config.require("administrators"), name="sql-administrators"
        ),
        owner=Owner(
            identity=config.require("identity"),
            client_id=config.require("clientId"),
            master_key_fingerprint=config.require("masterKeyFingerprint"),
        ),
        endpoint=EndpointArgs(subnet_id=config.require("subnet"), zone_id=config.require("sqlZone")),
        workspace=config.require("workspace"),
    ),
    pulumi.ResourceOptions(providers=[azure, steps]),
)
pulumi.export("host", database.host)
