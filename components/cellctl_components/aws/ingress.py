"""Ingress: how people and Tentacles reach a cell, by name: web over HTTPS, polling straight through to each node."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import acm, lb, route53

from cellctl_components.aws.certificate import self_signed
from cellctl_components.aws.layout import GRPC_PORT, POLLING_PORT, WEB_PORT, IngressLayout, NodeLayout
from cellctl_components.aws.options import child

PING = "/api/octopusservernodes/ping"
_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
_IDLE_S = 300  # uploads of packages take minutes; at most 4,000


@dataclass(frozen=True, kw_only=True)
class IngressArgs:
    """What the ingress is made of. `subnet_ids` lie in two zones or more.

    `zone_id` is a zone that is there, empty for one of the cell's own; with `associate` the network is let see it.
    """

    layout: IngressLayout
    nodes: Sequence[NodeLayout]
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    web_group_id: pulumi.Input[str]
    polling_group_id: pulumi.Input[str]
    zone_id: str = ""
    associate: bool = False


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
        self.web = self._balancer("web", self._layout.web_name, "application", args.web_group_id)
        self.web_target = self._web_target()
        self._web_listener()
        self._redirect()
        self.polling = self._balancer("polling", self._layout.polling_name, "network", args.polling_group_id)
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

    def _balancer(self, label: str, name: str, kind: str, group: pulumi.Input[str]) -> lb.LoadBalancer:
        web = kind == "application"
        return lb.LoadBalancer(
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
            idle_timeout=_IDLE_S if web else None,
            opts=child(self, delete_first=True),
        )

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

    def _web_listener(self) -> None:
        lb.Listener(
            f"{self._name}-web",
            load_balancer_arn=self.web.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=_TLS_POLICY,
            certificate_arn=self.certificate_arn,
            default_actions=[_forward(self.web_target)],
            opts=child(self),
        )

    def _redirect(self) -> None:
        """Who types the name alone comes by port 80: he is told of HTTPS and gets nothing else."""
        onward = lb.ListenerDefaultActionRedirectArgs(protocol="HTTPS", port="443", status_code="HTTP_301")
        lb.Listener(
            f"{self._name}-redirect",
            load_balancer_arn=self.web.arn,
            port=80,
            protocol="HTTP",
            default_actions=[lb.ListenerDefaultActionArgs(type="redirect", redirect=onward)],
            opts=child(self),
        )

    def _polling_groups(self) -> dict[str, lb.TargetGroup]:
        """Return the target groups of polling by what tells their logical names apart: ordinals, or nothing."""
        nodes = self._args.nodes
        if _shared(nodes):
            return {"": self._polling_target(f"{self._name}-polling", nodes[0])}
        return {str(node.ordinal): self._polling_target(f"{self._name}-polling-{node.ordinal}", node) for node in nodes}

    def _polling_targets(self) -> dict[int, lb.TargetGroup]:
        nodes = self._args.nodes
        if _shared(nodes):
            return {node.ordinal: self.polling_groups[""] for node in nodes if node.role != "ui"}
        return {node.ordinal: self.polling_groups[str(node.ordinal)] for node in nodes}

    def _polling_target(self, label: str, node: NodeLayout) -> lb.TargetGroup:
        return self._passed_through(label, node.polling_target, node.polling_port, POLLING_PORT)

    def _grpc(self) -> lb.TargetGroup:
        """A balancer that reads HTTP/2 would drop streams that are quiet for a minute; this one sees packets."""
        return self._passed_through(f"{self._name}-grpc", self._layout.grpc_target, GRPC_PORT, GRPC_PORT)

    def _passed_through(self, label: str, name: str, outside: int, inside: int) -> lb.TargetGroup:
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
            opts=child(self),
        )
        return target

    def _record(self, label: str, host: str, balancer: lb.LoadBalancer) -> None:
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


def _shared(nodes: Sequence[NodeLayout]) -> bool:
    return len({node.polling_port for node in nodes}) < len(nodes)


def _forward(target: lb.TargetGroup) -> lb.ListenerDefaultActionArgs:
    return lb.ListenerDefaultActionArgs(type="forward", target_group_arn=target.arn)
