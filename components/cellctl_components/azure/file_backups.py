"""FileBackups: a snapshot of every share each day, for so many days, as Azure Backup takes and forgets them.

Snapshots are in the share's own account. The vault has the policy, and knows of them; no file is copied there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pulumi
from pulumi_azure_native import recoveryservices, resources

from cellctl_components.azure.data_layout import BackupsLayout
from cellctl_components.azure.diagnostics import send_logs
from cellctl_components.azure.file_shares import FileShares
from cellctl_components.azure.place import Place, lock, named

FABRIC = "Azure"
_SOFT_DELETE_DAYS = 14
_ANY_DAY = "2026-01-01"  # Azure Backup wants a moment and takes its time of day


@dataclass(frozen=True, kw_only=True)
class FileBackupsArgs:
    """What FileBackups are made of; `accounts` are all whose shares are to have snapshots."""

    place: Place
    layout: BackupsLayout
    accounts: Sequence[FileShares]
    workspace: pulumi.Input[str]


class FileBackups(pulumi.ComponentResource):
    """A Recovery Services vault in a group of its own, a daily policy, and every share under it.

    Azure keeps what it knew of a share for 14 days after its deletion, and no vault goes before: so the vault with its
    policy, its registered accounts and its group stay behind when a cell goes, and only protection of the shares ends.
    """

    def __init__(self, name: str, args: FileBackupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:FileBackups", name, None, opts)
        self._name, self._args = name, args
        self.group = resources.ResourceGroup(
            f"{name}-group",
            resource_group_name=args.layout.group,
            location=args.place.location,
            tags=args.place.tags,
            opts=_staying(self),
        )
        self._place = replace(args.place, resource_group=named(self.group, args.layout.group))
        self.vault = self._vault()
        self.policy = self._policy()
        self.items = [item for files in args.accounts for item in self._items(files)]
        logs = send_logs(
            self, f"{name}-logs", self.vault.id, args.workspace, ["CoreAzureBackup", "AddonAzureBackupJobs"]
        )
        if args.place.locked:
            lock(self, name, self.vault.id, *self.items, logs)
        self.register_outputs({"vaultId": self.vault.id})

    def _vault(self) -> recoveryservices.Vault:
        return recoveryservices.Vault(
            f"{self._name}-vault",
            resource_group_name=self._place.resource_group,
            vault_name=self._args.layout.vault,
            location=self._place.location,
            sku=recoveryservices.SkuArgs(name="RS0", tier="Standard"),
            properties=recoveryservices.VaultPropertiesArgs(
                public_network_access="Disabled",
                redundancy_settings=recoveryservices.VaultPropertiesRedundancySettingsArgs(
                    standard_tier_storage_redundancy="ZoneRedundant", cross_region_restore="Disabled"
                ),
                security_settings=recoveryservices.SecuritySettingsArgs(
                    soft_delete_settings=recoveryservices.SoftDeleteSettingsArgs(
                        soft_delete_state="Enabled",
                        enhanced_security_state="Enabled",
                        soft_delete_retention_period_in_days=_SOFT_DELETE_DAYS,
                    )
                ),
            ),
            tags=self._place.tags,
            opts=_staying(self),
        )

    def _policy(self) -> recoveryservices.ProtectionPolicy:
        moment = f"{_ANY_DAY}T{self._args.layout.at}:00Z"
        return recoveryservices.ProtectionPolicy(
            f"{self._name}-policy",
            resource_group_name=self._place.resource_group,
            vault_name=named(self.vault, self._args.layout.vault),
            policy_name="daily",
            location=self._place.location,
            properties=recoveryservices.AzureFileShareProtectionPolicyArgs(
                backup_management_type="AzureStorage",
                work_load_type="AzureFileShare",
                time_zone="UTC",
                schedule_policy=recoveryservices.SimpleSchedulePolicyArgs(
                    schedule_policy_type="SimpleSchedulePolicy",
                    schedule_run_frequency="Daily",
                    schedule_run_times=[moment],
                ),
                retention_policy=recoveryservices.LongTermRetentionPolicyArgs(
                    retention_policy_type="LongTermRetentionPolicy",
                    daily_schedule=recoveryservices.DailyRetentionScheduleArgs(
                        retention_times=[moment],
                        retention_duration=recoveryservices.RetentionDurationArgs(
                            count=self._args.layout.days, duration_type="Days"
                        ),
                    ),
                ),
            ),
            opts=_staying(self),
        )

    def _items(self, files: FileShares) -> list[recoveryservices.ProtectedItem]:
        """Declare the registration of an account, and protection of each of its shares.

        It is registered once its shares are there: only what Azure Backup finds in it then can be protected.
        """
        layout, vault = files.layout, named(self.vault, self._args.layout.vault)
        name = f"{self._name}-{layout.label}" if layout.label else self._name
        container_name = pulumi.Output.concat(
            "StorageContainer;storage;", self._args.place.resource_group, ";", layout.account
        )
        container = recoveryservices.ProtectionContainer(
            f"{name}-container",
            resource_group_name=self._place.resource_group,
            vault_name=vault,
            fabric_name=FABRIC,
            container_name=container_name,
            location=self._place.location,
            properties=recoveryservices.AzureStorageContainerArgs(
                container_type="StorageContainer",
                backup_management_type="AzureStorage",
                friendly_name=layout.account,
                source_resource_id=files.account.id,
                # The cell has a lock of its own there, which its `down` takes off.
                acquire_storage_account_lock="NotAcquire",
            ),
            opts=_staying(self, *files.shares.values()),
        )
        return [
            recoveryservices.ProtectedItem(
                f"{name}-{share.name}",
                resource_group_name=self._place.resource_group,
                vault_name=vault,
                fabric_name=FABRIC,
                container_name=container_name,
                protected_item_name=share.name,
                location=self._place.location,
                properties=recoveryservices.AzureFileshareProtectedItemArgs(
                    protected_item_type="AzureFileShareProtectedItem",
                    policy_id=self.policy.id,
                    source_resource_id=files.account.id,
                ),
                opts=pulumi.ResourceOptions(parent=self, protect=True, depends_on=[container]),
            )
            for share in layout.shares
        ]


def _staying(parent: pulumi.ComponentResource, *after: pulumi.Resource) -> pulumi.ResourceOptions:
    """Return the options of what stays in Azure when its cell goes, because Azure deletes it no sooner than later."""
    return pulumi.ResourceOptions(parent=parent, protect=True, retain_on_delete=True, depends_on=list(after) or None)
