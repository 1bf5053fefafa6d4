"""Alarms: what should wake the cell's owner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi
from pulumi_azure_native import monitor

from cellctl_components.azure.place import Place, child

_SINGLE = "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """One metric against one threshold; `severity` 0 is critical, 4 verbose.

    `dimension` narrows the metric to some of its values; each of them is judged alone, and `*` is all there are.
    """

    name: str
    metric: str
    operator: Literal["GreaterThan", "LessThan"]
    threshold: float
    aggregation: Literal["Average", "Maximum", "Minimum", "Total", "Count"]
    severity: int
    says: str
    namespace: str
    dimension: tuple[str, tuple[str, ...]] | None = None


_BALANCER = "Microsoft.Network/loadBalancers"
_GATEWAY = "Microsoft.Network/applicationGateways"
_DATABASE = "Microsoft.Sql/servers/databases"
_FILES = "Microsoft.Storage/storageAccounts/fileServices"
_MACHINE = "Microsoft.Compute/virtualMachines"
_NAT = "Microsoft.Network/natGateways"
_THROTTLED = (
    "SuccessWithThrottling", "SuccessWithShareIopsThrottling", "SuccessWithShareEgressThrottling",
    "SuccessWithShareIngressThrottling", "ClientThrottlingError", "ClientShareIopsThrottlingError",
    "ClientShareEgressThrottlingError", "ClientShareIngressThrottlingError", "ClientAccountRequestThrottlingError",
    "ClientAccountBandwidthThrottlingError",
)  # fmt: skip
"""How Azure Files answers what it lets wait or refuses because a share or an account does all it may.
Source: learn.microsoft.com, Azure Files monitoring data reference, metrics dimensions, 2026-11."""

# Metrics and thresholds: reference/azure.md 2.9 and octopus.md 2.9.
BALANCER_ALARMS = (
    Alarm(
        name="nodes-down",
        metric="DipAvailability",
        operator="LessThan",
        threshold=60,
        aggregation="Average",
        severity=1,
        says="Fewer than 60 % of the nodes answer the load balancer's probe",
        namespace=_BALANCER,
    ),
    Alarm(
        name="data-path",
        metric="VipAvailability",
        operator="LessThan",
        threshold=99,
        aggregation="Average",
        severity=1,
        says="The load balancer's own address is not reachable all of the time",
        namespace=_BALANCER,
    ),
    Alarm(
        name="node-silent",
        metric="DipAvailability",
        operator="LessThan",
        threshold=60,
        aggregation="Average",
        severity=2,
        says="One node does not answer the load balancer's probe: it is down, or drains for long",
        namespace=_BALANCER,
        dimension=("BackendIPAddress", ("*",)),
    ),
)
DATABASE_ALARMS = (
    Alarm(
        name="database-cpu",
        metric="cpu_percent",
        operator="GreaterThan",
        threshold=90,
        aggregation="Average",
        severity=2,
        says="The database's processors are busy over 90 %",
        namespace=_DATABASE,
    ),
    Alarm(
        name="database-full",
        metric="storage_percent",
        operator="GreaterThan",
        threshold=85,
        aggregation="Maximum",
        severity=1,
        says="The database uses over 85 % of its largest size",
        namespace=_DATABASE,
    ),
    Alarm(
        name="database-refuses",
        metric="connection_failed",
        operator="GreaterThan",
        threshold=10,
        aggregation="Total",
        severity=1,
        says="The database failed more than 10 connections",
        namespace=_DATABASE,
    ),
)
FILE_ALARMS = (
    Alarm(
        name="files-unavailable",
        metric="Availability",
        operator="LessThan",
        threshold=99.9,
        aggregation="Average",
        severity=1,
        says="The file shares fail more than one request in a thousand",
        namespace=_FILES,
    ),
    Alarm(
        name="files-slow",
        metric="SuccessE2ELatency",
        operator="GreaterThan",
        threshold=100,
        aggregation="Average",
        severity=2,
        says="A request to the file shares takes over 100 ms on average",
        namespace=_FILES,
    ),
    Alarm(
        name="files-throttled",
        metric="Transactions",
        operator="GreaterThan",
        threshold=100,
        aggregation="Total",
        severity=2,
        says="The file shares let over 100 requests wait, or refused them: they do all that their size allows",
        namespace=_FILES,
        dimension=("ResponseType", _THROTTLED),
    ),
)
MACHINE_ALARM = Alarm(
    name="machine-down",
    metric="VmAvailabilityMetric",
    operator="LessThan",
    threshold=1,
    aggregation="Average",
    severity=1,
    says="The machine of a node is not available",
    namespace=_MACHINE,
)
NAT_ALARM = Alarm(
    name="nat-exhausted",
    metric="SNATConnectionCount",
    operator="GreaterThan",
    threshold=0,
    aggregation="Total",
    severity=2,
    says="Outgoing connections failed for want of ports",
    namespace=_NAT,
    dimension=("ConnectionState", ("Failed",)),
)
# Metric and dimension: learn.microsoft.com, Monitor Azure Backup with metrics, from memory (2026-11-30).
BACKUP_ALARM = Alarm(
    name="snapshots-fail",
    metric="BackupHealthEvent",
    operator="GreaterThan",
    threshold=0,
    aggregation="Count",
    severity=2,
    says="Snapshots of the file shares fail until somebody does something",
    namespace="Microsoft.RecoveryServices/vaults",
    dimension=("healthStatus", ("Persistent Unhealthy",)),
)
WEB_PERCENT = 60
"""Per cent of the nodes behind an application gateway, below which `web-nodes-down` is raised."""
CAPACITY_PERCENT = 80
"""Per cent of what is provisioned that raise the alarms `files-full` and `share-full` (reference/octopus.md 2.9)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchedFiles:
    """Shares of one storage account: `service` is the id of its file service, `shares` GiB by the name of a share.

    `measured`: Azure tells how full each share is; of shares on disks it tells of all together alone.
    """

    service: pulumi.Input[str]
    shares: Mapping[str, int]
    measured: bool = True


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    """What Alarms watch, by id. `machines` is by ordinal, `nat_gateways` by zone; `apart` are the accounts of kinds
    that are placed apart, by what the cell file calls them.

    `probed`: a rule of the load balancer has a probe, without which its metrics of health are none. `web_gateway` is
    the application gateway in front of the web, if there is one; `web_nodes` are behind it. `backups` is the vault of
    snapshots, if they are taken.
    """

    place: Place
    email: str
    load_balancer: pulumi.Input[str]
    database: pulumi.Input[str]
    files: WatchedFiles
    machines: Mapping[int, pulumi.Input[str]]
    nat_gateways: Mapping[str, pulumi.Input[str]]
    apart: Mapping[str, WatchedFiles] = field(default_factory=dict)
    probed: bool = True
    web_gateway: pulumi.Input[str] | None = None
    web_nodes: int = 0
    backups: pulumi.Input[str] | None = None


class Alarms(pulumi.ComponentResource):
    """An action group that writes to the cell's administrator, and metric alerts."""

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:Alarms", name, None, opts)
        self._name, self._args = name, args
        self.group = self._group()
        self.alerts = [
            *self._alerts(BALANCER_ALARMS if args.probed else (), args.load_balancer),
            *(self._alerts(_web_alarms(args.web_nodes), args.web_gateway) if args.web_gateway is not None else []),
            *self._alerts(DATABASE_ALARMS, args.database),
            *self._files(args.files),
            *[alert for label, files in args.apart.items() for alert in self._files(files, f"-{label}")],
            *([self._alert(BACKUP_ALARM, args.backups)] if args.backups is not None else []),
            *[self._alert(MACHINE_ALARM, id, f"-{ordinal}") for ordinal, id in args.machines.items()],
            *[self._alert(NAT_ALARM, id, f"-{zone}") for zone, id in args.nat_gateways.items()],
        ]
        self.register_outputs({"actionGroupId": self.group.id})

    def _group(self) -> monitor.ActionGroup:
        return monitor.ActionGroup(
            f"{self._name}-group",
            resource_group_name=self._args.place.resource_group,
            action_group_name="cell-owner",
            group_short_name="octopus",
            location="global",
            enabled=True,
            email_receivers=[
                monitor.MicrosoftCommonEmailReceiverArgs(
                    name="administrator", email_address=self._args.email, use_common_alert_schema=True
                )
            ],
            tags=self._args.place.tags,
            opts=child(self),
        )

    def _alerts(self, alarms: Sequence[Alarm], scope: pulumi.Input[str]) -> list[monitor.MetricAlert]:
        return [self._alert(alarm, scope) for alarm in alarms]

    def _files(self, files: WatchedFiles, suffix: str = "") -> list[monitor.MetricAlert]:
        alarms = (*FILE_ALARMS, _files_full(sum(files.shares.values())), *_shares_full(files))
        return [self._alert(alarm, files.service, suffix) for alarm in alarms]

    def _alert(self, alarm: Alarm, scope: pulumi.Input[str], suffix: str = "") -> monitor.MetricAlert:
        return metric_alert(self, self._name, self._args.place, self.group.id, alarm, scope, suffix)


def metric_alert(  # noqa: PLR0917  what an alert is made of
    parent: pulumi.ComponentResource,
    name: str,
    place: Place,
    group_id: pulumi.Input[str],
    alarm: Alarm,
    scope: pulumi.Input[str],
    suffix: str = "",
) -> monitor.MetricAlert:
    """Declare the alert `NAME-ALARM` over the object with id `scope`; `group_id` is of who is told."""
    return monitor.MetricAlert(
        f"{name}-{alarm.name}{suffix}",
        resource_group_name=place.resource_group,
        rule_name=f"{alarm.name}{suffix}",
        location="global",
        description=alarm.says,
        enabled=True,
        severity=alarm.severity,
        scopes=[scope],
        evaluation_frequency="PT5M",
        window_size="PT1H" if alarm.metric == "FileCapacity" else "PT15M",
        auto_mitigate=True,
        criteria=monitor.MetricAlertSingleResourceMultipleMetricCriteriaArgs(
            odata_type=_SINGLE, all_of=[_criteria(alarm)]
        ),
        actions=[monitor.MetricAlertActionArgs(action_group_id=group_id)],
        tags=place.tags,
        opts=child(parent),
    )


def _web_alarms(nodes: int) -> tuple[Alarm, ...]:
    return (
        Alarm(
            name="web-nodes-down",
            metric="HealthyHostCount",
            operator="LessThan",
            threshold=nodes * WEB_PERCENT / 100,
            aggregation="Average",
            severity=1,
            says=f"Fewer than {WEB_PERCENT} % of the nodes answer the application gateway's probe",
            namespace=_GATEWAY,
        ),
        Alarm(
            name="web-node-silent",
            metric="UnhealthyHostCount",
            operator="GreaterThan",
            threshold=0.6,
            aggregation="Average",
            severity=2,
            says="One node does not answer the application gateway's probe: it is down, or drains for long",
            namespace=_GATEWAY,
        ),
    )


def _files_full(size_gib: int) -> Alarm:
    return Alarm(
        name="files-full",
        metric="FileCapacity",
        operator="GreaterThan",
        threshold=size_gib * 1024**3 * CAPACITY_PERCENT // 100,
        aggregation="Average",
        severity=1,
        says=f"The files use over {CAPACITY_PERCENT} % of what the shares hold",
        namespace=_FILES,
    )


def _shares_full(files: WatchedFiles) -> Iterator[Alarm]:
    """Yield an alarm for all shares of one size: of one that is full the sum of all says nothing."""
    sizes: dict[int, list[str]] = {}
    for name, size_gib in files.shares.items():
        sizes.setdefault(size_gib, []).append(name)
    for size_gib, names in sizes.items() if files.measured else ():
        yield Alarm(
            name=f"share-full-{names[0]}",
            metric="FileCapacity",
            operator="GreaterThan",
            threshold=size_gib * 1024**3 * CAPACITY_PERCENT // 100,
            aggregation="Average",
            severity=1,
            says=f"A share of {size_gib} GiB is over {CAPACITY_PERCENT} % full",
            namespace=_FILES,
            dimension=("FileShare", tuple(names)),
        )


def _criteria(alarm: Alarm) -> monitor.MetricCriteriaArgs:
    return monitor.MetricCriteriaArgs(
        name=alarm.metric,
        criterion_type="StaticThresholdCriterion",
        metric_namespace=alarm.namespace,
        metric_name=alarm.metric,
        operator=alarm.operator,
        threshold=alarm.threshold,
        time_aggregation=alarm.aggregation,
        # A metric that nothing has emitted yet would fail the creation of its alert.
        skip_metric_validation=True,
        dimensions=[
            monitor.MetricDimensionArgs(name=alarm.dimension[0], operator="Include", values=[*alarm.dimension[1]])
        ]
        if alarm.dimension
        else None,
    )
