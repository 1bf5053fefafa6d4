"""Watcher: a function that looks once a minute where CloudWatch has no metric, and publishes what it saw.

EventBridge Scheduler starts it, not a rule of EventBridge: a bus has 300 rules, an account a million schedules, and an
account may have hundreds of cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
from pulumi_aws import cloudwatch, iam, lambda_, scheduler

from cellctl_components.aws.firewall import Group
from cellctl_components.aws.options import child
from cellctl_components.aws.watching import policies as permissions
from cellctl_components.aws.watching.layout import WatchLayout

CODE = Path(__file__).with_name("function.py")
"""What is uploaded: this file, alone."""
RUNTIME = "python3.13"
TIMEOUT_S = 60
"""Longer than all its calls together take at most (`function.BUDGET_S`)."""
_MEMORY_MB = 256


@dataclass(frozen=True, kw_only=True)
class WatchRole:
    """As whom a watcher runs. `services` is what AWS may do as it, also after the function is gone."""

    role: iam.Role
    services: iam.RolePolicy

    @property
    def before(self) -> Mapping[Group, Sequence[pulumi.Resource]]:
        """What its security group needs: Lambda takes interfaces away after a function, and they hold the group."""
        return {"watch": [self.services]}


@dataclass(frozen=True, kw_only=True)
class WatcherArgs:
    """What a watcher looks at.

    `databases` are identifiers of RDS instances, `gateways` ARNs, `nodes` addresses with ports. `subnet_ids` and
    `security_group_id` say where in a network it stands, nothing where it needs none. `after` must exist before it
    starts to look.
    """

    layout: WatchLayout
    region: str
    account: str
    key_arn: pulumi.Input[str]
    runs_as: WatchRole
    databases: Sequence[str] = ()
    gateways: Sequence[pulumi.Input[str]] = ()
    nodes: Sequence[str] = ()
    api_key_secret: pulumi.Input[str] = ""
    subnet_ids: Sequence[pulumi.Input[str]] = ()
    security_group_id: pulumi.Input[str] = ""
    after: Sequence[pulumi.Resource] = field(default=())


def watch_role(
    name: str, layout: WatchLayout, region: str, account: str, parent: pulumi.ComponentResource
) -> WatchRole:
    """Declare the role of a watcher: one for all that run it, because an account has a thousand."""
    role = iam.Role(
        f"{name}-role",
        name=layout.role,
        path="/cells/",
        assume_role_policy=permissions.trust(account, region),
        force_detach_policies=True,
        opts=child(parent),
    )
    function_arn = f"arn:aws:lambda:{region}:{account}:function:{layout.name}"
    services = iam.RolePolicy(
        f"{name}-services",
        name="services",
        role=role.id,
        policy=permissions.services(function_arn, in_network=bool(layout.tier)),
        opts=child(parent),
    )
    return WatchRole(role=role, services=services)


class Watcher(pulumi.ComponentResource):
    """A function, what it may do, its log, and its clock. `clock` starts it every minute, and is there last."""

    def __init__(self, name: str, args: WatcherArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:Watcher", name, None, opts)
        self._name, self._args, self._layout = name, args, args.layout
        self.logs = self._logs()
        allowed = self._allow()
        self.function = self._function()
        self.clock = self._clock(allowed)
        self.register_outputs({"function": self.function.arn})

    def _logs(self) -> cloudwatch.LogGroup:
        return cloudwatch.LogGroup(
            f"{self._name}-logs",
            name=self._layout.log_group,
            retention_in_days=self._layout.log_days,
            kms_key_id=self._args.key_arn,
            opts=child(self),
        )

    def _allow(self) -> iam.RolePolicy:
        args, layout = self._args, self._layout
        databases = [f"arn:aws:rds:{args.region}:{args.account}:db:{one}" for one in args.databases]
        known = pulumi.Output.all(args.api_key_secret, args.key_arn, self.logs.arn, *args.gateways)

        def policy(arns: Sequence[str]) -> str:
            secret, key, log_group, *gateways = arns
            seen = permissions.Seen(databases=databases, gateways=gateways, secret=secret)
            where = {"namespace": layout.namespace, "region": args.region}
            return permissions.looks(seen, key_arn=key, log_group_arn=log_group, **where)

        return iam.RolePolicy(
            f"{self._name}-looks",
            name="looks",
            role=args.runs_as.role.id,
            policy=known.apply(policy),
            opts=child(self),
        )

    def _function(self) -> lambda_.Function:
        args, layout, runs_as = self._args, self._layout, self._args.runs_as
        network = (
            lambda_.FunctionVpcConfigArgs(subnet_ids=list(args.subnet_ids), security_group_ids=[args.security_group_id])
            if args.subnet_ids
            else None
        )
        return lambda_.Function(
            f"{self._name}-function",
            name=layout.name,
            description="Publishes what CloudWatch has no metric of",
            role=runs_as.role.arn,
            runtime=RUNTIME,
            architectures=["arm64"],
            handler="function.handler",
            code=pulumi.AssetArchive({CODE.name: pulumi.StringAsset(CODE.read_text(encoding="utf-8"))}),
            memory_size=_MEMORY_MB,
            timeout=TIMEOUT_S,
            environment=lambda_.FunctionEnvironmentArgs(variables=self._told()),
            vpc_config=network,
            # A look that went well is no news: each minute of each cell would be paid for.
            logging_config=lambda_.FunctionLoggingConfigArgs(
                log_format="JSON", log_group=self.logs.name, application_log_level="WARN", system_log_level="WARN"
            ),
            opts=child(self, runs_as.services),
        )

    def _told(self) -> Mapping[str, pulumi.Input[str]]:
        args = self._args
        nodes: dict[str, pulumi.Input[str]] = (
            {"NODES": ",".join(args.nodes), "API_KEY_SECRET": args.api_key_secret} if args.nodes else {}
        )
        databases = {"DATABASES": ",".join(args.databases)} if args.databases else {}
        gateways: dict[str, pulumi.Input[str]] = (
            {"GATEWAYS": pulumi.Output.all(*args.gateways).apply(",".join)} if args.gateways else {}
        )
        return {"NAMESPACE": args.layout.namespace, **databases, **gateways, **nodes}

    def _clock(self, allowed: iam.RolePolicy) -> scheduler.Schedule:
        return scheduler.Schedule(
            f"{self._name}-clock",
            name=self._layout.name,
            description="Starts the watcher",
            schedule_expression="rate(1 minute)",
            flexible_time_window=scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            target=scheduler.ScheduleTargetArgs(
                arn=self.function.arn,
                role_arn=self._args.runs_as.role.arn,
                # The next minute is its second try.
                retry_policy=scheduler.ScheduleTargetRetryPolicyArgs(
                    maximum_event_age_in_seconds=60, maximum_retry_attempts=0
                ),
            ),
            opts=child(self, allowed, *self._args.after),
        )
