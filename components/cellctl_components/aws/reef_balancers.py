"""ReefBalancers: load balancers that the cells of a reef share. Which cells there are is no business of theirs."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import acm, lb

from cellctl_components.aws.certificate import self_signed
from cellctl_components.aws.ingress import IDLE_S, TLS_POLICY, AccessLogs, redirect
from cellctl_components.aws.options import child
from cellctl_components.aws.reef_layout import ReefBalancer, ReefEntry


@dataclass(frozen=True, kw_only=True)
class ReefBalancersArgs:
    """What they are made of. `zone` is the reef's domain, `subnet_ids` lie in two zones or more."""

    layout: ReefEntry
    zone: str
    subnet_ids: Sequence[pulumi.Input[str]]
    groups: Mapping[str, pulumi.Input[str]]
    protected: bool
    logs: AccessLogs | None = None


class ReefBalancers(pulumi.ComponentResource):
    """Balancers of web, each with its listeners and a certificate that is no cell's, and bare ones of polling.

    A cell adds a rule and a certificate to a listener of web, and listeners of its own to one of polling. Who asks
    for a name that no cell has is turned away.
    """

    def __init__(self, name: str, args: ReefBalancersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:aws:Ingress", name, None, opts)
        self._name, self._args = name, args
        self._certificate = self._nobodys()
        self.balancers = {one.label: self._balancer(one) for one in args.layout.balancers}
        webs = [one.label for one in args.layout.balancers if one.kind == "web"]
        self.listeners = {label: self._listener(label) for label in webs}
        for label in webs:
            redirect(f"{name}-{label}-redirect", self.balancers[label].arn, child(self))
        self.register_outputs({"balancers": {label: made.arn for label, made in self.balancers.items()}})

    def _nobodys(self) -> acm.Certificate:
        pair = self_signed(f"web.{self._args.zone}", now=datetime.datetime.now(datetime.UTC))
        return acm.Certificate(
            f"{self._name}-certificate",
            certificate_body=pair.certificate,
            private_key=pulumi.Output.secret(pair.private_key),
            # Made once; what a later run generates is not looked at. Nobody is meant to see it.
            opts=child(self, ignore=["certificateBody", "privateKey"]),
        )

    def _balancer(self, one: ReefBalancer) -> lb.LoadBalancer:
        web = one.kind == "web"
        return lb.LoadBalancer(
            f"{self._name}-{one.label}",
            name=one.name,
            internal=self._args.layout.internal,
            load_balancer_type="application" if web else "network",
            subnets=list(self._args.subnet_ids),
            security_groups=[self._args.groups[one.kind]],
            enable_deletion_protection=self._args.protected,
            enable_cross_zone_load_balancing=True,
            drop_invalid_header_fields=True if web else None,
            desync_mitigation_mode="defensive" if web else None,
            idle_timeout=IDLE_S if web else None,
            access_logs=self._args.logs.args() if web and self._args.logs else None,
            opts=child(self, delete_first=True),
        )

    def _listener(self, label: str) -> lb.Listener:
        away = lb.ListenerDefaultActionFixedResponseArgs(
            content_type="text/plain", message_body="No cell has this name", status_code="404"
        )
        return lb.Listener(
            f"{self._name}-{label}",
            load_balancer_arn=self.balancers[label].arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=self._certificate.arn,
            default_actions=[lb.ListenerDefaultActionArgs(type="fixed-response", fixed_response=away)],
            opts=child(self),
        )

    def facts(self) -> list[dict[str, pulumi.Input[object]]]:
        """Return what the registry records of each; `place` is what `EntryLayout` is made of."""
        return [self._facts(one) for one in self._args.layout.balancers]

    def _facts(self, one: ReefBalancer) -> dict[str, pulumi.Input[object]]:
        made, kind = self.balancers[one.label], one.kind
        place: dict[str, pulumi.Input[object]] = {
            f"{kind}_arn": made.arn,
            f"{kind}_name": made.dns_name,
            f"{kind}_zone": made.zone_id,
            f"{kind}_suffix": made.arn_suffix,
            f"{kind}_group": self._args.groups[kind],
        }
        if kind == "web":
            layout = self._args.layout
            place |= {"web_listener": self.listeners[one.label].arn, "allow": list(layout.allow)}
            place |= {"internal": layout.internal, "ports": layout.ports}
        return {"name": one.name, "kind": kind, "arn": made.arn, "slots": one.slots, "place": place}
