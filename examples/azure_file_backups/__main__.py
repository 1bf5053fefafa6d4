"""A cell's SMB shares in a network that exists, with a snapshot of each every night.

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
from cellctl_components.azure.file_backups import FileBackups, FileBackupsArgs
from cellctl_components.azure.file_shares import FileShares, FileSharesArgs
from cellctl_components.azure.layout import azure_layout
from cellctl_components.azure.place import Grant, Place

config = pulumi.Config()
body = {"cloud": "azure", "account": "prod", "region": "westeurope", "storage": {"snapshotDays": 30}}
layout = azure_layout(CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body}))
assert layout.backups is not None
azure = azure_native.Provider("azure-native", subscription_id=config.require("subscription"), use_oidc=True)
steps = cellctl.Provider("cellctl", azure_subscription=config.require("subscription"))
given = pulumi.ResourceOptions(providers=[azure, steps])
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
        bypass="AzureServices",  # Azure Backup is one of them
    ),
    given,
)
backups = FileBackups(
    "acme-backups",
    FileBackupsArgs(place=place, layout=layout.backups, accounts=[files], workspace=config.require("workspace")),
    given,
)
pulumi.export("host", files.host)
pulumi.export("vault", backups.vault.id)
