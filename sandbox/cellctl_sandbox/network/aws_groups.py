"""Security groups: which rule admits a packet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cellctl.facts.conditions import at
from cellctl.state.values import Struct, Value
from cellctl_sandbox.estate import Estate, text
from cellctl_sandbox.network.addresses import within
from cellctl_sandbox.network.verdict import OPEN, Place, Verdict, lost

GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
_ALL = "-1"


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupRule:
    """One rule of a group, from a resource of its own or from the group's inline list."""

    protocol: str
    first: int
    last: int
    blocks: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()

    def admits(self, peer: Place, port: int, protocol: str) -> bool:
        """Tell whether the rule admits a packet to or from `peer`."""
        if self.protocol != _ALL and (self.protocol != protocol or not self.first <= port <= self.last):
            return False
        return (
            any(within(peer.address, block) for block in self.blocks)
            or bool({*self.groups} & {*peer.groups})
            or bool({*self.lists} & {*peer.lists})
        )


def leaves(estate: Estate, source: Place, peer: Place, port: int, protocol: str) -> Verdict:
    """Return whether a group of `source` lets a packet out to `peer`."""
    return _admitted(estate, source, peer, port, protocol, way="egress")


def enters(estate: Estate, target: Place, peer: Place, port: int, protocol: str) -> Verdict:
    """Return whether a group of `target` lets a packet in from `peer`."""
    return _admitted(estate, target, peer, port, protocol, way="ingress")


def _admitted(estate: Estate, end: Place, peer: Place, port: int, protocol: str, *, way: str) -> Verdict:
    if not end.groups:
        return lost(f"{end} has no security group")
    for group in end.groups:
        if any(rule.admits(peer, port, protocol) for rule in _rules(estate, group, way)):
            return OPEN
    named = " or ".join(_named(estate, group) for group in end.groups)
    return lost(f"no {way} rule on {named} admits {peer.address} to port {port}/{protocol}")


def _named(estate: Estate, group: str) -> str:
    name = text(estate.find(group), "name")
    return f"{group} ({name})" if name else group


def _rules(estate: Estate, group: str, way: str) -> Iterator[GroupRule]:
    for item in estate.all(INGRESS if way == "ingress" else EGRESS):
        if item.text("securityGroupId") == group:
            yield _rule(item.properties)
    found = next((one for one in estate.all(GROUP) if one.id == group), None)
    inline = found.properties.get(way) if found else None
    for entry in inline if isinstance(inline, list) else []:
        if isinstance(entry, dict):
            yield _inline(entry, group)


def _rule(values: Struct) -> GroupRule:
    return GroupRule(
        protocol=str(values.get("ipProtocol")),
        first=_whole(values.get("fromPort"), 0),
        last=_whole(values.get("toPort"), 65535),
        blocks=_one(values, "cidrIpv4"),
        groups=_one(values, "referencedSecurityGroupId"),
        lists=_one(values, "prefixListId"),
    )


def _inline(values: Struct, group: str) -> GroupRule:
    own = (group,) if values.get("self") is True else ()
    return GroupRule(
        protocol=str(values.get("protocol")),
        first=_whole(values.get("fromPort"), 0),
        last=_whole(values.get("toPort"), 65535),
        blocks=_many(values, "cidrBlocks"),
        groups=(*_many(values, "securityGroups"), *own),
        lists=_many(values, "prefixListIds"),
    )


def _one(values: Struct, key: str) -> tuple[str, ...]:
    value = at(values, key)
    return (value,) if isinstance(value, str) and value else ()


def _many(values: Struct, key: str) -> tuple[str, ...]:
    value = at(values, key)
    return tuple(str(one) for one in value) if isinstance(value, list) else ()


def _whole(value: Value, default: int) -> int:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else default
