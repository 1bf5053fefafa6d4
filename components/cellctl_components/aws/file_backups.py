"""File backups: AWS Backup over every bucket of cellctl in an account, for what their own versions do not bring back.

Versions of a bucket go with the bucket, and end after a month. Databases have backups of their own (reference aws.md
1.7: selecting them here would pay for the same twice).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import backup, iam

from cellctl_components.aws import policies
from cellctl_components.aws.options import child, stateful

KEPT_DAYS = 35
_DAILY = "cron(0 5 * * ? *)"  # UTC
_START_MINUTES, _END_MINUTES = 60, 480
_SERVICE = "backup.amazonaws.com"
_MANAGED = "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Backup"


@dataclass(frozen=True, kw_only=True)
class FileBackupsArgs:
    """What they are made of. `name` is that of vault, plan and role; `owner` the tag by which buckets are known."""

    name: str
    key_arn: pulumi.Input[str]
    owner: str = "cellctl"


def file_backups(name: str, args: FileBackupsArgs, parent: pulumi.ComponentResource) -> backup.Vault:
    """Declare vault, plan, role and selection, all called `NAME-backups`; what is in a vault outlives its buckets."""
    label = f"{name}-backups"
    vault = backup.Vault(label, name=args.name, kms_key_arn=args.key_arn, force_destroy=False, opts=stateful(parent))
    role = iam.Role(
        label,
        name=f"{args.name}-backup",
        path="/cells/",
        assume_role_policy=policies.service_trust(_SERVICE),
        force_detach_policies=True,
        opts=child(parent),
    )
    permission = iam.RolePolicyAttachment(label, role=role.name, policy_arn=_MANAGED, opts=child(parent))
    daily = backup.PlanRuleArgs(
        rule_name="daily",
        target_vault_name=vault.name,
        schedule=_DAILY,
        start_window=_START_MINUTES,
        completion_window=_END_MINUTES,
        lifecycle=backup.PlanRuleLifecycleArgs(delete_after=KEPT_DAYS),
    )
    plan = backup.Plan(label, name=args.name, rules=[daily], opts=child(parent))
    ours = backup.SelectionConditionStringEqualArgs(key="aws:ResourceTag/managed-by", value=args.owner)
    backup.Selection(
        label,
        name="buckets",
        plan_id=plan.id,
        iam_role_arn=role.arn,
        resources=["arn:aws:s3:::*"],
        conditions=[backup.SelectionConditionArgs(string_equals=[ours])],
        opts=child(parent, permission),
    )
    return vault
