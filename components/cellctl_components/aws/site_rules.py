"""What an AWS specialist checks of a network, zone and key before something goes into them. Pure: of what was seen.

Every rule yields an Objection with a code, a reason and a remedy; all are always checked. Numbers: `site.toml` of the
facts. What is seen is described in docs/guides/existing-networks.md and made by `cellctl_provider.aws.sites`.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cellctl.errors import Objection
from cellctl.facts.conditions import at, every
from cellctl_components.aws import rules, sizing
from cellctl_components.aws.firewall import ENDPOINT_PORTS
from cellctl_components.layout import Json, facts

if TYPE_CHECKING:
    from cellctl_components.aws.site import Asked

Seen = dict[str, Json]
_TIERS = {"nodes": "subnets", "ingress": "balancerSubnets", "data": "databaseSubnets"}


def objections(asked: Asked, seen: Seen, *, exists: bool) -> Iterator[Objection]:
    """Yield everything that keeps a stack out; `exists`: some of it is in already."""
    if asked.existing is not None:
        yield from _network(asked, seen)
        known = [rule for rule in _RULES if seen.get("network")]
        for rule in known:
            yield from rule(asked, seen)
        if known and not exists:
            yield from _names(asked, seen)
    if asked.zone:
        yield from _zone(asked, seen, exists=exists)
    elif asked.existing is not None and not exists:
        yield from _own_zone(asked, seen)
    if asked.key:
        yield from _key(asked, seen)


def _no(code: str, reason: str, remedy: str) -> Objection:
    return Objection(code=code, reason=reason, remedy=remedy)


def _network(asked: Asked, seen: Seen) -> Iterator[Objection]:
    vpc, network = asked.network, seen.get("network")
    if not isinstance(network, dict):
        remedy = "set network.existing.id to a VPC of this account and region; `aws ec2 describe-vpcs` lists them"
        yield _no("network_missing", f"there is no VPC {vpc} in {asked.region}", remedy)
        return
    if network.get("state") != "available":
        yield _no("network_not_ready", f"{vpc} is {network.get('state')}", "wait until it is available")
    if network.get("own") is not True:
        remedy = "use a VPC of this account: endpoints and zones cannot be had in one that is only shared with it"
        yield _no("network_shared", f"{vpc} belongs to account {network.get('owner')}", remedy)
    if network.get("tenancy") == "dedicated":
        remedy = "use a VPC of default tenancy: database classes and gateway machines are not had on dedicated hardware"
        yield _no("network_tenancy", f"{vpc} puts every machine on dedicated hardware", remedy)
    switches = {"DNS resolution": "dnsSupport", "DNS hostnames": "dnsHostnames"}
    off = [name for name, key in switches.items() if not network.get(key)]
    if off:
        switch = "--enable-dns-support" if "DNS resolution" in off else "--enable-dns-hostnames"
        remedy = f"aws ec2 modify-vpc-attribute --vpc-id {vpc} {switch}: names of private zones need both"
        yield _no("dns_off", f"{' and '.join(off)} of {vpc} {'are' if len(off) > 1 else 'is'} off", remedy)


def _subnets(asked: Asked, seen: Seen) -> Iterator[Objection]:
    letters = rules.zone_letters(asked.region)
    for subnet in dict.fromkeys(one for tier in _TIERS for one in asked.subnets(tier)):
        found = at(seen, f"subnets.{subnet}")
        if not isinstance(found, dict):
            remedy = f"aws ec2 describe-subnets --filters Name=vpc-id,Values={asked.network}"
            yield _no("subnet_missing", f"there is no subnet {subnet} in {asked.region}", remedy)
            continue
        zone = str(found.get("zone") or "")
        if found.get("network") != asked.network:
            reason = f"{subnet} is in {found.get('network')}, not in {asked.network}"
            yield _no("subnet_elsewhere", reason, "name subnets of one VPC")
        if zone not in {f"{asked.region}{letter}" for letter in letters}:
            reason = f"{subnet} is in {zone or 'no zone'}, which is no availability zone that cellctl knows"
            yield _no("zone_unknown", reason, "name a subnet in an availability zone; local zones have no databases")


def _zones(asked: Asked, seen: Seen) -> Iterator[Objection]:
    nodes = _zones_of(asked, seen, "nodes")
    for tier, field in _TIERS.items():
        zones = _zones_of(asked, seen, tier)
        several = sorted(zone for zone, count in Counter(zones).items() if count > 1)
        if several:
            remedy = "name one subnet in each zone"
            yield _no("zone_twice", f"network.existing.{field}: two subnets are in {', '.join(several)}", remedy)
        if len(set(zones)) < 2 <= len(asked.subnets(tier)):
            remedy = "name subnets in two zones or more: databases and load balancers need them, a cell survives one"
            yield _no("zones_few", f"network.existing.{field}: all are in {', '.join(sorted(set(zones)))}", remedy)
    if set(_zones_of(asked, seen, "ingress")) != set(nodes):
        remedy = "name one subnet in each zone of the nodes: a balancer sends nothing into a zone in which it is not"
        yield _no("zones_differ", "network.existing.balancerSubnets are in other zones than the nodes", remedy)


def _zones_of(asked: Asked, seen: Seen, tier: str) -> list[str]:
    found = [str(at(seen, f"subnets.{one}.zone") or "") for one in asked.subnets(tier)]
    return [zone for zone in found if zone]


def _room(asked: Asked, seen: Seen) -> Iterator[Objection]:
    least = facts("aws", "site")["addresses"]
    for tier, kind in (("ingress", "balancer"), ("data", "database")):
        needed = sizing.one(least, kind, int)
        for subnet in asked.subnets(tier):
            free = at(seen, f"subnets.{subnet}.free")
            if isinstance(free, int) and free < needed:
                reason = f"{subnet} has {free} free addresses; a {kind} needs {needed}"
                yield _no("subnet_full", reason, "name a larger or emptier subnet of its zone")


def _ways(asked: Asked, seen: Seen) -> Iterator[Objection]:
    for subnet in asked.subnets("nodes"):
        found = at(seen, f"subnets.{subnet}")
        if not isinstance(found, dict):
            continue
        table, out = found.get("table"), str(found.get("out") or "")
        if not out:
            remedy = "route 0.0.0.0/0 to a NAT or transit gateway: nodes fetch Octopus at their first boot, and deploy"
            yield _no("no_way_out", f"the table of {subnet} ({table}) has no way out", remedy)
        elif out == "internet":
            remedy = "name private subnets: nodes have no public address, so an internet gateway is no way out for them"
            yield _no("no_way_out", f"{subnet} is public: its table ({table}) leads to an internet gateway", remedy)
        elif out == "blackhole":
            remedy = "mend the route: its target is gone"
            yield _no("no_way_out", f"the way out of {subnet} (table {table}) leads nowhere", remedy)
        if found.get("storage") is not True:
            remedy = (
                f"aws ec2 create-vpc-endpoint --vpc-id {asked.network} --route-table-ids {table} "
                f"--service-name com.amazonaws.{asked.region}.s3: it is free, and files go through it"
            )
            yield _no("no_storage_endpoint", f"the table of {subnet} ({table}) has no endpoint of S3", remedy)
    for subnet in asked.subnets("ingress") if asked.public else ():
        out = str(at(seen, f"subnets.{subnet}.out") or "")
        if out != "internet":
            remedy = "name public subnets in network.existing.balancerSubnets, or use exposure: internal"
            yield _no("not_public", f"{subnet} leads to no internet gateway, and the cell is public", remedy)


def _endpoint(asked: Asked, seen: Seen) -> Iterator[Objection]:
    named, found = (asked.existing.gateway_endpoint if asked.existing else None), seen.get("endpoint")
    if not named:
        return
    service = f"com.amazonaws.{asked.region}.storagegateway"
    remedy = f"name an interface endpoint of {service} in {asked.network}, or none: then the cell makes one"
    if not isinstance(found, dict):
        yield _no("endpoint_missing", f"there is no endpoint {named}", remedy)
        return
    if (found.get("network"), found.get("service"), found.get("type")) != (asked.network, service, "Interface"):
        reason = f"{named} is of {found.get('service')} in {found.get('network')}"
        yield _no("endpoint_wrong", reason, remedy)
        return
    if found.get("state") != "available":
        yield _no("endpoint_wrong", f"{named} is {found.get('state')}", "wait until it is available")
    if found.get("privateDns") is True:
        remedy = f"aws ec2 modify-vpc-endpoint --vpc-endpoint-id {named} --no-private-dns-enabled"
        yield _no("endpoint_wrong", f"{named} has private DNS on, and activation fails with it", remedy)
    for subnet in asked.subnets("nodes"):
        block = str(at(seen, f"subnets.{subnet}.cidr") or "0.0.0.0/32")
        closed = [
            port for port in ENDPOINT_PORTS if not any(_admits(rule, port, block) for rule in _rows(found, "admits"))
        ]
        if closed:
            ports = ", ".join(map(str, closed))
            remedy = f"admit {block} to them in a security group of {named}"
            yield _no("endpoint_closed", f"{named} does not admit {subnet} to ports {ports}", remedy)


def _admits(rule: Json, port: int, block: str) -> bool:
    first, last, cidr = at(rule, "first"), at(rule, "last"), at(rule, "cidr")
    covers = isinstance(cidr, str) and ipaddress.IPv4Network(block).subnet_of(ipaddress.IPv4Network(cidr))
    return covers and isinstance(first, int) and isinstance(last, int) and first <= port <= last


def _names(asked: Asked, seen: Seen) -> Iterator[Objection]:
    """A security group's name is its network's: another home may have a cell of this name there."""
    taken = sorted(str(name) for name in every(seen, "groups") if str(name).startswith(f"{asked.prefix}-"))
    if taken:
        remedy = "give this one another name, or see who made the groups"
        yield _no("names_taken", f"{asked.network} has groups of such a name: {', '.join(taken[:3])}", remedy)


def _own_zone(asked: Asked, seen: Seen) -> Iterator[Objection]:
    for name in every(seen, "zones"):
        if str(name).rstrip(".") == asked.hosts[0]:
            remedy = "use another ingress.host, or name that zone as ingress.zone"
            yield _no("zone_taken", f"{asked.network} has a private zone {asked.hosts[0]} already", remedy)


def _zone(asked: Asked, seen: Seen, *, exists: bool) -> Iterator[Objection]:
    found = seen.get("zone")
    if not isinstance(found, dict):
        remedy = "set ingress.zone to the id of a hosted zone of this account; `aws route53 list-hosted-zones`"
        yield _no("zone_missing", f"there is no hosted zone {asked.zone}", remedy)
        return
    name = str(found.get("name") or "").rstrip(".")
    foreign = [host for host in asked.hosts if host != name and not host.endswith(f".{name}")]
    if foreign:
        remedy = f"use an ingress.host below {name}, or another zone"
        yield _no("zone_foreign", f"zone {asked.zone} is {name}, and cannot hold {foreign[0]}", remedy)
    if asked.network and found.get("private") is True and asked.network not in set(every(found, "networks")):
        remedy = (
            f"aws route53 associate-vpc-with-hosted-zone --hosted-zone-id {asked.zone} "
            f"--vpc VPCRegion={asked.region},VPCId={asked.network}"
        )
        yield _no("zone_unseen", f"private zone {name} does not answer in {asked.network}", remedy)
    taken = [] if exists else [host for host in asked.hosts if host in {str(one) for one in every(found, "records")}]
    if taken:
        remedy = "use another ingress.host, or remove the records"
        yield _no("record_taken", f"zone {name} has records for {', '.join(taken)} already", remedy)


def _key(asked: Asked, seen: Seen) -> Iterator[Objection]:
    found = seen.get("key")
    if not isinstance(found, dict):
        remedy = "set protection.key to the ARN of a key; `aws kms list-keys` lists them"
        yield _no("key_missing", f"there is no key {asked.key}", remedy)
        return
    wrong = {
        f"is {found.get('state')}": found.get("state") != "Enabled",
        "does not encrypt symmetrically": found.get("spec") != "SYMMETRIC_DEFAULT",
        "is AWS's own, whose policy nobody can change": found.get("manager") == "AWS",
    }
    for reason in (said for said, is_so in wrong.items() if is_so):
        yield _no("key_unusable", f"{asked.key} {reason}", "name an enabled, symmetric key of your own")
    named = {str(one) for one in every(found, "services")}
    wanted = [str(one).format(region=asked.region) for one in every(dict(facts("aws", "site")["key"]), "services")]
    lacking = [service for service in wanted if service not in named]
    if lacking and found.get("manager") != "AWS":
        remedy = "allow kms:Decrypt and kms:GenerateDataKey* to them in its policy (docs/guides/existing-networks.md)"
        yield _no("key_policy", f"the policy of {asked.key} does not name {' and '.join(lacking)}", remedy)


def _rows(found: Json, key: str) -> list[Json]:
    rows = at(found, key)
    return rows if isinstance(rows, list) else []


_RULES: tuple[Callable[[Asked, Seen], Iterator[Objection]], ...] = (_subnets, _zones, _room, _ways, _endpoint)
