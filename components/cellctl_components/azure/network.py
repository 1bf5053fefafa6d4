"""Network: the cell's virtual network, who may enter it, and each zone's own way out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network

from cellctl_components.azure.endpoint import EndpointArgs
from cellctl_components.azure.layout import GRPC_PORT, POLLING_PORT, NetworkLayout, NodeSubnet
from cellctl_components.azure.place import Place, child
from cellctl_components.azure.private_names import service_zone
from cellctl_components.azure.public_address import public_address
from cellctl_components.azure.zones import service_zones
from cellctl_components.layout import covered

PROBE_SOURCE = "AzureLoadBalancer"
"""Service tag of the load balancer's probes; without it every node counts as down."""

MANAGER_SOURCE, MANAGER_PORTS = "GatewayManager", "65200-65535"
"""Service tag of those who manage application gateways of version 2, and where: Azure refuses one they do not reach."""


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What a Network is made of.

    `allow` may reach the web portal and the polling port; `control` is where cellctl runs: it reaches nodes on 443,
    the database on 1433, the vault on 443 and the files on 445. Both are CIDRs. `queue_port` is that of the queue that
    nodes share, 0 for none. `public`: an application gateway, where there is one, has an address on the internet.
    `mixed`: of a reef, some of whose cells are behind a gateway in its subnet, and some are not.
    `private_zones` is the id of the group whose zones of services are linked, `` for zones of its own.
    """

    place: Place
    layout: NetworkLayout
    allow: Sequence[str]
    control: str
    queue_port: int = 0
    grpc: bool = False
    public: bool = False
    private_zones: str = ""
    mixed: bool = False

    @property
    def alone(self) -> bool:
        """Whether people come to the web through an application gateway alone."""
        return bool(self.layout.gateway_cidr) and not self.mixed

    @property
    def web(self) -> list[str]:
        """Whom nodes admit to the web."""
        gateways = [self.layout.gateway_cidr] if self.layout.gateway_cidr else []
        if self.alone:
            return gateways
        return [*self.allow, *(one for one in gateways if not covered(one, list(self.allow)))]


class Network(pulumi.ComponentResource):
    """A virtual network with subnets for nodes (one for each zone), ingress and private endpoints.

    Subnets are part of the network object: standalone ones race each other (azure-native issues 699, 3720).
    """

    network_id: pulumi.Output[str]
    endpoint_subnet_id: pulumi.Output[str]
    ingress_subnet_id: pulumi.Output[str]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cells:azure:Network", name, None, opts)
        self._name, self._args = name, args
        layout = args.layout
        self.nodes_group = security_group(self, f"{name}-nodes-nsg", args.place, layout.nodes_group, node_rules(args))
        self.endpoints_group = security_group(
            self, f"{name}-endpoints-nsg", args.place, layout.endpoints_group, self._endpoint_rules()
        )
        self.gateway_group = (
            security_group(self, f"{name}-gateway-nsg", args.place, layout.gateway_group, gateway_rules(args))
            if layout.gateway_subnet
            else None
        )
        self.nodes_group_id: pulumi.Output[str] | None = None  # it is on the subnets
        self.nat_gateways = {subnet.name: self._nat_gateway(subnet) for subnet in args.layout.node_subnets}
        self.network = self._network()
        self.network_id = self.network.id
        self.zones = {
            group: service_zone(
                self, f"{name}-{group.lower()}", args.place, zone, self.network_id, shared=args.private_zones
            )
            for group, zone in service_zones(queued=bool(args.queue_port)).items()
        }
        self.links: list[pulumi.Resource] = [zone.link for zone in self.zones.values()]
        self.endpoint_subnet_id = self.subnet_id(args.layout.endpoint_subnet)
        self.ingress_subnet_id = self.subnet_id(args.layout.ingress_subnet)
        self.register_outputs({"networkId": self.network_id, "endpointSubnetId": self.endpoint_subnet_id})

    def subnet_id(self, subnet: str) -> pulumi.Output[str]:
        """Return the id of a subnet, built from the network's own: the output's list has no promised order."""
        return pulumi.Output.concat(self.network.id, "/subnets/", subnet)

    def endpoint(self, group: str, after: pulumi.Resource | None = None) -> EndpointArgs:
        """Return where the private endpoint of a service goes; `group` is a key of `service_zones`."""
        zone = self.zones[group]
        return EndpointArgs(subnet_id=self.endpoint_subnet_id, zone_id=zone.zone_id, link=zone.link, after=after)

    def _endpoint_rules(self) -> list[network.SecurityRuleArgs]:
        nodes = [subnet.cidr for subnet in self._args.layout.node_subnets]
        return [
            _allow("in-nodes", 100, nodes, ["443", "445", "1433", *_port(self._args.queue_port)]),
            _allow("in-control", 110, [self._args.control], ["443", "445", "1433"]),
        ]

    def _nat_gateway(self, subnet: NodeSubnet) -> network.NatGateway:
        place = self._args.place
        address = public_address(
            self, f"{self._name}-nat-{subnet.zone}-address", place, subnet.nat_address, zones=[subnet.zone]
        )
        return network.NatGateway(
            f"{self._name}-nat-{subnet.zone}",
            resource_group_name=place.resource_group,
            nat_gateway_name=subnet.nat_gateway,
            location=place.location,
            sku=network.NatGatewaySkuArgs(name="Standard"),
            public_ip_addresses=[network.SubResourceArgs(id=address.id)],
            idle_timeout_in_minutes=10,
            zones=[subnet.zone],
            tags=place.tags,
            opts=child(self),
        )

    def _network(self) -> network.VirtualNetwork:
        layout = self._args.layout
        return network.VirtualNetwork(
            f"{self._name}-vnet",
            resource_group_name=self._args.place.resource_group,
            virtual_network_name=layout.name,
            location=self._args.place.location,
            address_space=network.AddressSpaceArgs(address_prefixes=[layout.cidr]),
            subnets=[
                network.SubnetArgs(
                    name=layout.ingress_subnet, address_prefix=layout.ingress_cidr, default_outbound_access=False
                ),
                network.SubnetArgs(
                    name=layout.endpoint_subnet,
                    address_prefix=layout.endpoint_cidr,
                    default_outbound_access=False,
                    private_endpoint_network_policies="Enabled",
                    network_security_group=network.NetworkSecurityGroupArgs(id=self.endpoints_group.id),
                ),
                *([] if self._args.mixed else self._gateway_subnet()),
                # Last, so that more nodes add to the list and move nothing in it.
                *[self._node_subnet(subnet) for subnet in layout.node_subnets],
                # Reefs have had their other subnets for longer.
                *(self._gateway_subnet() if self._args.mixed else []),
            ],
            tags=self._args.place.tags,
            opts=child(self),
        )

    def _gateway_subnet(self) -> Iterator[network.SubnetArgs]:
        """Yield the subnet that application gateways have to themselves; by the endpoint they read certificates.

        A gateway without a public address wants the subnet delegated, and one with such an address none.
        """
        layout, service = self._args.layout, "Microsoft.Network/applicationGateways"
        if self.gateway_group is None:
            return
        yield network.SubnetArgs(
            name=layout.gateway_subnet,
            address_prefix=layout.gateway_cidr,
            default_outbound_access=False,
            network_security_group=network.NetworkSecurityGroupArgs(id=self.gateway_group.id),
            service_endpoints=[network.ServiceEndpointPropertiesFormatArgs(service="Microsoft.KeyVault")],
            delegations=None
            if self._args.public
            else [network.DelegationArgs(name="application-gateways", service_name=service)],
        )

    def _node_subnet(self, subnet: NodeSubnet) -> network.SubnetArgs:
        return network.SubnetArgs(
            name=subnet.name,
            address_prefix=subnet.cidr,
            default_outbound_access=False,
            nat_gateway=network.SubResourceArgs(id=self.nat_gateways[subnet.name].id),
            network_security_group=network.NetworkSecurityGroupArgs(id=self.nodes_group.id),
        )


def security_group(
    parent: pulumi.ComponentResource,
    name: str,
    place: Place,
    group_name: str,
    rules: Sequence[network.SecurityRuleArgs],
) -> network.NetworkSecurityGroup:
    """Declare a group of `rules` that denies the rest."""
    return network.NetworkSecurityGroup(
        name,
        resource_group_name=place.resource_group,
        network_security_group_name=group_name,
        location=place.location,
        security_rules=[*rules, _deny_rest()],
        tags=place.tags,
        opts=child(parent),
    )


def node_rules(args: NetworkArgs) -> list[network.SecurityRuleArgs]:
    """Return who reaches nodes."""
    allow, control = list(args.allow), args.control
    # cellctl asks every node, and every way in; where people come from the same range, their rules are its too.
    grpc = _port(GRPC_PORT if args.grpc else 0)
    asked = ["443"] if covered(control, allow) else ["443", "10943", *grpc]
    own = [] if covered(control, args.web) else [_allow("in-control", 120, [control], asked)]
    # A balancer that spreads Tentacles over nodes asks each port whether it answers.
    web = [] if args.alone else ["80"]
    probed = [*web, *_port(POLLING_PORT if args.queue_port else 0), *grpc]
    return [
        _allow("in-https", 100, args.web, ["443"]),
        _allow("in-polling", 110, allow, ["10943"]),
        *([_allow("in-grpc", 115, allow, grpc)] if grpc else []),
        *own,
        *([_tagged("in-probe", 130, PROBE_SOURCE, probed)] if probed else []),
    ]


def gateway_rules(args: NetworkArgs) -> list[network.SecurityRuleArgs]:
    """Return who reaches an application gateway: people, cellctl, its probes, and from outside Azure's managers.

    A gateway without a public address has managers inside (learn.microsoft.com, private deployment).
    """
    own = [] if covered(args.control, list(args.allow)) else [_allow("in-control", 120, [args.control], ["443"])]
    managers = [_tagged("in-managers", 130, MANAGER_SOURCE, [MANAGER_PORTS])] if args.public else []
    return [
        _allow("in-https", 100, args.allow, ["443"]),
        *own,
        *managers,
        _tagged("in-probe", 140, PROBE_SOURCE, ["*"], protocol="*"),
    ]


def _port(port: int) -> list[str]:
    return [str(port)] if port else []


def _allow(name: str, priority: int, sources: Sequence[str], ports: Sequence[str]) -> network.SecurityRuleArgs:
    return network.SecurityRuleArgs(
        name=name,
        priority=priority,
        direction="Inbound",
        access="Allow",
        protocol="Tcp",
        source_address_prefixes=list(sources),
        source_port_range="*",
        destination_address_prefix="*",
        destination_port_ranges=list(ports),
    )


def _tagged(
    name: str, priority: int, tag: str, ports: Sequence[str], *, protocol: str = "Tcp"
) -> network.SecurityRuleArgs:
    return network.SecurityRuleArgs(
        name=name,
        priority=priority,
        direction="Inbound",
        access="Allow",
        protocol=protocol,
        source_address_prefix=tag,
        source_port_range="*",
        destination_address_prefix="*",
        destination_port_ranges=list(ports),
    )


def _deny_rest() -> network.SecurityRuleArgs:
    """Deny what no rule allows: Azure's own last rules admit the whole virtual network and every probe."""
    return network.SecurityRuleArgs(
        name="deny-rest",
        priority=4096,
        direction="Inbound",
        access="Deny",
        protocol="*",
        source_address_prefix="*",
        source_port_range="*",
        destination_address_prefix="*",
        destination_port_range="*",
    )
