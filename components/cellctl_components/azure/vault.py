"""A Key Vault as every one is: roles instead of access policies, and nothing in it lost for 90 days."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import authorization, keyvault

from cellctl_components.azure import facts
from cellctl_components.azure.place import Grant, Place, assign_role


def vault(
    name: str, vault_name: str, *, place: Place, tenant: pulumi.Input[str], opts: pulumi.ResourceOptions, private: bool
) -> keyvault.Vault:
    """Declare `NAME-vault`; a `private` one is reached through its endpoint alone."""
    closed = keyvault.NetworkRuleSetArgs(
        default_action="Deny", bypass="AzureServices", ip_rules=[], virtual_network_rules=[]
    )
    return keyvault.Vault(
        f"{name}-vault",
        resource_group_name=place.resource_group,
        vault_name=vault_name,
        location=place.location,
        properties=keyvault.VaultPropertiesArgs(
            tenant_id=tenant,
            sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName.STANDARD),
            enable_rbac_authorization=True,
            enable_soft_delete=True,
            soft_delete_retention_in_days=90,
            enable_purge_protection=True,
            enabled_for_deployment=False,
            enabled_for_template_deployment=False,
            enabled_for_disk_encryption=False,
            public_network_access="Disabled" if private else "Enabled",
            create_mode=keyvault.CreateMode.DEFAULT,
            network_acls=closed if private else None,
        ),
        tags=place.tags,
        opts=opts,
    )


def may_read(
    parent: pulumi.ComponentResource, name: str, place: Place, grant: Grant, *, secret: str
) -> authorization.RoleAssignment:
    """Declare `NAME-read`: somebody may read one secret (a resource id), and nothing else of its vault."""
    return assign_role(parent, f"{name}-read", place, grant, scope=secret, role=facts.role("key_vault_secrets_user"))
