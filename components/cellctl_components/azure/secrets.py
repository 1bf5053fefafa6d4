"""Secrets: the cell's Key Vault, who may read it, and the keys that must exist before any data does."""

from __future__ import annotations

import secrets as entropy
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import keyvault

from cellctl_components.azure import facts
from cellctl_components.azure.diagnostics import send_logs
from cellctl_components.azure.endpoint import EndpointArgs, Target, private_endpoint
from cellctl_components.azure.place import Grant, Place, assign_role, lock, named, stateful
from cellctl_components.azure.vault import vault
from cellctl_components.resources import MasterKey

MASTER_KEY = "octopus-master-key"
API_KEY = "octopus-api-key"
ADMINISTRATOR_PASSWORD = "octopus-administrator-password"  # noqa: S105  the name of a secret
_PASSWORD_BYTES = 24  # 192 bits, 32 characters


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

    The master key never passes through the program: `cellctl:octopus:MasterKey` generates it into the vault. The
    administrator's first password does, once, as a secret; a person changes it later, and nothing notices.
    """

    vault_uri: pulumi.Output[str]
    master_key: pulumi.Output[str]
    master_key_fingerprint: pulumi.Output[str]
    administrator_password: pulumi.Output[str]

    def __init__(self, name: str, args: SecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:Secrets", name, None, opts)
        self._name, self._args = name, args
        self.vault = vault(
            name, args.vault, place=args.place, tenant=args.tenant, opts=stateful(self), private=True
        )  # fmt: skip
        target = Target(name=args.vault, id=self.vault.id, group="vault")
        self.endpoint = private_endpoint(self, name, args.place, args.endpoint, target)
        self.roles = self._roles()
        self.vault_uri = named(self.vault, f"https://{args.vault}.vault.azure.net/")
        self.key = self._master_key()
        self.administrator = self._administrator_password()
        logs = send_logs(self, f"{name}-logs", self.vault.id, args.workspace, ["AuditEvent"])
        if args.place.locked:
            lock(self, name, self.vault.id, *self._below(), logs)
        self.master_key, self.master_key_fingerprint = self.key.reference, self.key.fingerprint
        self.administrator_password = named(
            self.administrator, f"https://{args.vault}.vault.azure.net/secrets/{ADMINISTRATOR_PASSWORD}"
        )
        self.register_outputs({"vaultUri": self.vault_uri, "masterKey": self.master_key})

    def _below(self) -> list[pulumi.Resource]:
        return [self.endpoint.zone_group, *self.roles, self.key, self.administrator]

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

    def _master_key(self) -> MasterKey:
        return MasterKey(
            f"{self._name}-master-key",
            vault_uri=self.vault_uri,
            secret_name=MASTER_KEY,
            opts=stateful(self, self.endpoint.zone_group, *self.roles),
        )

    def _administrator_password(self) -> keyvault.Secret:
        """Declare the first password: random in every run, so only the one of the first run is ever sent."""
        args = self._args
        return keyvault.Secret(
            f"{self._name}-administrator-password",
            resource_group_name=args.place.resource_group,
            vault_name=named(self.vault, args.vault),
            secret_name=ADMINISTRATOR_PASSWORD,
            # Secret as a whole: a secret inside would hide all of it anyway (reference/azure.md 1.11).
            properties=pulumi.Output.secret(
                keyvault.SecretPropertiesArgs(value=entropy.token_urlsafe(_PASSWORD_BYTES), content_type="text/plain")
            ),
            tags=args.place.tags,
            # Deletion would go to the vault's data plane, which is closed from outside; it goes with its vault.
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=True,
                retain_on_delete=True,
                deleted_with=self.vault,
                ignore_changes=["properties"],
                depends_on=self.roles,
            ),
        )
