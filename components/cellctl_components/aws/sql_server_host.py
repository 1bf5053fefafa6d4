"""SqlServerHost: SQL Server on RDS with every unsafe default of the provider set right (reference aws.md 0.10, 1.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, iam, rds

from cellctl_components.aws import policies
from cellctl_components.aws.layout import HostLayout
from cellctl_components.aws.native_backups import NativeBackups, NativeBackupsArgs, native_backups
from cellctl_components.aws.options import Timeouts, child, stateful

LOGS = ("agent", "error")
_MONITORING_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
_TIMEOUTS: Timeouts = ("120m", "180m", "120m")


@dataclass(frozen=True, kw_only=True)
class HostGroups:
    """What hosts of one engine have in common. An account has 20 option groups, so hosts of a reef share them."""

    subnets: rds.SubnetGroup
    parameters: rds.ParameterGroup
    options: rds.OptionGroup
    backups: NativeBackups


def host_groups(
    name: str, args: NativeBackupsArgs, subnet_ids: Sequence[pulumi.Input[str]], parent: pulumi.ComponentResource
) -> HostGroups:
    """Declare the groups that the layout of `args.hosts` names, all alike.

    An option is added to a group in place; changing an instance's group later means a restart.
    """
    layout, backups = args.hosts[0], native_backups(name, args, parent)
    force_tls = rds.ParameterGroupParameterArgs(name="rds.force_ssl", value="1", apply_method="pending-reboot")
    opts = child(parent, delete_first=True)
    return HostGroups(
        subnets=rds.SubnetGroup(
            f"{name}-subnets",
            name=layout.group,
            description="Subnets of the cell's database",
            subnet_ids=list(subnet_ids),
            opts=opts,
        ),
        parameters=rds.ParameterGroup(
            f"{name}-parameters",
            name=layout.group,
            family=layout.family,
            description="Parameters of the cell's database",
            parameters=[force_tls],
            opts=opts,
        ),
        options=rds.OptionGroup(
            f"{name}-options",
            name=layout.group,
            engine_name=layout.engine,
            major_engine_version=layout.major_version,
            option_group_description="Options of the cell's database",
            options=[backups.option],
            opts=child(parent, *backups.after, delete_first=True),
        ),
        backups=backups,
    )


@dataclass(frozen=True, kw_only=True)
class SqlServerHostArgs:
    """What the host is made of. `account` is the account's id; `protected` puts RDS's own deletion lock on it.

    Without `groups` the host makes its own. `operator` is the role with which cellctl works.
    """

    layout: HostLayout
    region: str
    account: str
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    log_days: int = 30
    protected: bool = True
    operator: str = ""
    groups: HostGroups | None = None


class SqlServerHost(pulumi.ComponentResource):
    """An RDS instance of SQL Server: encrypted, private, point-in-time restore, a final snapshot, TLS only.

    `address` is the name to dial. `administrator_secret` is the ARN of the secret that RDS keeps and rotates every
    seven days: read it when it is used. The instance is changed in the maintenance window, never at once.
    """

    address: pulumi.Output[str]
    administrator_secret: pulumi.Output[str]

    def __init__(self, name: str, args: SqlServerHostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:SqlServerHost", name, None, opts)
        self._name, self._args, self._layout = name, args, args.layout
        self._groups = args.groups or host_groups(name, self._backup_args(), args.subnet_ids, self)
        self._role = self._monitoring_role()
        self._log_groups = [self._log_group(log) for log in LOGS]
        self.instance = self._instance()
        self.address = self.instance.address
        self.administrator_secret = self.instance.master_user_secrets[0].secret_arn
        if self._layout.backup_region:
            self._backups_elsewhere()
        self.register_outputs({"address": self.address, "administratorSecret": self.administrator_secret})

    def _backup_args(self) -> NativeBackupsArgs:
        args = self._args
        return NativeBackupsArgs(
            hosts=[args.layout],
            region=args.region,
            account=args.account,
            key_arn=args.key_arn,
            operator=args.operator,
            protected=args.protected,
        )

    @property
    def backups(self) -> NativeBackups:
        """Where SQL Server backs up single databases."""
        return self._groups.backups

    def _monitoring_role(self) -> iam.Role:
        role = iam.Role(
            f"{self._name}-monitoring",
            name=self._layout.monitoring_role,
            path="/cells/",
            assume_role_policy=policies.trust("monitoring.rds.amazonaws.com", account=self._args.account),
            force_detach_policies=True,
            opts=child(self),
        )
        self._permission = iam.RolePolicyAttachment(
            f"{self._name}-monitoring", role=role.name, policy_arn=_MONITORING_POLICY, opts=child(self)
        )
        return role

    def _log_group(self, log: str) -> cloudwatch.LogGroup:
        """RDS would make the group itself, unsealed and kept for ever."""
        return cloudwatch.LogGroup(
            f"{self._name}-{log}-log",
            name=f"/aws/rds/instance/{self._layout.identifier}/{log}",
            retention_in_days=self._args.log_days,
            kms_key_id=self._args.key_arn,
            opts=child(self),
        )

    def _instance(self) -> rds.Instance:
        layout, key = self._layout, self._args.key_arn
        return rds.Instance(
            f"{self._name}-instance",
            identifier=layout.identifier,
            engine=layout.engine,
            engine_version=layout.engine_version,
            license_model="license-included",
            instance_class=layout.instance_class,
            multi_az=layout.multi_zone,
            allocated_storage=layout.storage_gib,
            max_allocated_storage=layout.storage_limit_gib,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=key,
            timezone="UTC",
            character_set_name="SQL_Latin1_General_CP1_CI_AS",
            db_subnet_group_name=self._groups.subnets.name,
            vpc_security_group_ids=[self._args.security_group_id],
            publicly_accessible=False,
            port=layout.port,
            ca_cert_identifier="rds-ca-rsa2048-g1",
            username=layout.administrator,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=key,
            parameter_group_name=self._groups.parameters.name,
            option_group_name=self._groups.options.name,
            backup_retention_period=layout.retention_days,
            backup_window=layout.backup_window,
            maintenance_window=layout.maintenance_window,
            delete_automated_backups=False,
            copy_tags_to_snapshot=True,
            skip_final_snapshot=False,
            final_snapshot_identifier=layout.final_snapshot,
            deletion_protection=self._args.protected,
            auto_minor_version_upgrade=False,
            allow_major_version_upgrade=False,
            apply_immediately=False,
            enabled_cloudwatch_logs_exports=list(LOGS),
            monitoring_interval=60,
            monitoring_role_arn=self._role.arn,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=key,
            performance_insights_retention_period=7,
            # AWS forces minor upgrades: the version is raised by an operation of its own.
            opts=stateful(self, self._permission, *self._log_groups, ignore=["engineVersion"], timeouts=_TIMEOUTS),
        )

    def _backups_elsewhere(self) -> None:
        """Keep a copy of the automated backups in another region, sealed by AWS's own key of that region."""
        rds.InstanceAutomatedBackupsReplication(
            f"{self._name}-backups",
            source_db_instance_arn=self.instance.arn,
            retention_period=self._layout.retention_days,
            kms_key_id=f"arn:aws:kms:{self._layout.backup_region}:{self._args.account}:alias/aws/rds",
            region=self._layout.backup_region,
            opts=stateful(self),
        )


def backups_of(host: SqlServerHost, region: str) -> dict[str, pulumi.Input[object]]:
    """Return where a host's native backups are, as an output of its stack."""
    return {"bucket": host.backups.bucket.bucket, "region": region, "writer": host.backups.role.arn}
