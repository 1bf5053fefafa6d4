"""StateStore: where the states of a subscription are, and the key that seals what is secret in them."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import keyvault, storage

from cellctl_components.azure.account_layout import CONTAINER, KEY, AccountLayout
from cellctl_components.azure.diagnostics import send_logs
from cellctl_components.azure.place import Place, guarding, lock, named, stateful
from cellctl_components.azure.vault import vault

_KEPT_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class StateStoreArgs:
    """What a StateStore is made of."""

    place: Place
    layout: AccountLayout
    tenant: pulumi.Input[str]
    workspace: pulumi.Input[str]


class StateStore(pulumi.ComponentResource):
    """A storage account that takes no keys, with every version of every state, and a vault with one key.

    Both are born open to the network and closed to everybody without a role: states must be reachable before there is
    any network. Whoever narrows their networks is left alone.
    """

    def __init__(self, name: str, args: StateStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:Secrets", name, None, opts)
        self._name, self._args = name, args
        self.account = self._account()
        self.service = self._service()
        self.container = storage.BlobContainer(
            f"{name}-container",
            resource_group_name=args.place.resource_group,
            account_name=named(self.account, args.layout.storage_account),
            container_name=CONTAINER,
            public_access=storage.PublicAccess.NONE,
            opts=stateful(self, self.service),
        )
        self.vault = self._vault()
        self.key = self._key()
        service = pulumi.Output.concat(self.account.id, "/blobServices/default")
        logs = [
            send_logs(self, f"{name}-logs", service, args.workspace, ["StorageWrite", "StorageDelete"], self.service),
            send_logs(self, f"{name}-vault-logs", self.vault.id, args.workspace, ["AuditEvent"]),
        ]
        if args.place.locked:
            lock(self, name, self.account.id, self.container, *logs)
            lock(self, f"{name}-vault", self.vault.id, self.key, *logs)
        self.url = named(self.container, f"azblob://{CONTAINER}?storage_account={args.layout.storage_account}")
        self.key_url = named(self.key, f"azurekeyvault://{args.layout.vault}.vault.azure.net/keys/{KEY}")
        self.register_outputs({"url": self.url, "key": self.key_url})

    def _account(self) -> storage.StorageAccount:
        place, layout = self._args.place, self._args.layout
        return storage.StorageAccount(
            f"{self._name}-account",
            resource_group_name=place.resource_group,
            account_name=layout.storage_account,
            location=place.location,
            kind="StorageV2",
            sku=storage.SkuArgs(name=layout.sku),
            access_tier=storage.AccessTier.HOT,
            allow_blob_public_access=False,
            allow_cross_tenant_replication=False,
            allow_shared_key_access=False,
            default_to_o_auth_authentication=True,
            enable_https_traffic_only=True,
            minimum_tls_version="TLS1_2",
            public_network_access="Enabled",
            encryption=storage.EncryptionArgs(
                key_source="Microsoft.Storage",
                require_infrastructure_encryption=True,
                services=storage.EncryptionServicesArgs(
                    blob=storage.EncryptionServiceArgs(enabled=True, key_type="Account")
                ),
            ),
            tags=place.tags,
            opts=stateful(self, ignore=["publicNetworkAccess", "networkRuleSet"]),
        )

    def _service(self) -> storage.BlobServiceProperties:
        return storage.BlobServiceProperties(
            f"{self._name}-service",
            resource_group_name=self._args.place.resource_group,
            account_name=named(self.account, self._args.layout.storage_account),
            blob_services_name="default",
            is_versioning_enabled=True,
            delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=_KEPT_DAYS),
            container_delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=_KEPT_DAYS),
            opts=guarding(self, self.account),
        )

    def _vault(self) -> keyvault.Vault:
        args = self._args
        opts = stateful(self, ignore=["properties.publicNetworkAccess", "properties.networkAcls"])
        return vault(
            self._name, args.layout.vault, place=args.place, tenant=args.tenant, opts=opts, private=False
        )  # fmt: skip

    def _key(self) -> keyvault.Key:
        """Declare the key: Resource Manager makes one and never deletes it, so it goes with its vault."""
        args = self._args
        return keyvault.Key(
            f"{self._name}-key",
            resource_group_name=args.place.resource_group,
            vault_name=named(self.vault, args.layout.vault),
            key_name=KEY,
            properties=keyvault.KeyPropertiesArgs(
                kty=keyvault.JsonWebKeyType.RSA, key_size=3072, key_ops=["encrypt", "decrypt", "wrapKey", "unwrapKey"]
            ),
            tags=args.place.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True, deleted_with=self.vault),
        )
