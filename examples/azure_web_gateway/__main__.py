"""A cell's application gateway alone, in a subnet that it has to itself, with a certificate that is in a vault.

pulumi config set subscription 00000000-0000-0000-0000-000000000001
pulumi config set subnet …
pulumi config set vault …
pulumi config set nodes …
pulumi config set workspace …
pulumi up
"""

from __future__ import annotations

import pulumi
import pulumi_azure_native as azure_native

from cellctl.spec import CellSpec
from cellctl_components.azure.layout import azure_layout
from cellctl_components.azure.place import Grant, Place
from cellctl_components.azure.web_gateway import WebGateway, WebGatewayArgs

config = pulumi.Config()
ingress = {
    "host": "acme.corp.example",
    "balancer": "application_gateway",
    "certificate": "https://kv-certificates.vault.azure.net/secrets/acme-web",
}
body = {"cloud": "azure", "account": "prod", "region": "westeurope", "ingress": ingress}
spec = CellSpec.model_validate({"metadata": {"name": "acme"}, "spec": body})
layout = azure_layout(spec, site={"network": "", "certificateVault": config.require("vault")})
azure = azure_native.Provider("azure-native", subscription_id=config.require("subscription"), use_oidc=True)
place = Place(
    resource_group=config.get("resourceGroup") or "rg-existing",
    location=layout.region,
    subscription=config.require("subscription"),
    tags=layout.tags,
)
assert layout.web is not None

gateway = WebGateway(
    "acme-web",
    WebGatewayArgs(
        place=place,
        layout=layout.web,
        host=layout.ingress.host,
        nodes=layout.nodes,
        subnet_id=config.require("subnet"),
        vault_id=config.require("vault"),
        reader=Grant(principal=config.require("nodes"), label="nodes"),
        workspace=config.require("workspace"),
    ),
    pulumi.ResourceOptions(providers=[azure]),
)
pulumi.export("entry", gateway.entry)
