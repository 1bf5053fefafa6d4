"""Native backups: SQL Server's own, of one database, into a bucket and from it again.

RDS restores whole hosts only, to new ones. One cell's database comes back by a restored host, a native backup of that
database there and a native restore here (reference aws.md 1.6), so the option for it must be on before it is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam, rds, s3

from cellctl_components.aws import buckets, policies
from cellctl_components.aws.layout import HostLayout
from cellctl_components.aws.options import child, stateful

OPTION = "SQLSERVER_BACKUP_RESTORE"
_SERVICE = "rds.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class NativeBackupsArgs:
    """What they are made of. `hosts` share the option group, `operator` is the role with which cellctl works."""

    hosts: Sequence[HostLayout]
    region: str
    account: str
    key_arn: pulumi.Input[str]
    operator: str = ""
    protected: bool = True


@dataclass(frozen=True, kw_only=True)
class NativeBackups:
    """The option as a group has it, and `after`: what must be there before the group is."""

    option: rds.OptionGroupOptionArgs
    bucket: s3.Bucket
    role: iam.Role
    after: Sequence[pulumi.Resource]


def native_backups(name: str, args: NativeBackupsArgs, parent: pulumi.ComponentResource) -> NativeBackups:
    """Declare bucket and role, all called `NAME-native-backup`; the bucket outlives its hosts unless data goes too."""
    label, host = f"{name}-native-backup", args.hosts[0]
    role = iam.Role(
        label,
        name=host.backup_role,
        path="/cells/",
        assume_role_policy=policies.trust(_SERVICE, account=args.account, source=_sources(args)),
        force_detach_policies=True,
        opts=child(parent),
    )
    bucket = s3.Bucket(
        label,
        bucket=host.backup_bucket,
        force_destroy=not args.protected,
        object_lock_enabled=False,
        opts=stateful(parent),
    )
    both = pulumi.Output.all(bucket.arn, role.arn)
    buckets.guarded(
        label, bucket, parent, args.key_arn, both.apply(lambda got: policies.bucket(*got, operator=args.operator))
    )
    permission = iam.RolePolicy(
        label,
        name="backups",
        role=role.id,
        policy=pulumi.Output.all(bucket.arn, args.key_arn).apply(lambda got: policies.native_backups(*got)),
        opts=child(parent),
    )
    setting = rds.OptionGroupOptionOptionSettingArgs(name="IAM_ROLE_ARN", value=role.arn)
    option = rds.OptionGroupOptionArgs(option_name=OPTION, option_settings=[setting])
    return NativeBackups(option=option, bucket=bucket, role=role, after=[permission])


def _sources(args: NativeBackupsArgs) -> list[str]:
    """Return for what RDS may take the role on: the group, and each of its hosts."""
    stem = f"arn:aws:rds:{args.region}:{args.account}"
    return [f"{stem}:og:{args.hosts[0].group}", *(f"{stem}:db:{host.identifier}" for host in args.hosts)]
