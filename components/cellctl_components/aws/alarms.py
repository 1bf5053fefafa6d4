"""Alarms: what must wake somebody, on one topic (reference octopus.md 2.9, aws.md 1.7)."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_aws import cloudwatch, sns

from cellctl_components.aws.options import child
from cellctl_components.aws.watches import DAY_S, GATEWAYS, GIB, AlarmsArgs, EntryWatched, Watch, watches

__all__ = ["Alarms", "AlarmsArgs", "EntryWatched"]

_ABOVE, _BELOW = "GreaterThanOrEqualToThreshold", "LessThanThreshold"


class Alarms(pulumi.ComponentResource):
    """A topic to subscribe to, and alarms that tell it. An alarm without data is an alarm, but for counts of errors."""

    topic_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:Alarms", name, None, opts)
        self._name, self._args = name, args
        self.topic = sns.Topic(
            f"{name}-topic", name=args.layout.topic, kms_master_key_id=args.key_arn, opts=child(self)
        )
        self.topic_arn = self.topic.arn
        self.alarms = {watch.label: self._alarm(watch) for watch in watches(args)}
        self.alarms |= {f"{label}-memory": self._memory(label, *which) for label, which in args.gateways.items()}
        if args.buckets:
            self.alarms["files-size"] = self._files_size()
        self.register_outputs({"topicArn": self.topic_arn})

    def _alarm(self, watch: Watch) -> cloudwatch.MetricAlarm:
        below = watch.below is not None
        alarm = cloudwatch.MetricAlarmArgs(
            alarm_description=watch.says,
            namespace=watch.namespace,
            metric_name=watch.metric,
            dimensions=watch.dimensions,
            comparison_operator=_BELOW if below else _ABOVE,
            threshold=watch.below if below else watch.above,
            statistic=watch.statistic,
            period=watch.period_s,
            evaluation_periods=watch.periods,
            datapoints_to_alarm=watch.periods,
            treat_missing_data=watch.missing,
        )
        return self._declared(watch.label, alarm, does=watch.does, after=watch.after)

    def _declared(
        self,
        label: str,
        alarm: cloudwatch.MetricAlarmArgs,
        *,
        does: Sequence[str] = (),
        after: Sequence[pulumi.Resource] = (),
    ) -> cloudwatch.MetricAlarm:
        """Declare an alarm that tells the topic when it begins and when it ends."""
        alarm.name = f"{self._args.layout.prefix}-{label}"
        alarm.alarm_actions = [self.topic.arn, *does]
        alarm.ok_actions = [self.topic.arn]
        return cloudwatch.MetricAlarm(f"{self._name}-{label}", alarm, opts=child(self, *after))

    def _memory(self, label: str, key: pulumi.Input[str], name: str) -> cloudwatch.MetricAlarm:
        """How much memory a gateway has follows from its machine, which grows: the share counts."""
        queries = [
            cloudwatch.MetricAlarmMetricQueryArgs(
                id=id_,
                metric=cloudwatch.MetricAlarmMetricQueryMetricArgs(
                    namespace=GATEWAYS,
                    metric_name=metric,
                    dimensions={"GatewayId": key, "GatewayName": name},
                    period=300,
                    stat="Average",
                ),
            )
            for id_, metric in (("used", "MemUsedBytes"), ("total", "MemTotalBytes"))
        ]
        share = cloudwatch.MetricAlarmMetricQueryArgs(
            id="share", expression="100 * used / total", label="Memory in use", return_data=True
        )
        alarm = cloudwatch.MetricAlarmArgs(
            alarm_description="The gateway's memory is nearly full: it becomes slow, then it restarts",
            metric_queries=[*queries, share],
            comparison_operator=_ABOVE,
            threshold=95,
            evaluation_periods=3,
            datapoints_to_alarm=3,
            treat_missing_data="breaching",
        )
        return self._declared(f"{label}-memory", alarm)

    def _files_size(self) -> cloudwatch.MetricAlarm:
        """S3 has no quota: the size the cell file expects is where this alarms. S3 counts once a day."""
        queries = [
            cloudwatch.MetricAlarmMetricQueryArgs(
                id=f"b{index}",
                metric=cloudwatch.MetricAlarmMetricQueryMetricArgs(
                    namespace="AWS/S3",
                    metric_name="BucketSizeBytes",
                    dimensions={"BucketName": bucket, "StorageType": "StandardStorage"},
                    period=DAY_S,
                    stat="Average",
                ),
            )
            for index, bucket in enumerate(self._args.buckets)
        ]
        total = cloudwatch.MetricAlarmMetricQueryArgs(
            id="total", expression="SUM(METRICS())", label="All files", return_data=True
        )
        alarm = cloudwatch.MetricAlarmArgs(
            alarm_description="All files together are larger than the cell file expects",
            metric_queries=[*queries, total],
            comparison_operator=_ABOVE,
            threshold=self._args.layout.storage_limit_gib * GIB,
            evaluation_periods=1,
            treat_missing_data="notBreaching",
        )
        return self._declared("files-size", alarm)
