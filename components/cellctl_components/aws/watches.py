"""What alarms watch, as data: each a metric and when it is bad (reference octopus.md 2.9, aws.md 1.7). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from cellctl_components.aws.layout import AlarmsLayout

GIB = 1024**3
DAY_S = 86_400
GATEWAYS = "AWS/StorageGateway"
_LAG_S = 600
_SILENT_S = 300
_SUPPORTED_DAYS = 120


@dataclass(frozen=True, kw_only=True)
class EntryWatched:
    """The ways in: load balancers and target groups as CloudWatch writes them (`arn_suffix`), and the certificate.

    Of a balancer that is `shared` only what is the cell's own is watched.
    """

    balancer: pulumi.Input[str]
    web_target: pulumi.Input[str]
    polling_balancer: pulumi.Input[str]
    polling_targets: Mapping[str, pulumi.Input[str]]
    certificate: pulumi.Input[str]
    shared: bool = False


@dataclass(frozen=True, kw_only=True)
class OwnMetrics:
    """What the owner's watcher publishes: of `databases` and `gateways`, by label, and of its nodes. `clock` starts it.

    The metrics are nobody's before that, so alarms on them come after.
    """

    namespace: str
    clock: pulumi.Resource
    databases: Mapping[str, str] = field(default_factory=dict)
    gateways: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    nodes: bool = False


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    """What is watched. Mappings are by label; `buckets` are names of those that carry files.

    `databases` are identifiers with their storage in GiB, `gateways` ids with their names, `queues` ids of the machines
    of a queue. A reef has no entry, a cell on a reef neither database nor gateway of its own. With a `region`
    EC2 starts a gateway's machine, the instance of its label, on another host when its own fails.
    """

    layout: AlarmsLayout
    key_arn: pulumi.Input[str]
    databases: Mapping[str, tuple[pulumi.Input[str], int]] = field(default_factory=dict)
    gateways: Mapping[str, tuple[pulumi.Input[str], str]] = field(default_factory=dict)
    instances: Mapping[str, pulumi.Input[str]]
    entry: EntryWatched | None = None
    queues: Mapping[str, pulumi.Input[Sequence[str]]] = field(default_factory=dict)
    buckets: Sequence[str] = ()
    region: str = ""
    own: OwnMetrics | None = None


@dataclass(frozen=True, kw_only=True)
class Watch:
    """One alarm: the metric, when it is bad, and for how many periods in a row.

    `does` is done besides telling; what publishes the metric is there `after` some resources.
    """

    label: str
    namespace: str
    metric: str
    dimensions: Mapping[str, pulumi.Input[str]]
    above: float | None = None
    below: float | None = None
    statistic: str = "Average"
    period_s: int = 300
    periods: int = 3
    missing: str = "breaching"
    says: str = field(default="")
    does: Sequence[str] = ()
    after: Sequence[pulumi.Resource] = ()


def watches(args: AlarmsArgs) -> list[Watch]:
    """Return every alarm on one metric."""
    databases = [watch for label, (name, gib) in args.databases.items() for watch in _database(label, name, gib)]
    gateways = [watch for label, (key, name) in args.gateways.items() for watch in _gateway(label, key, name)]
    queues = [watch for label, machines in args.queues.items() for watch in _queue(label, machines)]
    entry, own = _balancers(args.entry) if args.entry else (), _own(args.own) if args.own else ()
    return [*databases, *gateways, *queues, *entry, *_instances(args), *own]


def _database(label: str, identifier: pulumi.Input[str], storage_gib: int) -> list[Watch]:
    where, space = {"DBInstanceIdentifier": identifier}, "AWS/RDS"
    return [
        Watch(label=f"{label}-storage", namespace=space, metric="FreeStorageSpace", dimensions=where,
              below=storage_gib * GIB / 10, says="Less than a tenth of the database's storage is free"),
        Watch(label=f"{label}-cpu", namespace=space, metric="CPUUtilization", dimensions=where, above=90,
              says="The database host is busy"),
        Watch(label=f"{label}-jobs", namespace=space, metric="FailedSQLServerAgentJobsCount", dimensions=where,
              statistic="Sum", above=1, periods=1, missing="notBreaching", says="A job of SQL Server Agent failed"),
    ]  # fmt: skip


def _gateway(label: str, key: pulumi.Input[str], name: str) -> list[Watch]:
    where: dict[str, pulumi.Input[str]] = {"GatewayId": key, "GatewayName": name}
    space = GATEWAYS
    counts = {
        "health": ("HealthNotifications", "The gateway reports a fault"),
        "availability": ("AvailabilityNotifications", "The gateway was restarted or is not available"),
        "uploads": ("FilesFailingUpload", "Files do not reach their bucket: the cache holds the only copy"),
        "index": ("IndexEvictions", "The gateway forgets files that it knew: raise its capacity, or spread the files"),
        "shares": ("FileSharesUnavailable", "A file share is not available: no node can use it"),
    }
    return [
        Watch(label=f"{label}-dirty", namespace=space, metric="CachePercentDirty", dimensions=where, above=80,
              says="Files wait for upload; at 90 % writes are refused"),
        Watch(label=f"{label}-full", namespace=space, metric="CachePercentDirty", dimensions=where, above=90,
              periods=1, says="Writes to files are refused"),
        Watch(label=f"{label}-disk", namespace=space, metric="IoWaitPercent", dimensions=where, above=10,
              says="The cache disk is too slow"),
        *(
            Watch(label=f"{label}-{what}", namespace=space, metric=metric, dimensions=where, statistic="Sum", above=1,
                  periods=1, missing="notBreaching", says=says)
            for what, (metric, says) in counts.items()
        ),
    ]  # fmt: skip


def _queue(label: str, machines: pulumi.Input[Sequence[str]]) -> list[Watch]:
    where = {"CacheClusterId": pulumi.Output.from_input(machines).apply(lambda ids: ids[0])}
    return [
        Watch(label=f"{label}-memory", namespace="AWS/ElastiCache", metric="DatabaseMemoryUsagePercentage",
              dimensions=where, above=80, says="The queue of Tentacles is nearly full: then it refuses requests"),
        Watch(label=f"{label}-cpu", namespace="AWS/ElastiCache", metric="EngineCPUUtilization", dimensions=where,
              above=90, says="The queue of polling Tentacles is busy"),
    ]  # fmt: skip


def _balancers(args: EntryWatched) -> list[Watch]:
    web: dict[str, pulumi.Input[str]] = {"LoadBalancer": args.balancer}
    space = "AWS/ApplicationELB"
    answers = {**web, "TargetGroup": args.web_target} if args.shared else web
    return [
        Watch(label="web-unhealthy", namespace=space, metric="UnHealthyHostCount", statistic="Maximum", above=1,
              dimensions={**web, "TargetGroup": args.web_target}, period_s=60, says="A node does not answer its ping"),
        Watch(label="web-errors", namespace=space, metric="HTTPCode_Target_5XX_Count", dimensions=answers,
              statistic="Sum", above=10, missing="notBreaching", says="Octopus answers with errors"),
        Watch(label="certificate", namespace="AWS/CertificateManager", metric="DaysToExpiry", period_s=DAY_S,
              dimensions={"CertificateArn": args.certificate}, statistic="Minimum", below=30, periods=1,
              missing="notBreaching", says="The certificate of the web portal ends soon"),
        *(
            Watch(label=f"polling-{label}".rstrip("-"), namespace="AWS/NetworkELB", metric="UnHealthyHostCount",
                  dimensions={"LoadBalancer": args.polling_balancer, "TargetGroup": target}, statistic="Maximum",
                  above=1, period_s=60, says="Polling Tentacles do not reach this node")
            for label, target in args.polling_targets.items()
        ),
    ]  # fmt: skip


def _instances(args: AlarmsArgs) -> list[Watch]:
    return [*_failing(args), *_moved(args)]


def _moved(args: AlarmsArgs) -> list[Watch]:
    """A host that fails under a machine with a fixed address and disks of its own: EC2 starts it on another one."""
    return [
        Watch(
            label=f"{label}-recovery",
            namespace="AWS/EC2",
            metric="StatusCheckFailed_System",
            dimensions={"InstanceId": args.instances[label]},
            statistic="Minimum",
            above=1,
            period_s=60,
            periods=2,
            missing="missing",
            says="The machine's host fails: it is started on another one",
            does=(f"arn:aws:automate:{args.region}:ec2:recover",),
        )
        for label in args.gateways
        if args.region
    ]


def _failing(args: AlarmsArgs) -> list[Watch]:
    return [
        Watch(
            label=f"{label}-status",
            namespace="AWS/EC2",
            metric="StatusCheckFailed",
            dimensions={"InstanceId": instance},
            statistic="Maximum",
            above=1,
            period_s=60,
            says="The instance or its host fails",
        )
        for label, instance in args.instances.items()
    ]


def _own(args: OwnMetrics) -> list[Watch]:
    """Return alarms on what the watcher sees; no data is bad: then it does not see.

    A gateway is looked at once an hour, so that of its support there may be no data yet.
    """
    space, after = args.namespace, [args.clock]
    nodes = [
        Watch(label="nodes-silent", namespace=space, metric="SecondsUnseen", dimensions={}, statistic="Maximum",
              above=_SILENT_S, period_s=60, after=after,
              says="A node was not seen by Octopus for five minutes, or nobody can ask"),
        Watch(label="nodes-licence", namespace=space, metric="NodesOverLicence", dimensions={}, statistic="Maximum",
              above=1, period_s=60, after=after,
              says="More nodes are registered than are licensed (one without a licence), or nobody can ask"),
    ]  # fmt: skip
    return [
        *(
            Watch(label=f"{label}-lag", namespace=space, metric="RestoreLagSeconds", statistic="Maximum",
                  dimensions={"DBInstanceIdentifier": name}, above=_LAG_S, period_s=60, after=after,
                  says="The database can be brought back only to a moment more than ten minutes ago, or nobody can ask")
            for label, name in args.databases.items()
        ),
        *(
            Watch(label=f"{label}-support", namespace=space, metric="DaysSupported", statistic="Minimum",
                  dimensions={"GatewayId": key}, below=_SUPPORTED_DAYS, period_s=3600, periods=1, missing="missing",
                  after=after,
                  says="The support of the gateway's software ends within 120 days: it is replaced, never upgraded")
            for label, key in args.gateways.items()
        ),
        *(nodes if args.nodes else ()),
    ]  # fmt: skip
