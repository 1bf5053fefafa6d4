"""Who may talk to whom in a cell, as data: security groups and their rules (reference aws.md 1.1). Pure.

A group has no rule but these; AWS's default egress rule is taken off by the provider.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cellctl_components.aws.layout import (
    GRPC_PORT,
    POLLING_PORT,
    QUEUE_PORT,
    WEB_PORT,
    AwsLayout,
    Protocol,
    SiteLayout,
)
from cellctl_components.layout import covered

if TYPE_CHECKING:
    from cellctl_components.aws.reef_layout import ReefEntry, ReefLayout

Group = Literal["web", "polling", "nodes", "gateway", "database", "endpoints", "members", "queue", "watch"]
GROUPS: tuple[Group, ...] = ("web", "polling", "nodes", "gateway", "database", "endpoints", "watch")
"""Groups of a dedicated cell."""

CELL_GROUPS: tuple[Group, ...] = ("web", "polling", "nodes", "watch")
"""Groups of a cell on a reef: its own ways in, and nothing that other cells share."""

REEF_GROUPS: tuple[Group, ...] = ("members", "gateway", "database", "endpoints")
"""Groups of a reef. Nodes of its cells carry `members`, which has no rule: it is what the others admit."""

DOOR_GROUPS: tuple[Group, ...] = ("web", "polling")
"""Groups of load balancers: a cell's own, or those that the cells of a reef share."""

PURPOSES: dict[Group, str] = {
    "web": "Load balancer of web and API",
    "polling": "Load balancer of polling Tentacles",
    "nodes": "Octopus Server nodes",
    "gateway": "Storage gateway",
    "database": "SQL Server",
    "endpoints": "Endpoints of AWS services",
    "members": "Nodes of cells on this reef",
    "queue": "Queue of polling Tentacles",
    "watch": "Function that looks at nodes and database",
}
"""Descriptions. They can never change: a new one would replace the group."""

S3 = "s3"
"""Peer: the addresses of S3, as a prefix list."""

ENDPOINT_PORTS = (443, 1026, 1027, 1028, 1031, 2222)
SHARE_PORTS: dict[Protocol, tuple[tuple[str, int], ...]] = {
    "nfs": (("tcp", 2049), ("udp", 2049), ("tcp", 111), ("udp", 111), ("tcp", 20048), ("udp", 20048)),
    "smb": (("tcp", 445),),
}
TRIED_PORTS = (2049, 20048, 445)
"""What mounting takes over TCP. A share admits cellctl's range only while it is tried, and no cell has it then."""

DOMAIN_PORTS = (
    ("tcp", 53),
    ("udp", 53),
    ("tcp", 88),
    ("udp", 88),
    ("tcp", 135),
    ("tcp", 389),
    ("udp", 389),
    ("tcp", 445),
    ("tcp", 464),
    ("udp", 464),
    ("tcp", 636),
    ("tcp", 3268),
)
"""What joining a domain and asking it about users takes (reference octopus.md 2.1; Microsoft Learn, service overview
and network port requirements, from memory, 2026-11)."""
DOMAIN_CALLS = (49152, 65535)
"""Ports on which controllers answer remote calls after 135 has named one (as `DOMAIN_PORTS`)."""

ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule of a group. `peer` is a CIDR, the name of a group, or `S3`. Ports are inclusive, None for all."""

    group: Group
    way: Literal["in", "out"]
    protocol: str
    first: int | None
    last: int | None
    peer: str
    reason: str

    @property
    def label(self) -> str:
        """Part of the logical name: says what the rule is, never its place in a list."""
        ports = "all" if self.first is None else str(self.first)
        if self.last != self.first:
            ports = f"{ports}-{self.last}"
        return f"{self.group}-{self.way}-{self.protocol}-{ports}-{self.peer.replace('/', '-')}".replace("--1-", "-any-")


def groups(layout: AwsLayout) -> tuple[Group, ...]:
    """Return the groups that a cell declares; a queue has one of its own."""
    own = CELL_GROUPS if layout.place else _without_endpoints(GROUPS, layout.site)
    if layout.entry:
        own = tuple(group for group in own if group not in DOOR_GROUPS)
    return (*own, "queue") if layout.queue else own


def _without_endpoints(own: tuple[Group, ...], site: SiteLayout | None) -> tuple[Group, ...]:
    """An endpoint that is there has groups of its own."""
    return tuple(one for one in own if one != "endpoints") if site and site.endpoint else own


def rules(layout: AwsLayout, *, control: str, standing: bool = False) -> tuple[Rule, ...]:
    """Return all rules of a cell. `control` is the range where cellctl runs; `standing` as of `gateway_rules`."""
    doors = () if layout.entry else _balancers(layout, control)
    own = (*doors, *_nodes(layout, control), *(_queue() if layout.queue else ()))
    if layout.place:
        return own
    files = gateway_rules(layout, control=control, standing=standing)
    return (*own, *files, *database_rules(layout, control=control))


def reef_groups(layout: ReefLayout) -> tuple[Group, ...]:
    """Return the groups that a reef declares; load balancers that cells share have two of their own."""
    own = _without_endpoints(REEF_GROUPS, layout.site)
    return (*own, *DOOR_GROUPS) if layout.entry else own


def reef_rules(layout: ReefLayout, *, control: str, standing: bool = False) -> tuple[Rule, ...]:
    """Return all rules of a reef: one set for all cells, whichever there are; `standing` as of `gateway_rules`."""
    protocol, cidr = layout.gateways[0].host.protocol, layout.network.cidr
    tried = [port for transport, port in SHARE_PORTS[protocol] if transport == "tcp" and port in TRIED_PORTS]
    return (
        *_gateway(protocol, cidr, clients="members", site=layout.site),
        *([_activation(control)] if standing else ()),
        *(_rule("gateway", "in", "tcp", port, control, "cellctl tries a share no cell has") for port in tried),
        *_domain(layout),
        *_database(layout.hosts[0].port, control, clients="members"),
        *(_doors(layout.entry, control) if layout.entry else ()),
    )


def _domain(layout: ReefLayout) -> Sequence[Rule]:
    """Return how a gateway reaches its domain: the controllers that are named, or whatever is in its own network."""
    domain, cidr = layout.gateways[0].host.domain, layout.network.cidr
    if domain is None:
        return ()
    peers = [f"{address}/32" for address in domain.controllers] or [cidr]
    first, last = DOMAIN_CALLS
    there = {("tcp", 53, cidr), ("udp", 53, cidr)}
    return [
        *(
            _rule("gateway", "out", transport, port, peer, "The domain")
            for peer in peers for transport, port in DOMAIN_PORTS if (transport, port, peer) not in there
        ),
        *(
            Rule(group="gateway", way="out", protocol="tcp", first=first, last=last, peer=peer, reason="The domain")
            for peer in peers
        ),
    ]  # fmt: skip


def _doors(entry: ReefEntry, control: str) -> Sequence[Rule]:
    """One set for all cells, whichever there are: what each port leads to is the business of their listeners."""
    allow = [*entry.allow, *([] if covered(control, entry.allow) else [control])]
    most = max(one.slots for one in entry.balancers if one.kind == "polling") * entry.ports
    last = POLLING_PORT + most - 1
    return [
        *(_rule("web", "in", "tcp", 443, peer, "People and Tentacles") for peer in allow),
        *(_rule("web", "in", "tcp", 80, peer, "Sent on to HTTPS") for peer in allow),
        _rule("web", "out", "tcp", WEB_PORT, "members", "Web and API"),
        *(
            Rule(
                group="polling", way="in", protocol="tcp", first=POLLING_PORT, last=last, peer=peer,
                reason="Polling Tentacles and gRPC",
            )
            for peer in allow
        ),
        _rule("polling", "out", "tcp", POLLING_PORT, "members", "Polling Tentacles"),
        _rule("polling", "out", "tcp", GRPC_PORT, "members", "gRPC"),
    ]  # fmt: skip


def _rule(  # noqa: PLR0917  a row of a table
    group: Group, way: Literal["in", "out"], protocol: str, port: int, peer: str, reason: str
) -> Rule:
    return Rule(group=group, way=way, protocol=protocol, first=port, last=port, peer=peer, reason=reason)


def _balancers(layout: AwsLayout, control: str) -> Sequence[Rule]:
    last = max(node.polling_port for node in layout.nodes.items)
    allow = [*layout.ingress.allow, *([] if covered(control, layout.ingress.allow) else [control])]
    web = [
        *(_rule("web", "in", "tcp", 443, peer, "People and Tentacles") for peer in allow),
        *(_rule("web", "in", "tcp", 80, peer, "Sent on to HTTPS") for peer in allow),
    ]
    polling = [
        Rule(
            group="polling", way="in", protocol="tcp", first=POLLING_PORT, last=last, peer=peer,
            reason="Polling Tentacles",
        )
        for peer in allow
    ]  # fmt: skip
    grpc = [_rule("polling", "in", "tcp", GRPC_PORT, peer, "gRPC") for peer in allow]
    grpc.append(_rule("polling", "out", "tcp", GRPC_PORT, "nodes", "gRPC"))
    return [
        *web,
        *(grpc if layout.ingress.grpc_target else ()),
        _rule("web", "out", "tcp", WEB_PORT, "nodes", "Web and API"),
        *polling,
        _rule("polling", "out", "tcp", POLLING_PORT, "nodes", "Polling Tentacles"),
    ]


def _nodes(layout: AwsLayout, control: str) -> Sequence[Rule]:
    grpc = [_rule("nodes", "in", "tcp", GRPC_PORT, "polling", "gRPC")]
    return [
        *(grpc if layout.ingress.grpc_target else ()),
        _rule("nodes", "in", "tcp", WEB_PORT, "web", "Web and API"),
        _rule("nodes", "in", "tcp", WEB_PORT, "nodes", "Nodes wait for the first one"),
        _rule("nodes", "in", "tcp", WEB_PORT, control, "cellctl asks each node"),
        _rule("nodes", "in", "tcp", POLLING_PORT, "polling", "Polling Tentacles"),
        _rule("nodes", "in", "tcp", WEB_PORT, "watch", "Asked once a minute"),
        _rule("watch", "out", "tcp", WEB_PORT, "nodes", "Asks nodes"),
        _rule("watch", "out", "tcp", 443, ANYWHERE, "Services of AWS"),
        # Deployments reach whatever their owner deploys to.
        Rule(group="nodes", way="out", protocol="-1", first=None, last=None, peer=ANYWHERE, reason="Deployments"),
    ]


def _queue() -> Sequence[Rule]:
    return [_rule("queue", "in", "tcp", QUEUE_PORT, "nodes", "Requests to polling Tentacles")]


def gateway_rules(layout: AwsLayout, *, control: str, standing: bool = False) -> Sequence[Rule]:
    """Return the rules of the gateway and of the endpoint it talks to: needed before it is activated.

    Port 80 is opened by `cellctl:aws:FileGateway` for as long as that takes; stacks that were made before it did have a
    `standing` rule, and keep it.
    """
    own = _gateway(layout.gateway.protocol, layout.network.cidr, clients="nodes", site=layout.site)
    return [*own, _activation(control)] if standing else own


def _activation(control: str) -> Rule:
    return _rule("gateway", "in", "tcp", 80, control, "Activation")


def _gateway(protocol: Protocol, cidr: str, *, clients: Group, site: SiteLayout | None) -> Sequence[Rule]:
    shares, foreign = SHARE_PORTS[protocol], bool(site and site.endpoint)
    endpoints, admitted = cidr if foreign else "endpoints", () if foreign else ENDPOINT_PORTS
    return [
        *(_rule("gateway", "in", transport, port, clients, "File shares") for transport, port in shares),
        *(_rule("gateway", "out", "tcp", port, endpoints, "Storage Gateway service") for port in ENDPOINT_PORTS),
        _rule("gateway", "out", "tcp", 443, S3, "Buckets"),
        _rule("gateway", "out", "udp", 123, ANYWHERE, "Time"),
        _rule("gateway", "out", "tcp", 53, cidr, "Names"),
        _rule("gateway", "out", "udp", 53, cidr, "Names"),
        *(_rule("endpoints", "in", "tcp", port, "gateway", "Storage gateway") for port in admitted),
    ]


def database_rules(layout: AwsLayout, *, control: str) -> Sequence[Rule]:
    """Return the rules of the database: nodes first, then the range where cellctl runs."""
    return _database(layout.database.port, control, clients="nodes")


def _database(port: int, control: str, *, clients: Group) -> Sequence[Rule]:
    return [
        _rule("database", "in", "tcp", port, clients, "Octopus"),
        _rule("database", "in", "tcp", port, control, "cellctl makes the database and its login"),
    ]
