"""ReefAlarms: what should wake whoever answers for a reef: its pools fill up, or are busy for all of its cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import monitor

from cellctl_components.azure.alarms import NAT_ALARM, Alarm, metric_alert
from cellctl_components.azure.place import Place, child

_POOL = "Microsoft.Sql/servers/elasticPools"

# Metrics of elastic pools: learn.microsoft.com, Supported metrics for Microsoft.Sql/servers/elasticpools, 2026-11.
POOL_ALARMS = (
    Alarm(
        name="pool-cpu",
        metric="cpu_percent",
        operator="GreaterThan",
        threshold=80,
        aggregation="Average",
        severity=2,
        says="The pool's vCores are busy over 80 %: every cell on it waits",
        namespace=_POOL,
    ),
    Alarm(
        name="pool-full",
        metric="storage_percent",
        operator="GreaterThan",
        threshold=85,
        aggregation="Maximum",
        severity=1,
        says="The databases of the pool use over 85 % of its storage",
        namespace=_POOL,
    ),
    Alarm(
        name="pool-workers",
        metric="workers_percent",
        operator="GreaterThan",
        threshold=80,
        aggregation="Average",
        severity=2,
        says="Over 80 % of the pool's workers are taken; without one a statement is refused",
        namespace=_POOL,
    ),
)


@dataclass(frozen=True, kw_only=True)
class ReefAlarmsArgs:
    """What ReefAlarms watch, by id: `pools` by the label of their host, `nat_gateways` by zone."""

    place: Place
    pools: Mapping[str, pulumi.Input[str]]
    nat_gateways: Mapping[str, pulumi.Input[str]]


class ReefAlarms(pulumi.ComponentResource):
    """Metric alerts, and an action group that nobody is in yet: an operator adds whom it tells."""

    def __init__(self, name: str, args: ReefAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:Alarms", name, None, opts)
        place = args.place
        self.group = monitor.ActionGroup(
            f"{name}-group",
            resource_group_name=place.resource_group,
            action_group_name="reef-owner",
            group_short_name="reef",
            location="global",
            enabled=True,
            tags=place.tags,
            # Its receivers are the operators' business.
            opts=pulumi.ResourceOptions.merge(child(self), pulumi.ResourceOptions(ignore_changes=["emailReceivers"])),
        )
        self.alerts = [
            metric_alert(self, name, place, self.group.id, alarm, id, f"-{label}")
            for label, id in args.pools.items()
            for alarm in POOL_ALARMS
        ] + [
            metric_alert(self, name, place, self.group.id, NAT_ALARM, id, f"-{zone}")
            for zone, id in args.nat_gateways.items()
        ]
        self.register_outputs({"actionGroupId": self.group.id})
