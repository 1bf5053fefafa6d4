"""FileShares: a storage account of the cell alone, with an SMB share for each kind of file that is in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_azure_native import storage

from cellctl_components import resources as cellctl
from cellctl_components.azure import facts
from cellctl_components.azure.data_layout import ShareLayout, StorageLayout
from cellctl_components.azure.diagnostics import send_logs
from cellctl_components.azure.endpoint import EndpointArgs, Target, private_endpoint
from cellctl_components.azure.place import Grant, Place, assign_role, child, guarding, lock, named, stateful
from cellctl_components.azure.sealing import Sealing


@dataclass(frozen=True, kw_only=True)
class FileSharesArgs:
    """What FileShares are made of. `nodes` may fetch the account's key, with which they mount the shares.

    `sealing` is whose key seals the files; the platform's does without it. `bypass` is which of Azure's own services
    pass the account's rules on networks: `None`, or `AzureServices` where Azure Backup takes snapshots.
    """

    place: Place
    layout: StorageLayout
    endpoint: EndpointArgs
    nodes: Grant
    workspace: pulumi.Input[str]
    sealing: Sealing | None = None
    bypass: Literal["None", "AzureServices"] = "None"


class FileShares(pulumi.ComponentResource):
    """A zone-redundant account of files alone that speaks SMB 3.1.1 with AES-GCM only, and its shares."""

    host: pulumi.Output[str]

    def __init__(self, name: str, args: FileSharesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:FileShares", name, None, opts)
        self._name, self._args, self.layout = name, args, args.layout
        self.account = self._account()
        self.service = self._service()
        self.shares = {share.kind: self._share(share) for share in args.layout.shares}
        target = Target(name=args.layout.account, id=self.account.id, group="file")
        self.endpoint = private_endpoint(self, name, args.place, args.endpoint, target)
        role = facts.role("storage_account_key_operator")
        self.role = assign_role(self, f"{name}-nodes-mount", args.place, args.nodes, scope=self.account.id, role=role)
        self.service_id = pulumi.Output.concat(self.account.id, "/fileServices/default")
        logs = send_logs(self, f"{name}-logs", self.service_id, args.workspace, ["StorageDelete"], self.service)
        if args.place.locked:
            lock(self, name, self.account.id, *self.shares.values(), self.endpoint.zone_group, self.role, logs)
        self.host = named(self.account, args.layout.host)
        self.tree = self._tree()
        self.register_outputs({"host": self.host})

    def _account(self) -> storage.StorageAccount:
        return storage.StorageAccount(
            f"{self._name}-account",
            resource_group_name=self._args.place.resource_group,
            account_name=self._args.layout.account,
            location=self._args.place.location,
            kind="FileStorage",
            sku=storage.SkuArgs(name=self._args.layout.sku),
            allow_blob_public_access=False,
            allow_cross_tenant_replication=False,
            allow_shared_key_access=True,
            default_to_o_auth_authentication=True,
            enable_https_traffic_only=True,
            minimum_tls_version="TLS1_2",
            large_file_shares_state="Enabled",
            public_network_access="Disabled",
            network_rule_set=storage.NetworkRuleSetArgs(
                default_action=storage.DefaultAction.DENY, bypass=self._args.bypass
            ),
            identity=None
            if self._args.sealing is None
            else storage.IdentityArgs(
                type=storage.IdentityType.USER_ASSIGNED, user_assigned_identities=[self._args.sealing.identity_id]
            ),
            encryption=_encryption(self._args.sealing),
            key_policy=storage.KeyPolicyArgs(key_expiration_period_in_days=90),
            sas_policy=storage.SasPolicyArgs(sas_expiration_period="1.00:00:00", expiration_action="Log"),
            tags=self._args.place.tags,
            opts=stateful(self),
        )

    def _tree(self) -> cellctl.FolderTree:
        """Have every share used before a node needs it, as nodes use it: with the key, through the endpoint."""
        return cellctl.FolderTree(
            f"{self._name}-tree",
            host=self.host,
            account=self.account.id,
            folders=[share.name for share in self._args.layout.shares],
            opts=child(self, *self.shares.values(), self.endpoint.zone_group),
        )

    def _service(self) -> storage.FileServiceProperties:
        return storage.FileServiceProperties(
            f"{self._name}-service",
            resource_group_name=self._args.place.resource_group,
            account_name=named(self.account, self._args.layout.account),
            file_services_name="default",
            protocol_settings=storage.ProtocolSettingsArgs(
                smb=storage.SmbSettingArgs(
                    versions="SMB3.1.1;",
                    authentication_methods="NTLMv2;Kerberos;",
                    kerberos_ticket_encryption="AES-256;",
                    channel_encryption="AES-256-GCM;AES-128-GCM;",
                    # On disks there is none (learn.microsoft.com, SMB Multichannel: SSD file shares only).
                    multichannel=storage.MultichannelArgs(enabled=True) if self._args.layout.media == "SSD" else None,
                )
            ),
            share_delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=14),
            opts=guarding(self, self.account),
        )

    def _share(self, share: ShareLayout) -> storage.FileShare:
        return storage.FileShare(
            f"{self._name}-{share.name}",
            resource_group_name=self._args.place.resource_group,
            account_name=named(self.account, self._args.layout.account),
            share_name=share.name,
            enabled_protocols="SMB",
            share_quota=share.size_gib,
            access_tier=self._args.layout.access_tier or None,
            provisioned_iops=share.iops or None,
            provisioned_bandwidth_mibps=share.mibps or None,
            metadata={"media": self._args.layout.media} if share.iops else None,
            opts=stateful(self, self.service),
        )


def _encryption(sealing: Sealing | None) -> storage.EncryptionArgs:
    """Return how files are sealed: twice, once of that with a key of others where there is one."""
    services = storage.EncryptionServicesArgs(file=storage.EncryptionServiceArgs(enabled=True, key_type="Account"))
    if sealing is None:
        return storage.EncryptionArgs(
            key_source="Microsoft.Storage", require_infrastructure_encryption=True, services=services
        )
    return storage.EncryptionArgs(
        key_source="Microsoft.Keyvault",
        require_infrastructure_encryption=True,
        services=services,
        encryption_identity=storage.EncryptionIdentityArgs(encryption_user_assigned_identity=sealing.identity_id),
        # Without a version: the service takes a newer one within a day.
        key_vault_properties=storage.KeyVaultPropertiesArgs(
            key_name=sealing.key.name, key_vault_uri=sealing.key.vault_uri
        ),
    )
