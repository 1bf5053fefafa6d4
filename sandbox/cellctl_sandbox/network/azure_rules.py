"""Network security groups: rules in the order of their priority, then Azure's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cellctl.facts.conditions import at, every
from cellctl.state.values import Value
from cellctl_sandbox.estate import Estate
from cellctl_sandbox.network.addresses import is_private, within
from cellctl_sandbox.network.verdict import OPEN, Place, Verdict, lost
from cellctl_sandbox.standins.cloud_view import CloudObject

GROUP = "azure-native:network:NetworkSecurityGroup"
PROBE = Place(what="the load balancer's probe", address="168.63.129.16")
"""Whence probes come: service tag AzureLoadBalancer (Microsoft Learn, IP address 168.63.129.16)."""

MANAGER = Place(what="Azure's managers of gateways", address="198.51.100.9")
"""Stands for service tag GatewayManager (an address of TEST-NET-2, RFC 5737)."""

Way = Literal["Inbound", "Outbound"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SecurityRule:
    """One rule; `ports` are numbers or ranges as Azure writes them, or `*`."""

    name: str
    priority: int
    way: str
    allows: bool
    protocol: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    ports: tuple[str, ...]

    def fits(self, source: Place, target: Place, port: int, protocol: str, *, spaces: tuple[str, ...]) -> bool:
        """Tell whether the rule speaks of a packet. `spaces` are the ranges of the virtual network."""
        return (
            self.protocol in ("*", protocol)
            and any(_in_range(entry, port) for entry in self.ports)
            and any(_is_of(prefix, source, spaces) for prefix in self.sources)
            and any(_is_of(prefix, target, spaces) for prefix in self.targets)
        )


def _default(name: str, priority: int, way: Way, sources: str, targets: str, *, allows: bool = True) -> SecurityRule:
    return SecurityRule(
        name=name, priority=priority, way=way, allows=allows, protocol="*", sources=(sources,), targets=(targets,),
        ports=("*",),
    )  # fmt: skip


DEFAULTS = (
    _default("AllowVnetInBound", 65000, "Inbound", "VirtualNetwork", "VirtualNetwork"),
    _default("AllowAzureLoadBalancerInBound", 65001, "Inbound", "AzureLoadBalancer", "*"),
    _default("DenyAllInBound", 65500, "Inbound", "*", "*", allows=False),
    _default("AllowVnetOutBound", 65000, "Outbound", "VirtualNetwork", "VirtualNetwork"),
    _default("AllowInternetOutBound", 65001, "Outbound", "*", "Internet"),
    _default("DenyAllOutBound", 65500, "Outbound", "*", "*", allows=False),
)
"""The rules of every group. Source: Microsoft Learn, Network security groups, default security rules, 2026-11."""


def judged(  # noqa: PLR0917  a packet
    estate: Estate, group: str, way: Way, source: Place, target: Place, port: int, protocol: str,
    *, spaces: tuple[str, ...],
) -> Verdict:  # fmt: skip
    """Return what a group makes of a packet: the first rule that speaks of it decides."""
    item = estate.one(GROUP, group)
    if item is None:
        return lost(f"there is no network security group {group.rpartition('/')[2]}")
    for rule in sorted((*_rules(item), *DEFAULTS), key=lambda one: one.priority):
        if rule.way == way and rule.fits(source, target, port, protocol, spaces=spaces):
            if rule.allows:
                return OPEN
            name = item.id.rpartition("/")[2]
            end = source if way == "Inbound" else target
            return lost(
                f"no rule of {name} admits {end.address} to port {port}/{protocol}: "
                f"{rule.name} ({rule.priority}) denies it"
            )
    return lost(f"no rule of {group} speaks of port {port}")


def _rules(group: CloudObject) -> Iterator[SecurityRule]:
    listed = group.properties.get("securityRules")
    for entry in listed if isinstance(listed, list) else []:
        priority = at(entry, "priority")
        yield SecurityRule(
            name=str(at(entry, "name")),
            priority=int(priority) if isinstance(priority, int | float) else 0,
            way=str(at(entry, "direction")),
            allows=at(entry, "access") == "Allow",
            protocol=str(at(entry, "protocol")).lower(),
            sources=_either(entry, "sourceAddressPrefix", "sourceAddressPrefixes"),
            targets=_either(entry, "destinationAddressPrefix", "destinationAddressPrefixes"),
            ports=_either(entry, "destinationPortRange", "destinationPortRanges"),
        )


def _either(entry: Value, one: str, many: str) -> tuple[str, ...]:
    found = at(entry, one)
    listed = tuple(str(item) for item in every(entry, f"{many}.*"))
    return (*((found,) if isinstance(found, str) and found else ()), *listed)


def _in_range(entry: str, port: int) -> bool:
    first, _, last = entry.partition("-")
    return entry == "*" or int(first) <= port <= int(last or first)


def _is_of(prefix: str, place: Place, spaces: tuple[str, ...]) -> bool:
    """Tell whether a place is of a range or service tag. Attached private networks count as the virtual network's."""
    inside = any(within(place.address, space) for space in spaces) or is_private(place.address)
    if prefix in ("*", "0.0.0.0/0"):
        return True
    if prefix == "AzureLoadBalancer":
        return place.address == PROBE.address
    if prefix == "GatewayManager":
        return place.address == MANAGER.address
    if prefix == "VirtualNetwork":
        return inside
    if prefix == "Internet":
        return not inside and place.address != PROBE.address
    return within(place.address, prefix)
