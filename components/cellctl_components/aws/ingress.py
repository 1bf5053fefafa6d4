"""Ingress: how people and Tentacles reach a cell, by name: web over HTTPS, polling straight through to each node.

Load balancers are the cell's own, or its reef's, which cells share: then what is behind them is the cell's.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import acm, lb, route53

from cellctl_components.aws.certificate import self_signed
from cellctl_components.aws.layout import GRPC_PORT, POLLING_PORT, WEB_PORT, EntryLayout, IngressLayout, NodeLayout
from cellctl_components.aws.options import child

PING = "/api/octopusservernodes/ping"
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
IDLE_S = 300  # uploads of packages take minutes; at most 4,000


@dataclass(frozen=True, kw_only=True)
class IngressArgs:
    """What the ingress is made of. `subnet_ids` lie in two zones or more; with an `entry` balancers are its reef's.

    `grpc_port` is where gRPC answers from outside. Without `logs` nobody writes who asked for what.

    `zone_id` is a zone that is there, empty for one of the cell's own; with `associate` the network is let see it.
    """

    layout: IngressLayout
    nodes: Sequence[NodeLayout]
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    web_group_id: pulumi.Input[str]
    polling_group_id: pulumi.Input[str]
    grpc_port: int = GRPC_PORT
    entry: EntryLayout | None = None
    zone_id: str = ""
    associate: bool = False
    logs: AccessLogs | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessLogs:
    """Where a web load balancer writes who asked it for what: a bucket of its region, sealed by S3 itself.

    Polling has none: a network load balancer writes only of TLS that it ends itself, and it passes Tentacles through.
    """

    bucket: str
    prefix: str

    @classmethod
    def at(cls, url: str, region: str, prefix: str) -> AccessLogs | None:
        """Return the logs of a stack in a region, by the URL of its account's; None if there are none, or elsewhere."""
        bucket, _, place = url.removeprefix("s3://").partition("?region=")
        return cls(bucket=bucket, prefix=prefix) if url and place == region else None

    def args(self) -> lb.LoadBalancerAccessLogsArgs:
        """Return what a balancer is told."""
        return lb.LoadBalancerAccessLogsArgs(bucket=self.bucket, prefix=self.prefix, enabled=True)


@dataclass(frozen=True, kw_only=True)
class Door:
    """A load balancer as what is behind it knows it. `suffix` is its name in metrics."""

    arn: pulumi.Input[str]
    dns_name: pulumi.Input[str]
    zone_id: pulumi.Input[str]
    suffix: pulumi.Input[str]


class Ingress(pulumi.ComponentResource):
    """Load balancers and names. Nodes join `web_target` and their own of `polling_targets` (by ordinal).

    Web ends TLS at the balancer and takes a node out when its ping is not 200 (418: draining). Polling passes TCP
    through, one port for each node, because every Tentacle must reach every node; of nodes that share a queue any will
    do, so they share a port, and those that run no tasks are not behind it. The zone is private and named as the
    host, so it hides nothing else of the domain.
    """

    zone_id: pulumi.Input[str]

    def __init__(self, name: str, args: IngressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:Ingress", name, None, opts)
        self._name, self._args, self._layout = name, args, args.layout
        self.zone_id = args.zone_id or self._zone().zone_id
        self._seen = [self._association()] if args.associate else []
        self.certificate_arn = self._certificate()
        self.web_target = self._web_target()
        self.web = self._joined(args.entry) if args.entry else self._web()
        self.polling = (
            _door(args.entry, "polling")
            if args.entry
            else self._balancer("polling", self._layout.polling_name, "network", args.polling_group_id)
        )
        self.polling_groups = self._polling_groups()
        self.polling_targets = self._polling_targets()
        self.grpc_target = self._grpc() if self._layout.grpc_target else None
        self._record("web", self._layout.host, self.web)
        self._record("polling", self._layout.polling_host, self.polling)
        self.register_outputs({"webName": self.web.dns_name, "pollingName": self.polling.dns_name})

    def _zone(self) -> route53.Zone:
        return route53.Zone(
            f"{self._name}-zone",
            name=self._layout.host,
            comment="Names of one Octopus cell",
            vpcs=[route53.ZoneVpcArgs(vpc_id=self._args.vpc_id)],
            force_destroy=False,
            opts=child(self),
        )

    def _association(self) -> route53.ZoneAssociation:
        return route53.ZoneAssociation(
            f"{self._name}-zone", zone_id=self.zone_id, vpc_id=self._args.vpc_id, opts=child(self)
        )

    def _certificate(self) -> pulumi.Input[str]:
        if self._layout.certificate:
            return self._layout.certificate
        pair = self_signed(self._layout.host, now=datetime.datetime.now(datetime.UTC))
        own = acm.Certificate(
            f"{self._name}-certificate",
            certificate_body=pair.certificate,
            private_key=pulumi.Output.secret(pair.private_key),
            # Made once; what a later run generates is not looked at. Before it ends, an alarm asks for a real one.
            opts=child(self, ignore=["certificateBody", "privateKey"]),
        )
        return own.arn

    def _web(self) -> Door:
        balancer = self._balancer("web", self._layout.web_name, "application", self._args.web_group_id)
        self._web_listener(balancer)
        redirect(f"{self._name}-redirect", balancer.arn, child(self))
        return balancer

    def _joined(self, entry: EntryLayout) -> Door:
        """Answer for the cell's name on a listener that other cells answer on too, each with its certificate."""
        shown = lb.ListenerCertificate(
            f"{self._name}-web",
            listener_arn=entry.web_listener,
            certificate_arn=self.certificate_arn,
            opts=child(self, delete_first=True),
        )
        named = lb.ListenerRuleConditionHostHeaderArgs(values=[self._layout.host])
        lb.ListenerRule(
            f"{self._name}-web",
            listener_arn=entry.web_listener,
            priority=entry.web_slot,
            conditions=[lb.ListenerRuleConditionArgs(host_header=named)],
            actions=[lb.ListenerRuleActionArgs(type="forward", target_group_arn=self.web_target.arn)],
            opts=child(self, shown, delete_first=True),
        )
        return _door(entry, "web")

    def _balancer(self, label: str, name: str, kind: str, group: pulumi.Input[str]) -> Door:
        web = kind == "application"
        made = lb.LoadBalancer(
            f"{self._name}-{label}",
            name=name,
            internal=self._layout.internal,
            load_balancer_type=kind,
            subnets=list(self._args.subnet_ids),
            security_groups=[group],
            enable_deletion_protection=False,
            enable_cross_zone_load_balancing=True,
            drop_invalid_header_fields=True if web else None,
            desync_mitigation_mode="defensive" if web else None,
            idle_timeout=IDLE_S if web else None,
            access_logs=self._args.logs.args() if web and self._args.logs else None,
            opts=child(self, delete_first=True),
        )
        return Door(arn=made.arn, dns_name=made.dns_name, zone_id=made.zone_id, suffix=made.arn_suffix)

    def _web_target(self) -> lb.TargetGroup:
        return lb.TargetGroup(
            f"{self._name}-web",
            name=self._layout.web_target,
            port=WEB_PORT,
            protocol="HTTP",
            vpc_id=self._args.vpc_id,
            target_type="instance",
            deregistration_delay=60,
            slow_start=30,
            health_check=lb.TargetGroupHealthCheckArgs(
                path=PING, protocol="HTTP", matcher="200", interval=15, timeout=5,
                healthy_threshold=2, unhealthy_threshold=3,
            ),
            opts=child(self, delete_first=True),
        )  # fmt: skip

    def _web_listener(self, balancer: Door) -> None:
        lb.Listener(
            f"{self._name}-web",
            load_balancer_arn=balancer.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=self.certificate_arn,
            default_actions=[_forward(self.web_target)],
            opts=child(self),
        )

    def _polling_groups(self) -> dict[str, lb.TargetGroup]:
        """Return the target groups of polling by what tells their logical names apart: ordinals, or nothing."""
        nodes = self._args.nodes
        if _shared(nodes):
            # A cell that polled each node had a listener of its first one at this port: it becomes the one of all.
            label = f"{self._name}-polling"
            return {"": self._polling_target(label, nodes[0], was=f"{label}-{nodes[0].ordinal}")}
        return {str(node.ordinal): self._polling_target(f"{self._name}-polling-{node.ordinal}", node) for node in nodes}

    def _polling_targets(self) -> dict[int, lb.TargetGroup]:
        nodes = self._args.nodes
        if _shared(nodes):
            return {node.ordinal: self.polling_groups[""] for node in nodes if node.role != "ui"}
        return {node.ordinal: self.polling_groups[str(node.ordinal)] for node in nodes}

    def _polling_target(self, label: str, node: NodeLayout, *, was: str = "") -> lb.TargetGroup:
        return self._passed_through(label, node.polling_target, (node.polling_port, POLLING_PORT), was=was)

    def _grpc(self) -> lb.TargetGroup:
        """A balancer that reads HTTP/2 would drop streams that are quiet for a minute; this one sees packets."""
        return self._passed_through(f"{self._name}-grpc", self._layout.grpc_target, (self._args.grpc_port, GRPC_PORT))

    def _passed_through(self, label: str, name: str, ports: tuple[int, int], *, was: str = "") -> lb.TargetGroup:
        """Declare a port outside that leads to one inside; `was` is what its listener was called before."""
        outside, inside = ports
        target = lb.TargetGroup(
            label,
            name=name,
            port=inside,
            protocol="TCP",
            vpc_id=self._args.vpc_id,
            target_type="instance",
            deregistration_delay=60,
            connection_termination=True,
            # Octopus writes down who polled; nodes admit the balancer's group, which the packets carry either way.
            preserve_client_ip="true",
            health_check=lb.TargetGroupHealthCheckArgs(
                protocol="TCP", port=str(inside), interval=10, healthy_threshold=2, unhealthy_threshold=2
            ),
            opts=child(self, delete_first=True),
        )
        lb.Listener(
            label,
            load_balancer_arn=self.polling.arn,
            port=outside,
            protocol="TCP",
            default_actions=[_forward(target)],
            opts=pulumi.ResourceOptions.merge(
                child(self), pulumi.ResourceOptions(aliases=[pulumi.Alias(name=was)] if was else None)
            ),
        )
        return target

    def _record(self, label: str, host: str, balancer: Door) -> None:
        alias = route53.RecordAliasArgs(name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=True)
        route53.Record(
            f"{self._name}-{label}",
            zone_id=self.zone_id,
            name=host,
            type="A",
            aliases=[alias],
            allow_overwrite=False,
            opts=child(self, *self._seen, delete_first=True),
        )


def redirect(name: str, balancer: pulumi.Input[str], opts: pulumi.ResourceOptions) -> None:
    """Declare the listener for who types a name alone and comes by port 80: he is sent on to HTTPS, no more."""
    onward = lb.ListenerDefaultActionRedirectArgs(protocol="HTTPS", port="443", status_code="HTTP_301")
    lb.Listener(
        name,
        load_balancer_arn=balancer,
        port=80,
        protocol="HTTP",
        default_actions=[lb.ListenerDefaultActionArgs(type="redirect", redirect=onward)],
        opts=opts,
    )


def _door(entry: EntryLayout, kind: str) -> Door:
    arn, name, zone, suffix = (getattr(entry, f"{kind}_{what}") for what in ("arn", "name", "zone", "suffix"))
    return Door(arn=arn, dns_name=name, zone_id=zone, suffix=suffix)


def _shared(nodes: Sequence[NodeLayout]) -> bool:
    return len({node.polling_port for node in nodes}) < len(nodes)


def _forward(target: lb.TargetGroup) -> lb.ListenerDefaultActionArgs:
    return lb.ListenerDefaultActionArgs(type="forward", target_group_arn=target.arn)
