"""Names in a VPC: private zones, endpoints of services, databases and load balancers."""

from __future__ import annotations

from fnmatch import fnmatchcase

from cellctl.facts.conditions import every
from cellctl_sandbox.estate import Estate, text, texts
from cellctl_sandbox.network.addresses import is_address, stand_in
from cellctl_sandbox.network.aws_routes import ENDPOINT, SUBNET, VPC
from cellctl_sandbox.network.verdict import Names, Place, lost, unknown
from cellctl_sandbox.standins.cloud_view import CloudObject

INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
INSTANCE = "aws:ec2/instance:Instance"
RDS = "aws:rds/instance:Instance"
SUBNET_GROUP = "aws:rds/subnetGroup:SubnetGroup"
QUEUE = "aws:elasticache/replicationGroup:ReplicationGroup"
QUEUE_SUBNETS = "aws:elasticache/subnetGroup:SubnetGroup"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
ZONE = "aws:route53/zone:Zone"
RECORD = "aws:route53/record:Record"
ASSOCIATION = "aws:route53/zoneAssociation:ZoneAssociation"
PUBLIC = "198.51.100.1"
"""Stands for any public address (TEST-NET-2, RFC 5737)."""
_PUBLIC_NAMES = (
    "*.amazonaws.com",
    "*.azure.com",
    "*.octopusdeploy.com",
    "*.microsoft.com",
    "*.docker.io",
    "*.docker.com",
    "*.amazon.pool.ntp.org",
)
_NEVER_PUBLIC = (".internal", ".local", ".test")
_REGIONAL = ("secretsmanager", "storagegateway", "s3", "ssm", "kms", "logs", "monitoring", "rds", "sns")


def resolve(estate: Estate, name: str, network: str) -> Names:
    """Return the places that a name or address leads to, asked inside `network`."""
    if is_address(name):
        return Names(places=(_at(estate, name),))
    zone, why = _zone(estate, name, network)
    if zone is not None:
        return _recorded(estate, zone, name, network)
    known = _own(estate, name)
    if known is not None:
        return Names(places=known) if known else Names(trouble=lost(f"{name} is in no subnet"))
    if any(fnmatchcase(name, pattern) for pattern in _PUBLIC_NAMES):
        return Names(places=(_public(estate, name, network),))
    return Names(trouble=unknown(why or f"no zone of {network or 'the network'} holds {name}"))


def service(estate: Estate, name: str, region: str, network: str) -> Names:
    """Return the places that the regional endpoint of an AWS service leads to, asked inside `network`."""
    return resolve(estate, f"{name}.{region}.amazonaws.com", network)


def instance_place(estate: Estate, instance: CloudObject) -> Place:
    """Return where an instance is: its primary interface, or the one that was made with it."""
    interface = estate.one(INTERFACE, text(instance, "primaryNetworkInterface.networkInterfaceId"))
    subnet = text(interface, "subnetId") or instance.text("subnetId")
    groups = texts(interface, "securityGroups") or texts(instance, "vpcSecurityGroupIds")
    address = instance.text("privateIp")
    what = text(instance, "tags.Name") or instance.id
    return _place(estate, what, address, subnet, groups, instance.id)


def _place(estate: Estate, what: str, address: str, subnet: str, groups: tuple[str, ...], key: str) -> Place:  # noqa: PLR0917
    network = text(estate.one(SUBNET, subnet), "vpcId")
    return Place(what=what, address=address, network=network, subnet=subnet, groups=groups, key=key)


def _at(estate: Estate, address: str) -> Place:
    for item in estate.all(INSTANCE):
        if item.text("privateIp") == address:
            return instance_place(estate, item)
    for item in estate.all(INTERFACE):
        if address in (item.text("privateIp"), *texts(item, "privateIps")):
            subnet, groups = item.text("subnetId"), texts(item, "securityGroups")
            return _place(estate, text(item, "tags.Name") or item.id, address, subnet, groups, item.id)
    return Place(what=address, address=address)


def _spread(
    estate: Estate, item: CloudObject, what: str, subnets: tuple[str, ...], groups: tuple[str, ...]
) -> tuple[Place, ...]:
    """Return one place in each subnet, as the cloud puts what it spreads over zones."""
    return tuple(
        _place(estate, what, stand_in(text(estate.one(SUBNET, subnet), "cidrBlock") or "0.0.0.0/32", item.id), subnet,
               groups, item.id)
        for subnet in subnets
    )  # fmt: skip


def balancer_places(estate: Estate, item: CloudObject) -> tuple[Place, ...]:
    """Return the places of a load balancer, one in each of its subnets."""
    return _spread(estate, item, item.text("name"), texts(item, "subnets"), texts(item, "securityGroups"))


def _own(estate: Estate, name: str) -> tuple[Place, ...] | None:
    """Return the places of the balancer, database, queue or endpoint that AWS gave a name; None if it is none's."""
    for item in estate.all(BALANCER):
        if item.text("dnsName").casefold() == name.casefold():
            return balancer_places(estate, item)
    for item in estate.all(RDS):
        if item.text("address").casefold() == name.casefold():
            group = estate.one(SUBNET_GROUP, item.text("dbSubnetGroupName"))
            groups = texts(item, "vpcSecurityGroupIds")
            return _spread(estate, item, item.text("identifier"), texts(group, "subnetIds"), groups)
    for item in estate.all(QUEUE):
        if item.text("primaryEndpointAddress").casefold() == name.casefold():
            group = estate.one(QUEUE_SUBNETS, item.text("subnetGroupName"))
            groups = texts(item, "securityGroupIds")
            return _spread(estate, item, item.id, texts(group, "subnetIds"), groups)
    for item in estate.all(ENDPOINT):
        if name in {str(one) for one in every(item.properties, "dnsEntries.*.dnsName")}:
            return endpoint_places(estate, item)
    return None


def endpoint_places(estate: Estate, item: CloudObject) -> tuple[Place, ...]:
    """Return the places of an interface endpoint."""
    return _spread(estate, item, item.id, texts(item, "subnetIds"), texts(item, "securityGroupIds"))


def _public(estate: Estate, name: str, network: str) -> Place:
    """Return the public place of a name, or the endpoint that hides it inside the network."""
    short = name.partition(".")[0]
    for item in estate.all(ENDPOINT):
        hidden = item.properties.get("privateDnsEnabled") is True and item.text("vpcId") == network
        if hidden and item.text("serviceName").endswith(f".{short}") and endpoint_places(estate, item):
            return endpoint_places(estate, item)[0]
    served = short if short in _REGIONAL else ""
    lists = tuple(
        item.text("prefixListId")
        for item in estate.all(ENDPOINT)
        if served and item.text("serviceName").endswith(f".{served}") and item.text("prefixListId")
    )
    return Place(what=name, address=PUBLIC, lists=lists, service=served)


def _zone(estate: Estate, name: str, network: str) -> tuple[CloudObject | None, str]:
    """Return the most specific zone of the network that holds a name, and why another one does not count."""
    why = ""
    for item in sorted(estate.all(ZONE), key=lambda one: -len(one.text("name"))):
        zone = item.text("name").rstrip(".")
        if name != zone and not name.endswith(f".{zone}"):
            continue
        joined = networks_of(estate, item)
        if not joined and not zone.endswith(_NEVER_PUBLIC):
            return item, ""  # a public zone answers everywhere
        if network not in joined:
            why = f"zone {zone} ({item.id}) is not associated with {network}"
            continue
        vpc = estate.one(VPC, network)
        missing = [
            key for key in ("enableDnsSupport", "enableDnsHostnames") if vpc and vpc.properties.get(key) is not True
        ]
        if missing:
            return None, f"{network} answers no names of private zones: {' and '.join(missing)} is off"
        return item, ""
    return None, why


def networks_of(estate: Estate, zone: CloudObject) -> set[str]:
    """Return the networks in which a private zone answers."""
    later = {item.text("vpcId") for item in estate.all(ASSOCIATION) if item.text("zoneId") == zone.id}
    return {str(one) for one in every(zone.properties, "vpcs.*.vpcId")} | later


def _recorded(estate: Estate, zone: CloudObject, name: str, network: str) -> Names:
    for item in estate.all(RECORD):
        same = item.text("zoneId") == zone.id and item.text("name").rstrip(".").casefold() == name.casefold()
        if not same:
            continue
        targets = [str(one) for one in every(item.properties, "records.*")]
        aliases = [str(one) for one in every(item.properties, "aliases.*.name")]
        found = [resolve(estate, target, network) for target in (*targets, *aliases)]
        places = tuple(place for names in found for place in names.places)
        return Names(places=places) if places else Names(trouble=unknown(f"the record of {name} leads nowhere"))
    return Names(trouble=unknown(f"zone {zone.text('name')} ({zone.id}) has no record for {name}"))
