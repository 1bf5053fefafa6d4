"""Octopus nodes alone, on a database, shares and a vault that exist.

pulumi config set subscription 00000000-0000-0000-0000-000000000001
pulumi config set subnet …
pulumi config set pool …
pulumi config set identity …
pulumi config set clientId …
pulumi config set storageAccountId …
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_azure_native as azure_native

from cellctl.spec import CellSpec
from cellctl_components import resources as cellctl
from cellctl_components.azure.bootstrap import BootFacts
from cellctl_components.azure.layout import azure_layout
from cellctl_components.azure.nodes import Nodes, NodesArgs
from cellctl_components.azure.place import Place
from cellctl_components.azure.secrets import ADMINISTRATOR_PASSWORD, API_KEY, MASTER_KEY
from cellctl_components.octopus import ClusterArgs

config = pulumi.Config()
layout = azure_layout(CellSpec.minimal("acme", cloud="azure", account="prod", region="westeurope"))
azure = azure_native.Provider("azure-native", subscription_id=config.require("subscription"), use_oidc=True)
place = Place(
    resource_group=config.get("resourceGroup") or "rg-existing",
    location=layout.region,
    subscription=config.require("subscription"),
    tags=layout.tags,
)

vault = "https://kv-existing.vault.azure.net/secrets"
file_host = "stexisting.file.core.windows.net"
nodes = Nodes(
    "acme-node",
    NodesArgs(
        place=place,
        nodes=layout.nodes,
        subnet_id=lambda _: config.require("subnet"),
        pool_ids=lambda _: [config.require("pool")],
        identity_id=config.require("identity"),
        boot=BootFacts(
            cell="acme",
            host=layout.ingress.host,
            octopus_version=layout.octopus_version,
            vault_host="kv-existing.vault.azure.net",
            sql_host="sql-existing.database.windows.net",
            database=layout.database.name,
            file_host=file_host,
            storage_account_id=config.require("storageAccountId"),
            identity_client_id=config.require("clientId"),
            shares={share.kind: rf"\\{file_host}\{share.name}" for share in layout.storage.shares},
            master_key_secret=MASTER_KEY,
            administrator=layout.administrator,
            email=layout.email,
            administrator_password_secret=ADMINISTRATOR_PASSWORD,
            certificate="",
        ),
        ready=[],
        cluster=lambda members: ClusterArgs(
            region=layout.region,
            port=443,
            scheme="https",
            tls_name=layout.ingress.host,
            version=layout.octopus_version,
            username=layout.administrator,
            email=layout.email,
            password_secret=f"{vault}/{ADMINISTRATOR_PASSWORD}",
            api_key_secret=f"{vault}/{API_KEY}",
            members=members,
        ),
    ),
    pulumi.ResourceOptions(providers=[azure, cellctl.Provider("cellctl")]),
)
pulumi.export("machines", list(nodes.machine_ids.values()))
