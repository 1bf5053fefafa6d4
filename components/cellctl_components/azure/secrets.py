"""Secrets: the cell's Key Vault, who may read it, and the keys that must exist before any data does."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import keyvault

from cellctl_components.azure import facts
from cellctl_components.azure.diagnostics import send_logs
from cellctl_components.azure.endpoint import EndpointArgs, Target, private_endpoint
from cellctl_components.azure.place import Grant, Place, assign_role, lock, named, stateful
from cellctl_components.resources import MasterKey

MASTER_KEY = "octopus-master-key"
ADMINISTRATOR_PASSWORD = "octopus-administrator-password"  # noqa: S105  the name of a secret


@dataclass(frozen=True, kw_only=True)
class SecretsArgs:
    """What Secrets are made of.

    `vault` is the vault's name; it carries the incarnation, because Azure holds it for 90 days after deletion. `nodes`
    read secrets, `operator` (whoever runs cellctl) writes them; None if a group of the subscription already does.
    """

    place: Place
    vault: str
    tenant: str
    endpoint: EndpointArgs
    nodes: Grant
    operator: Grant | None
    workspace: pulumi.Input[str]


class Secrets(pulumi.ComponentResource):
    """A vault that only the cell's network reaches, with the master key and the first administrator's password.

    No secret value passes through the program or its state: `cellctl:octopus:MasterKey` generates into the vault.
    """

    vault_uri: pulumi.Output[str]
    master_key: pulumi.Output[str]
    master_key_fingerprint: pulumi.Output[str]
    administrator_password: pulumi.Output[str]

    def __init__(self, name: str, args: SecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:Secrets", name, None, opts)
        self._name, self._args = name, args
        self.vault = self._vault()
        target = Target(name=args.vault, id=self.vault.id, group="vault")
        self.endpoint = private_endpoint(self, name, args.place, args.endpoint, target)
        self.roles = self._roles()
        self.vault_uri = named(self.vault, f"https://{args.vault}.vault.azure.net/")
        self.key = self._generated("master-key", MASTER_KEY)
        self.administrator = self._generated("administrator-password", ADMINISTRATOR_PASSWORD)
        logs = send_logs(self, f"{name}-logs", self.vault.id, args.workspace, ["AuditEvent"])
        if args.place.locked:
            lock(self, name, self.vault.id, *self._below(), logs)
        self.master_key, self.master_key_fingerprint = self.key.reference, self.key.fingerprint
        self.administrator_password = self.administrator.reference
        self.register_outputs({"vaultUri": self.vault_uri, "masterKey": self.master_key})

    def _below(self) -> list[pulumi.Resource]:
        return [self.endpoint.zone_group, *self.roles, self.key, self.administrator]

    def _vault(self) -> keyvault.Vault:
        args = self._args
        return keyvault.Vault(
            f"{self._name}-vault",
            resource_group_name=args.place.resource_group,
            vault_name=args.vault,
            location=args.place.location,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=args.tenant,
                sku=keyvault.SkuArgs(family="A", name=keyvault.SkuName.STANDARD),
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                soft_delete_retention_in_days=90,
                enable_purge_protection=True,
                enabled_for_deployment=False,
                enabled_for_template_deployment=False,
                enabled_for_disk_encryption=False,
                public_network_access="Disabled",
                create_mode=keyvault.CreateMode.DEFAULT,
                network_acls=keyvault.NetworkRuleSetArgs(
                    default_action="Deny", bypass="AzureServices", ip_rules=[], virtual_network_rules=[]
                ),
            ),
            tags=args.place.tags,
            opts=stateful(self),
        )

    def _roles(self) -> list[pulumi.Resource]:
        args = self._args
        place, scope = args.place, self.vault.id
        reader = facts.role("key_vault_secrets_user")
        roles: list[pulumi.Resource] = [
            assign_role(self, f"{self._name}-nodes-read", place, args.nodes, scope=scope, role=reader),
        ]
        if args.operator is not None:
            writer = facts.role("key_vault_secrets_officer")
            roles.append(
                assign_role(self, f"{self._name}-operator-writes", place, args.operator, scope=scope, role=writer)
            )
        return roles

    def _generated(self, role: str, secret: str) -> MasterKey:
        """Declare a secret of 128 random bits that is made once and never overwritten (octopus.md 35)."""
        return MasterKey(
            f"{self._name}-{role}",
            vault_uri=self.vault_uri,
            secret_name=secret,
            opts=stateful(self, self.endpoint.zone_group, *self.roles),
        )
