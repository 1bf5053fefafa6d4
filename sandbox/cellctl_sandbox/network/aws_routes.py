"""Route tables: where a subnet sends what is not its own network's."""

from __future__ import annotations

from collections.abc import Iterator

from cellctl.facts.conditions import at
from cellctl.state.values import Value
from cellctl_sandbox.estate import Estate, text, texts
from cellctl_sandbox.network.addresses import length, within
from cellctl_sandbox.network.verdict import OPEN, Place, Verdict, lost
from cellctl_sandbox.standins.cloud_view import CloudObject

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
TABLE = "aws:ec2/routeTable:RouteTable"
ROUTE = "aws:ec2/route:Route"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
INTERNET = "aws:ec2/internetGateway:InternetGateway"
NAT = "aws:ec2/natGateway:NatGateway"
ADDRESS = "aws:ec2/eip:Eip"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
_OTHERS = (
    "carrierGatewayId", "coreNetworkArn", "egressOnlyGatewayId", "localGatewayId", "networkInterfaceId",
    "odbNetworkArn", "transitGatewayId", "vpcEndpointId", "vpcPeeringConnectionId",
)  # fmt: skip
"""Targets of routes whose ways are not simulated."""


def way_out(estate: Estate, source: Place, target: Place) -> Verdict:
    """Return whether the subnet of `source` has a way to a `target` outside its network."""
    table = table_of(estate, source.subnet)
    if target.service and by_gateway_endpoint(estate, table, target.service):
        return OPEN
    route = _route(estate, table, target.address)
    if route is None:
        return lost(f"no route from {_subnet(estate, source.subnet)} (table {table}) leads to {target}")
    gateway, nat, other = route
    if other:
        return lost(f"the route of table {table} leads to a {other}, which the simulated network does not know")
    if nat:
        return _through_nat(estate, nat)
    if not estate.one(INTERNET, gateway):
        return lost(f"the route of table {table} leads to {gateway or 'nothing'}, which does not exist")
    return lost(f"{source} has no public address, and its subnet's route leads to an internet gateway")


def entered(estate: Estate, subnet: str) -> Verdict:
    """Return whether the internet reaches a subnet: its table leads to an internet gateway."""
    table = table_of(estate, subnet)
    route = _route(estate, table, "198.51.100.1")
    if route and estate.one(INTERNET, route[0]):
        return OPEN
    return lost(f"{_subnet(estate, subnet)} (table {table}) has no route to an internet gateway")


def table_of(estate: Estate, subnet: str) -> str:
    """Return the route table of a subnet: the one associated, else its network's main one."""
    for item in estate.all(ASSOCIATION):
        if item.text("subnetId") == subnet:
            return item.text("routeTableId")
    network = text(estate.one(SUBNET, subnet), "vpcId")
    return text(estate.one(VPC, network), "mainRouteTableId")


def _through_nat(estate: Estate, nat: str) -> Verdict:
    gateway = estate.one(NAT, nat)
    if gateway is None:
        return lost(f"the route leads to {nat}, which does not exist")
    if estate.one(ADDRESS, gateway.text("allocationId")) is None:
        return lost(f"{nat} has no public address")
    inside = gateway.text("subnetId")
    out = entered(estate, inside)
    return OPEN if out.open else lost(f"{nat} cannot reach the internet: {out.why}")


def by_gateway_endpoint(estate: Estate, table: str, service: str) -> bool:
    """Tell whether a route table leads to a service through an endpoint of the network."""
    for item in estate.all(ENDPOINT):
        gateway = item.text("vpcEndpointType") == "Gateway" and item.text("serviceName").endswith(f".{service}")
        if gateway and table in texts(item, "routeTableIds"):
            return True
    return False


def _route(estate: Estate, table: str, address: str) -> tuple[str, str, str] | None:
    """Return gateway, NAT gateway or another target of the most specific route to an address, None without one."""
    fitting = [entry for entry in _routes(estate, table) if within(address, entry[0])]
    if not fitting:
        return None
    best = max(fitting, key=lambda entry: length(entry[0]))
    return best[1], best[2], best[3]


def _routes(estate: Estate, table: str) -> Iterator[tuple[str, str, str, str]]:
    for item in estate.all(ROUTE):
        if item.text("routeTableId") == table:
            yield _entry(item.properties, "destinationCidrBlock")
    for item in estate.all(TABLE):
        inline = item.properties.get("routes") if item.id == table else None
        for entry in inline if isinstance(inline, list) else []:
            yield _entry(entry, "cidrBlock")


def _entry(values: Value, block: str) -> tuple[str, str, str, str]:
    """Return block, gateway, NAT gateway and the name of any other target."""
    others = [name for name in _OTHERS if at(values, name)]
    found = [str(at(values, name) or "") for name in (block, "gatewayId", "natGatewayId")]
    return found[0], found[1], found[2], others[0] if others else ""


def _subnet(estate: Estate, subnet: str) -> str:
    item: CloudObject | None = estate.one(SUBNET, subnet)
    return f"{subnet} ({text(item, 'cidrBlock')})" if item else subnet
