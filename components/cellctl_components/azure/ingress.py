"""Ingress: the load balancer that people and Tentacles reach, and the name by which they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network, privatedns

from cellctl_components.azure.layout import GRPC_PORT, POLLING_PORT, IngressLayout, NodeLayout
from cellctl_components.azure.place import Place, child, named
from cellctl_components.azure.private_names import linked_zone, record_in, zone_link
from cellctl_components.azure.public_address import public_address, published
from cellctl_components.azure.site import SiteLayout
from cellctl_components.azure.web_gateway import PING_PATH, WebGateway

FRONTEND, WEB_POOL, PING = "fe", "nodes", "octopus-ping"
POLL_POOL = "pollers"
"""Nodes that run tasks, any of which a Tentacle may poll where they share a queue."""
IDLE_MINUTES = 30


@dataclass(frozen=True, kw_only=True)
class IngressArgs:
    """What an Ingress is made of. With a `web` gateway people come to that, and Tentacles alone to the balancer."""

    place: Place
    layout: IngressLayout
    nodes: Sequence[NodeLayout]
    network_id: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    site: SiteLayout | None = None
    queued: bool = False
    web: WebGateway | None = None


class Ingress(pulumi.ComponentResource):
    """A zone-redundant Standard Load Balancer: 443 to every web node, one polling port for each node.

    Nodes terminate TLS. Port 80 is for the probe only: it wants exactly 200, and a draining node answers 418.
    Polling ports are inbound NAT rules without a probe, so that draining does not cut tasks that still run. Where nodes
    share a queue one port leads to all that run tasks; whether one answers is asked of that port, not of its ping.
    """

    load_balancer_id: pulumi.Output[str]

    def __init__(self, name: str, args: IngressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:Ingress", name, None, opts)
        self._name, self._args = name, args
        self.public_address = self._public_address() if args.layout.exposure == "public" else None
        self.load_balancer = self._load_balancer()
        self.load_balancer_id = self.load_balancer.id
        if args.layout.exposure == "internal":
            self._private_names()
        self.entry = args.web.entry if args.web else self._entry()
        self.polling_entry = self._entry()
        self.register_outputs({"loadBalancerId": self.load_balancer_id})

    def pool_ids(self, node: NodeLayout) -> list[pulumi.Output[str]]:
        """Return the ids of the pools that a node's interface joins: its own, and the web's if it serves the web."""
        polled = (
            [] if self._args.queued and node.role == "ui" else [POLL_POOL if self._args.queued else _own_pool(node)]
        )
        pools = polled if node.role == "worker" or WEB_POOL not in self._pools() else [WEB_POOL, *polled]
        return [pulumi.Output.concat(self.load_balancer.id, "/backendAddressPools/", pool) for pool in pools]

    def _entry(self) -> pulumi.Output[str]:
        """Return where traffic enters the balancer: the public name of its address, or the private address."""
        place, layout = self._args.place, self._args.layout
        if self.public_address is None:
            return named(self.load_balancer, layout.address)
        return published(self.public_address, place, layout.dns_label)

    def _public_address(self) -> network.PublicIPAddress:
        layout = self._args.layout
        return public_address(
            self, f"{self._name}-address", self._args.place, layout.public_address, label=layout.dns_label
        )

    def _load_balancer(self) -> network.LoadBalancer:
        args = self._args
        return network.LoadBalancer(
            f"{self._name}-balancer",
            resource_group_name=args.place.resource_group,
            load_balancer_name=args.layout.load_balancer,
            location=args.place.location,
            sku=network.LoadBalancerSkuArgs(name="Standard", tier="Regional"),
            frontend_ip_configurations=[self._frontend()],
            backend_address_pools=[network.BackendAddressPoolArgs(name=pool) for pool in self._pools()],
            probes=[
                *([] if args.web else [_ping_probe()]),
                *[_port_probe(name, port) for name, port, _ in self._spread()],
            ],
            load_balancing_rules=[
                *([] if args.web else [self._rule("https", 443, WEB_POOL, PING)]),
                *[self._rule(name, port, pool, f"{name}-tcp") for name, port, pool in self._spread()],
            ],
            inbound_nat_rules=None if args.queued else [self._polling_rule(node) for node in args.nodes],
            tags=args.place.tags,
            opts=child(self),
        )

    def _pools(self) -> list[str]:
        """Return the pools that something leads to."""
        args = self._args
        web = [] if args.web and not args.layout.grpc else [WEB_POOL]
        return [*web, *([POLL_POOL] if args.queued else map(_own_pool, args.nodes))]

    def _frontend(self) -> network.FrontendIPConfigurationArgs:
        if self.public_address is not None:
            return network.FrontendIPConfigurationArgs(
                name=FRONTEND, public_ip_address=network.PublicIPAddressArgs(id=self.public_address.id)
            )
        return network.FrontendIPConfigurationArgs(
            name=FRONTEND,
            private_ip_address=self._args.layout.address,
            private_ip_allocation_method="Static",
            subnet=network.SubnetArgs(id=self._args.subnet_id),
            zones=["1", "2", "3"],
        )

    def _spread(self) -> list[tuple[str, int, str]]:
        """Return name, port and pool of what is passed through to any node of several."""
        polling = [("polling", POLLING_PORT, POLL_POOL)] if self._args.queued else []
        return [*polling, *([("grpc", GRPC_PORT, WEB_POOL)] if self._args.layout.grpc else [])]

    def _rule(self, name: str, port: int, pool: str, probe: str) -> network.LoadBalancingRuleArgs:
        return network.LoadBalancingRuleArgs(
            name=name,
            protocol="Tcp",
            frontend_port=port,
            backend_port=port,
            frontend_ip_configuration=self._part("frontendIPConfigurations", FRONTEND),
            backend_address_pools=[self._part("backendAddressPools", pool)],
            probe=self._part("probes", probe),
            disable_outbound_snat=True,
            enable_tcp_reset=True,
            enable_floating_ip=False,
            idle_timeout_in_minutes=IDLE_MINUTES,
            load_distribution="Default",
        )

    def _polling_rule(self, node: NodeLayout) -> network.InboundNatRuleArgs:
        """Return a NAT rule of version 2 with a range of one port: the port leads to this node and no other."""
        return network.InboundNatRuleArgs(
            name=f"poll-{_own_pool(node)}",
            protocol="Tcp",
            frontend_ip_configuration=self._part("frontendIPConfigurations", FRONTEND),
            backend_address_pool=self._part("backendAddressPools", _own_pool(node)),
            frontend_port_range_start=node.poll_port,
            frontend_port_range_end=node.poll_port,
            backend_port=10943,
            enable_tcp_reset=True,
            idle_timeout_in_minutes=IDLE_MINUTES,
        )

    def _part(self, kind: str, part: str) -> network.SubResourceArgs:
        """Return a reference to another part of this load balancer, whose id must be known before it exists."""
        path = f"Microsoft.Network/loadBalancers/{self._args.layout.load_balancer}/{kind}/{part}"
        return network.SubResourceArgs(id=self._args.place.arm_id(path))

    def _private_names(self) -> None:
        """Declare a zone of exactly the host: a zone of its parent would hide the customer's other names."""
        args = self._args
        if args.site is not None and args.site.zone:
            if args.site.link:
                zone_link(self, f"{self._name}-host", args.site.zone, args.place, args.network_id)
            for label, host, address, after in self._records():
                record_in(self, f"{self._name}-{label}", args.site.zone, host, address, after)
            return
        zone, _ = linked_zone(self, f"{self._name}-host", args.place, args.layout.host, args.network_id)
        for label, host, address, after in self._records():
            privatedns.PrivateRecordSet(
                f"{self._name}-{label}-record",
                resource_group_name=args.place.resource_group,
                private_zone_name=named(zone, args.layout.host),
                relative_record_set_name=host.removesuffix(args.layout.host).rstrip(".") or "@",
                record_type="A",
                ttl=60,
                a_records=[privatedns.ARecordArgs(ipv4_address=address)],
                opts=child(self, after),
            )

    def _records(self) -> list[tuple[str, str, str, pulumi.Resource]]:
        """Return label, host, address and what must be there, of each name in the cell's zone."""
        layout, web = self._args.layout, self._args.web
        if web is None:
            return [("host", layout.host, layout.address, self.load_balancer)]
        return [
            ("host", layout.host, web.address, web.gateway),
            ("polling", layout.polling_host, layout.address, self.load_balancer),
        ]


def _ping_probe() -> network.ProbeArgs:
    return network.ProbeArgs(
        name=PING,
        protocol="Http",
        port=80,
        request_path=PING_PATH,
        interval_in_seconds=5,
        number_of_probes=1,
        probe_threshold=2,
        no_healthy_backends_behavior="AllProbedDown",
    )


def _port_probe(name: str, port: int) -> network.ProbeArgs:
    return network.ProbeArgs(
        name=f"{name}-tcp",
        protocol="Tcp",
        port=port,
        interval_in_seconds=5,
        number_of_probes=1,
        probe_threshold=2,
        no_healthy_backends_behavior="AllProbedDown",
    )


def _own_pool(node: NodeLayout) -> str:
    return f"n{node.ordinal}"
