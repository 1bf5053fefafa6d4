"""Names in a virtual network: private endpoints behind their zones, the network's own zones, public names."""

from __future__ import annotations

from fnmatch import fnmatchcase

from cellctl.facts.conditions import at, every
from cellctl.state.values import Value
from cellctl_sandbox.estate import Estate, text
from cellctl_sandbox.network.addresses import is_address, stand_in, within
from cellctl_sandbox.network.verdict import Names, Place, unknown
from cellctl_sandbox.standins.cloud_view import CloudObject

NETWORK = "azure-native:network:VirtualNetwork"
INTERFACE = "azure-native:network:NetworkInterface"
MACHINE = "azure-native:compute:VirtualMachine"
ENDPOINT = "azure-native:network:PrivateEndpoint"
ZONE_GROUP = "azure-native:network:PrivateDnsZoneGroup"
ZONE = "azure-native:privatedns:PrivateZone"
LINK = "azure-native:privatedns:VirtualNetworkLink"
RECORD = "azure-native:privatedns:PrivateRecordSet"
BALANCER = "azure-native:network:LoadBalancer"
GATEWAY = "azure-native:network:ApplicationGateway"
PUBLIC = "198.51.100.1"
"""Stands for any public address (TEST-NET-2, RFC 5737)."""
SERVICES = {
    "database.windows.net": ("azure-native:sql:Server", "sqlServer", "privatelink.database.windows.net"),
    "vault.azure.net": ("azure-native:keyvault:Vault", "vault", "privatelink.vaultcore.azure.net"),
    "redis.azure.net": (
        "azure-native:redisenterprise:RedisEnterprise",
        "redisEnterprise",
        "privatelink.redis.azure.net",
    ),
    "file.core.windows.net": ("azure-native:storage:StorageAccount", "file", "privatelink.file.core.windows.net"),
}
"""Public suffix -> type, subresource, private zone (Microsoft Learn, private DNS zone values, 2026-11)."""
_PUBLIC_NAMES = (
    "*.azure.com",
    "*.microsoftonline.com",
    "*.octopusdeploy.com",
    "*.microsoft.com",
    "*.docker.io",
    "*.docker.com",
    "*.ubuntu.com",
)


def resolve(estate: Estate, name: str, network: str) -> Names:
    """Return the places that a name or address leads to, asked inside `network`."""
    if is_address(name):
        return Names(places=(place_at(estate, name),))
    suffix = next((one for one in SERVICES if name.lower().endswith(f".{one}")), "")
    if suffix:
        return _service(estate, name.lower().removesuffix(f".{suffix}"), suffix, network)
    zone = _zone(estate, name, network)
    if isinstance(zone, str):
        public = any(fnmatchcase(name, pattern) for pattern in _PUBLIC_NAMES)
        return Names(places=(Place(what=name, address=PUBLIC),)) if public else Names(trouble=unknown(zone))
    return _recorded(estate, zone, name)


def machine_place(estate: Estate, machine: CloudObject) -> Place:
    """Return where a machine is: its first interface's first address."""
    interface = estate.find(text(machine, "networkProfile.networkInterfaces.0.id"))
    address, subnet = _configuration(interface)
    return _place(machine.id.rpartition("/")[2], address, subnet, machine.id)


def subnet_of(estate: Estate, subnet: str) -> Value:
    """Return the part of a network's properties that describes a subnet, None if there is none."""
    item = estate.one(NETWORK, network_of(subnet))
    name = subnet.rpartition("/")[2].lower()
    listed = item.properties.get("subnets") if item else None
    found = (one for one in (listed if isinstance(listed, list) else []) if str(at(one, "name")).lower() == name)
    return next(found, None)


def network_of(subnet: str) -> str:
    """Return the id of a subnet's network, in lower case."""
    return subnet.lower().rpartition("/subnets/")[0]


def _place(what: str, address: str, subnet: str, key: str) -> Place:
    return Place(what=what, address=address, network=network_of(subnet), subnet=subnet, key=key)


def _configuration(interface: CloudObject | None) -> tuple[str, str]:
    found = text(interface, "ipConfigurations.0.privateIPAddress") or text(
        interface, "ipConfigurations.0.privateIpAddress"
    )
    return found, text(interface, "ipConfigurations.0.subnet.id")


def place_at(estate: Estate, address: str) -> Place:
    """Return what has an address; of an application gateway the frontend, in the subnet that it is in."""
    for item in estate.all(MACHINE):
        place = machine_place(estate, item)
        if place.address == address:
            return place
    for item in (*estate.all(BALANCER), *estate.all(GATEWAY)):
        if address in {str(one) for one in every(item.properties, "frontendIPConfigurations.*.privateIPAddress")}:
            subnet = text(item, "frontendIPConfigurations.0.subnet.id")
            return _place(item.id.rpartition("/")[2], address, subnet, item.id)
    return Place(what=address, address=address)


def _service(estate: Estate, host: str, suffix: str, network: str) -> Names:
    """Return the private endpoint of a service where the network's zones lead to it, else its public address."""
    kind, part, zone_name = SERVICES[suffix]
    name = f"{host}.{suffix}"
    own = host.partition(".")[0]  # the region follows in names of queues
    target = next((item for item in estate.all(kind) if item.id.rpartition("/")[2].lower() == own), None)
    if target is None:
        return Names(trouble=unknown(f"there is no {kind.rpartition(':')[2]} {host}"))
    endpoint = next((item for item in estate.all(ENDPOINT) if target.id.lower() in _targets(item, part)), None)
    if endpoint is None:
        why = f"{name}, public: it has no private endpoint of its {part}"
        return Names(places=(Place(what=why, address=PUBLIC, key=target.id),))
    named = (item for item in estate.all(ZONE) if item.id.rpartition("/")[2] == zone_name)
    zone = next((item for item in named if _linked(estate, item, network)), None)
    if zone is None:
        why = f"zone {zone_name} is not linked to {network.rpartition('/')[2]}"
        return Names(places=(Place(what=f"{name}, public: {why}", address=PUBLIC, key=target.id),))
    if zone.id.lower() not in _recorded_in(estate, endpoint):
        return Names(trouble=unknown(f"zone {zone_name} has no record for {host}: its endpoint has no zone group"))
    subnet = text(endpoint, "subnet.id")
    block = at(subnet_of(estate, subnet), "addressPrefix")
    given = text(endpoint, "customDnsConfigs.0.ipAddresses.0")
    inside = (
        given if isinstance(block, str) and within(given, block) else stand_in(str(block or "0.0.0.0/32"), endpoint.id)
    )
    return Names(places=(_place(endpoint.id.rpartition("/")[2], inside, subnet, endpoint.id),))


def _targets(endpoint: CloudObject, part: str) -> set[str]:
    """Return the ids of the services of which an endpoint leads to one part (`file` of a storage account)."""
    found = every(endpoint.properties, "privateLinkServiceConnections.*")
    return {str(at(one, "privateLinkServiceId")).lower() for one in found if part in every(one, "groupIds")}


def _recorded_in(estate: Estate, endpoint: CloudObject) -> set[str]:
    start = endpoint.id.lower() + "/"
    groups = [item for item in estate.all(ZONE_GROUP) if item.id.lower().startswith(start)]
    return {
        str(one).lower()
        for item in groups
        for one in every(item.properties, "privateDnsZoneConfigs.*.privateDnsZoneId")
    }


def _linked(estate: Estate, zone: CloudObject, network: str) -> bool:
    start = zone.id.lower() + "/"
    return any(
        item.id.lower().startswith(start) and text(item, "virtualNetwork.id").lower() == network
        for item in estate.all(LINK)
    )


def _zone(estate: Estate, name: str, network: str) -> CloudObject | str:
    """Return the most specific zone of the network that holds a name, or why there is none."""
    why = f"no zone of {network.rpartition('/')[2]} holds {name}"
    for item in sorted(estate.all(ZONE), key=lambda one: -len(one.id)):
        zone = item.id.rpartition("/")[2].lower()
        if name == zone or name.endswith(f".{zone}"):
            if _linked(estate, item, network):
                return item
            why = f"zone {zone} is not linked to {network.rpartition('/')[2]}"
    return why


def _recorded(estate: Estate, zone: CloudObject, name: str) -> Names:
    zone_name = zone.id.rpartition("/")[2].lower()
    relative = name.removesuffix(zone_name).rstrip(".") or "@"
    start = f"{zone.id.lower()}/a/"
    for item in estate.all(RECORD):
        if item.id.lower() == start + relative:
            places = tuple(place_at(estate, str(one)) for one in every(item.properties, "aRecords.*.ipv4Address"))
            return Names(places=places) if places else Names(trouble=unknown(f"the record of {name} leads nowhere"))
    return Names(trouble=unknown(f"zone {zone_name} has no record for {name}"))
