"""What an Azure specialist checks of a network and a zone before something goes into them. Pure: of what was seen.

Every rule yields an Objection with a code, a reason and a remedy; all are always checked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cellctl.errors import Objection
from cellctl.facts.conditions import at, every
from cellctl_components.azure.addresses import ADDRESSES_OF_PLACE, FIRST_ADDRESS, RESERVED
from cellctl_components.azure.facts import web_gateway
from cellctl_components.azure.seen import MANAGERS, PROBES, Seen
from cellctl_components.azure.zones import QUEUE_ZONES
from cellctl_components.layout import Json, facts

if TYPE_CHECKING:
    from cellctl_components.azure.site import Asked

_ENDPOINT_PORTS = (443, 445, 1433)
_QUEUE_PORT = 10000
_FIELDS = {
    "nodes": "subnets",
    "endpoints": "databaseSubnets",
    "ingress": "balancerSubnets",
    "gateway": "gatewaySubnets",
}
_GATEWAYS = "Microsoft.Network/applicationGateways"


def objections(asked: Asked, seen: Seen, *, exists: bool) -> Iterator[Objection]:
    """Yield everything that keeps a cell out; `exists`: some of it is in already."""
    if asked.existing is not None:
        yield from _network(asked, seen)
        if seen.network is not None:
            yield from _subnets(asked, seen)
            yield from _ways(asked, seen)
            yield from _groups(asked, seen)
            yield from _zones(asked, seen, exists=exists)
            if asked.subnet("gateway"):
                yield from _gateway_subnet(asked, seen)
            if asked.places:
                yield from _reef_subnets(asked, seen, exists=exists)
    if asked.zone:
        yield from _zone(asked, seen, exists=exists)
    if asked.key:
        yield from _key(asked, seen)
    if asked.certificate:
        yield from _certificate(asked, seen)
    if asked.isolated:
        yield from _isolation(seen)


def _no(code: str, reason: str, remedy: str) -> Objection:
    return Objection(code=code, reason=reason, remedy=remedy)


def _network(asked: Asked, seen: Seen) -> Iterator[Objection]:
    there = asked.existing
    assert there is not None
    if seen.network is None:
        remedy = "set network.existing.id to a network that this subscription's role may read; `az network vnet list`"
        yield _no("network_missing", f"there is no virtual network {there.id}", remedy)
        return
    location = str(at(seen.network, "location") or "").lower().replace(" ", "")
    if location != asked.region:
        reason = f"{_short(there.id)} is in {location}, and the cell in {asked.region}"
        yield _no("network_elsewhere", reason, "machines and private endpoints must be in their network's region")


def _subnets(asked: Asked, seen: Seen) -> Iterator[Objection]:
    for role, field in _FIELDS.items():
        subnet = asked.subnet(role)
        if not subnet:
            continue
        found = seen.subnet(subnet)
        if found is None:
            remedy = f"az network vnet subnet list --ids {asked.existing.id if asked.existing else ''}"
            yield _no("subnet_missing", f"there is no subnet {_short(subnet)} (network.existing.{field})", remedy)
            continue
        owner = next((str(at(one, "serviceName")) for one in every(found, "delegations.*")), "")
        if owner and (role, owner) != ("gateway", _GATEWAYS):
            reason = f"{_short(subnet)} is delegated to {owner}, which lets nothing else in"
            yield _no("subnet_delegated", reason, f"name another subnet as network.existing.{field}")


def _ways(asked: Asked, seen: Seen) -> Iterator[Objection]:
    subnet = asked.subnet("nodes")
    if seen.subnet(subnet) is None:
        return
    way = seen.way_out(subnet)
    known = facts("azure", "site")["routes"]["ways"]
    leads = known.get(way, way) if isinstance(known, dict) else way
    remedy = "give the subnet a NAT gateway, or route 0.0.0.0/0 to a firewall: nodes fetch Octopus, and deploy"
    if not way:
        yield _no("no_way_out", f"{_short(subnet)} has no NAT gateway, and no outbound access by default", remedy)
    elif leads in ("nowhere", "internet"):
        reason = f"0.0.0.0/0 of {_short(subnet)} leads to {way}, and nodes have no public address"
        yield _no("no_way_out", reason, remedy)


def _groups(asked: Asked, seen: Seen) -> Iterator[Objection]:
    """The network's own groups are others': what they close the cell cannot open."""
    nodes, endpoints = asked.subnet("nodes"), asked.subnet("endpoints")
    gateway = seen.range_of(asked.subnet("gateway"))
    people = [(PROBES, 80), *((source, 443) for source in asked.allow)]
    web = [(gateway, 443), *(people if asked.places else [])] if gateway else people
    for source, port in (*web, *((source, 10943) for source in asked.allow)):
        rule = seen.closed(nodes, source, port)
        if rule:
            reason = f"the group of {_short(nodes)} keeps {source} from port {port} of nodes (rule {rule})"
            yield _no("group_closed", reason, f"admit {source} to TCP {port} in that group")
    block = seen.range_of(nodes)
    if not block or at(seen.subnet(endpoints), "privateEndpointNetworkPolicies") in (None, "Disabled"):
        return  # groups do not judge what goes to private endpoints there
    # A reef takes cells with a queue where its network resolves theirs.
    queued = asked.queued and (not asked.places or any(map(seen.zone_id, QUEUE_ZONES.values())))
    for port in (*_ENDPOINT_PORTS, *((_QUEUE_PORT,) if queued else ())):
        rule = seen.closed(endpoints, block, port)
        if rule:
            reason = f"the group of {_short(endpoints)} keeps nodes from port {port} of private endpoints (rule {rule})"
            yield _no("group_closed", reason, f"admit {block} to TCP {port} in that group")


def _reef_subnets(asked: Asked, seen: Seen, *, exists: bool) -> Iterator[Objection]:
    """A reef counts the addresses in two subnets, which it has to itself: Azure reserves none for it."""
    needed = {"nodes": FIRST_ADDRESS + ADDRESSES_OF_PLACE * asked.places, "ingress": RESERVED + asked.places}
    for role, count in needed.items():
        subnet = asked.subnet(role)
        name, cidr = _short(subnet), seen.range_of(subnet)
        if cidr and ipaddress.IPv4Network(cidr).num_addresses <= count:
            reason = f"{name} is {cidr}, and {role} of {asked.places} cells need {count} addresses"
            yield _no("subnet_small", reason, f"name a larger subnet as network.existing.{_FIELDS[role]}")
        others = [] if exists else [*seen.addresses(subnet)]
        if others:
            reason = f"somebody has {others[0]} in {name}, where a reef counts the addresses of its cells"
            yield _no("subnet_occupied", reason, f"name a subnet of its own as network.existing.{_FIELDS[role]}")


def _gateway_subnet(asked: Asked, seen: Seen) -> Iterator[Objection]:
    """What an application gateway demands of its subnet (learn.microsoft.com, infrastructure configuration)."""
    subnet, name = asked.subnet("gateway"), _short(asked.subnet("gateway"))
    found, cidr = seen.subnet(subnet), seen.range_of(subnet)
    if found is None or not cidr:
        return
    most = web_gateway().capacity[1]
    least = RESERVED + most + 2  # its own address, and the last, which Azure keeps too
    if ipaddress.IPv4Network(cidr).num_addresses < least:
        reason = f"{name} is {cidr}, and a gateway of {most} instances needs {least} addresses"
        yield _no("subnet_small", reason, "name a larger subnet as network.existing.gatewaySubnets; a /24 is advised")
    if asked.isolated:
        yield from _isolated_subnet(subnet, found, seen)
    yield from _gateway_group(asked, seen)


def _isolated_subnet(subnet: str, found: Json, seen: Seen) -> Iterator[Objection]:
    """What it demands besides where it has no public address; who else the subnet is delegated to is said before."""
    name = _short(subnet)
    if not [*every(found, "delegations.*")]:
        remedy = f"az network vnet subnet update --ids {subnet} --delegations {_GATEWAYS}"
        yield _no("subnet_undelegated", f"{name} is not delegated to {_GATEWAYS}, and the gateway is internal", remedy)
    vaults = "Microsoft.KeyVault" in every(found, "serviceEndpoints.*.service")
    if not vaults and seen.way_out(subnet) != "nat":
        remedy = f"az network vnet subnet update --ids {subnet} --service-endpoints Microsoft.KeyVault"
        yield _no("no_way_out", f"a gateway in {name} cannot reach Key Vault for its certificate", remedy)


def _gateway_group(asked: Asked, seen: Seen) -> Iterator[Objection]:
    subnet = asked.subnet("gateway")
    managers = () if asked.isolated else ((MANAGERS, 65200), (MANAGERS, 65535))
    for source, port in (*((source, 443) for source in asked.allow), *managers, (PROBES, 443)):
        rule = seen.closed(subnet, source, port)
        if rule:
            reason = f"the group of {_short(subnet)} keeps {source} from port {port} of gateways (rule {rule})"
            yield _no("group_closed", reason, f"admit {source} to TCP {port} in that group")


def _zones(asked: Asked, seen: Seen, *, exists: bool) -> Iterator[Objection]:
    there = asked.existing
    assert there is not None
    own = [] if there.private_zones or exists else [*asked.zones.values()]
    for name in asked.zones.values() if there.private_zones else ():
        if not seen.zone_id(name):
            if asked.places and name in QUEUE_ZONES.values():
                continue  # then no cell with a queue comes onto that reef
            remedy = f"make it there, and link it to {_short(there.id)}; or leave privateZones out"
            yield _no("zone_missing", f"{_short(there.private_zones or '')} has no private zone {name}", remedy)
        elif there.id.lower() not in seen.zone_networks(name):
            remedy = f"az network private-dns link vnet create --zone-name {name} --virtual-network {there.id} …"
            yield _no("zone_unseen", f"private zone {name} is not linked to {_short(there.id)}", remedy)
    for name in own:
        if there.id.lower() in seen.zone_networks(name):
            group = seen.zone_id(name).lower().partition("/providers/")[0]
            remedy = f"set network.existing.privateZones to its resource group ({group})"
            yield _no("zone_taken", f"{_short(there.id)} resolves a private zone {name} already", remedy)
    if not asked.zone and not exists and there.id.lower() in seen.zone_networks(asked.host):
        remedy = "use another ingress.host, or name that zone as ingress.zone"
        yield _no("zone_taken", f"{_short(there.id)} resolves a private zone {asked.host} already", remedy)


def _zone(asked: Asked, seen: Seen, *, exists: bool) -> Iterator[Objection]:
    if seen.zone is None:
        remedy = "set ingress.zone to the id of a private zone; `az network private-dns zone list --query [].id`"
        yield _no("zone_missing", f"there is no private zone {asked.zone}", remedy)
        return
    name = asked.zone.rpartition("/")[2].lower()
    if asked.host != name and not asked.host.endswith(f".{name}"):
        remedy = f"use an ingress.host below {name}, or another zone"
        yield _no("zone_foreign", f"zone {name} cannot hold {asked.host}", remedy)
    linked = {str(one).lower() for one in every(seen.zone, "networks.*")}
    if asked.existing is not None and asked.existing.id.lower() not in linked:
        remedy = f"az network private-dns link vnet create --zone-name {name} --virtual-network {asked.existing.id} …"
        yield _no("zone_unseen", f"private zone {name} is not linked to {_short(asked.existing.id)}", remedy)
    wanted = (asked.host, *([f"polling.{asked.host}"] if asked.certificate else []))
    for host in () if exists else (one for one in wanted if one in seen.records()):
        remedy = "use another ingress.host, or remove the record"
        yield _no("record_taken", f"zone {name} has a record for {host} already", remedy)


def _key(asked: Asked, seen: Seen) -> Iterator[Objection]:
    """What Azure SQL and Azure Files demand of a key and its vault."""
    name = "/".join(asked.key.split("/")[-3:])
    if seen.key is None:
        remedy = "set protection.key to the id of a key that is there; `az keyvault key list`"
        yield _no("key_missing", f"there is no key {name}", remedy)
        return
    wrong = {
        "is disabled": at(seen.key, "attributes.enabled") is False,
        "is no RSA key of 2048 or 3072 bits": not _sealing(seen),
    }
    for reason in (said for said, is_so in wrong.items() if is_so):
        remedy = "name an enabled RSA key of 2048 or 3072 bits: the database takes no other"
        yield _no("key_unusable", f"{name} {reason}", remedy)
    lacks = {
        "purge protection": at(seen.vault, "enablePurgeProtection") is not True,
        "role assignments instead of access policies": at(seen.vault, "enableRbacAuthorization") is not True,
    }
    for what in (said for said, is_so in lacks.items() if is_so):
        remedy = "az keyvault update --enable-purge-protection true --enable-rbac-authorization true"
        yield _no("key_vault", f"the vault of {name} has no {what}", remedy)
    asked_of = (at(seen.vault, "publicNetworkAccess"), at(seen.vault, "networkAcls.defaultAction"))
    closed = any(one in ("Disabled", "Deny") for one in asked_of)
    if closed and at(seen.vault, "networkAcls.bypass") != "AzureServices":
        remedy = "az keyvault update --bypass AzureServices: database and files open the key from outside your networks"
        yield _no("key_vault", f"the vault of {name} lets trusted services of Azure not in", remedy)


def _isolation(seen: Seen) -> Iterator[Objection]:
    """Azure refuses an application gateway without a public address to who has not asked for it."""
    if seen.isolation != "Registered":
        feature = "EnableApplicationGatewayNetworkIsolation"
        reason = f"Microsoft.Network/{feature}, without which a gateway needs a public address, is {seen.isolation}"
        remedy = f"az feature register --namespace Microsoft.Network --name {feature}, and half an hour"
        yield _no("gateway_unregistered", reason, remedy)


def _certificate(asked: Asked, seen: Seen) -> Iterator[Objection]:
    """What an application gateway demands of the vault of its certificate."""
    host, _, name = asked.certificate.removeprefix("https://").partition("/secrets/")
    vault = seen.certificate_vault
    if vault is None:
        remedy = "name one of this subscription; `az keyvault list --query [].properties.vaultUri`"
        yield _no("certificate_missing", f"there is no vault {host} in this subscription", remedy)
        return
    if seen.certificate is None:
        remedy = f"az keyvault certificate import --vault-name {host.partition('.')[0]} --name {name} --file web.pfx"
        yield _no("certificate_missing", f"vault {host} has no secret {name}", remedy)
    if at(vault, "enableRbacAuthorization") is not True:
        remedy = "az keyvault update --enable-rbac-authorization true: the gateway gets a role on this one secret"
        yield _no("certificate_vault", f"vault {host} does not look at role assignments", remedy)
    closed = any(at(vault, key) in ("Disabled", "Deny") for key in ("publicNetworkAccess", "networkAcls.defaultAction"))
    if closed and at(vault, "networkAcls.bypass") != "AzureServices":
        remedy = "az keyvault update --bypass AzureServices: the gateway's managers open it from outside your networks"
        yield _no("certificate_vault", f"vault {host} lets trusted services of Azure not in", remedy)


def _sealing(seen: Seen) -> bool:
    kind = str(at(seen.key, "kty") or "").upper()
    return kind in ("RSA", "RSA-HSM") and at(seen.key, "keySize") in (None, 2048, 3072)


def _short(id: str) -> str:
    return id.rpartition("/")[2]
