"""What a host saw in a subscription, as questions that rules ask. Pure.

The answer holds documents of Azure Resource Manager with their `properties` lifted: `network`, `groups` and `tables`
(of its subnets), `addresses` (who has which address in it), `zones` (private zones of the asked names, with the
networks that they are linked to), `zone` and the `records` in it, `key` and its `vault`, `certificate` and its
`certificateVault`, and the `isolation` of gateways. What is not there is absent.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from cellctl.facts.conditions import at, every
from cellctl_components.layout import Json

PROBES, MANAGERS = "AzureLoadBalancer", "GatewayManager"
_TAGS = (PROBES, MANAGERS)


class Seen:
    """One answer of `SiteReader.look`."""

    def __init__(self, answer: Mapping[str, Json]) -> None:
        self._answer = dict(answer)

    @property
    def network(self) -> Json:
        """The virtual network, None where there is none."""
        return self._answer.get("network")

    @property
    def zone(self) -> Json:
        """The private zone for the cell's name, None where there is none."""
        return self._answer.get("zone")

    @property
    def key(self) -> Json:
        """The key that is to seal data, None where there is none."""
        return self._answer.get("key")

    @property
    def vault(self) -> Json:
        """The key's vault."""
        return self._answer.get("vault")

    @property
    def key_version(self) -> str:
        """The key's newest version."""
        return str(at(self.key, "keyUriWithVersion") or "").rpartition("/")[2]

    @property
    def certificate_vault(self) -> Json:
        """The vault of the web's certificate, None where there is none."""
        return self._answer.get("certificateVault")

    @property
    def certificate(self) -> Json:
        """The secret with the web's certificate, None where there is none."""
        return self._answer.get("certificate")

    @property
    def isolation(self) -> str:
        """How the subscription stands to gateways without a public address: Registered, or something else."""
        return str(self._answer.get("isolation") or "NotRegistered")

    def records(self) -> tuple[str, ...]:
        """Return which of the cell's names the zone has records for."""
        return tuple(str(one) for one in every(self._answer, "records.*"))

    def subnet(self, id: str) -> Json:
        """Return a subnet of the network, None where there is none."""
        name = id.rpartition("/")[2].lower()
        found = (one for one in every(self.network, "subnets.*") if str(at(one, "name")).lower() == name)
        return next(found, None) if name else None

    def range_of(self, subnet: str) -> str:
        """Return the range of a subnet, `` where there is none: Azure writes one in a list, or as itself."""
        found = self.subnet(subnet)
        return str(at(found, "addressPrefix") or next(iter(every(found, "addressPrefixes.*")), "") or "")

    def addresses(self, subnet: str) -> Iterator[str]:
        """Yield the addresses that somebody has in a subnet."""
        for row in every(self._answer, "addresses.*"):
            if str(at(row, "subnet")).lower() == subnet.lower() and at(row, "address"):
                yield str(at(row, "address"))

    def way_out(self, subnet: str) -> str:
        """Return how a subnet leads out: nat, a next hop of its table, implicit; `` for no way."""
        found = self.subnet(subnet)
        table = self._named("tables", str(at(found, "routeTable.id") or ""))
        for route in every(table, "routes.*"):
            if at(route, "addressPrefix") == "0.0.0.0/0":
                return str(at(route, "nextHopType") or "")
        if at(found, "natGateway.id"):
            return "nat"
        return "implicit" if found is not None and at(found, "defaultOutboundAccess") is not False else ""

    def closed(self, subnet: str, source: str, port: int) -> str:
        """Return the name of the rule of a subnet's group that keeps a source from a port, `` if none does."""
        group = self._named("groups", str(at(self.subnet(subnet), "networkSecurityGroup.id") or ""))
        if group is None:
            return ""
        rules = [rule for rule in every(group, "securityRules.*") if at(rule, "direction") == "Inbound"]
        for rule in sorted(rules, key=lambda one: _whole(at(one, "priority"))):
            if _of(rule, source) and _covers(rule, port) and str(at(rule, "protocol")).lower() in ("*", "tcp"):
                return "" if at(rule, "access") == "Allow" else str(at(rule, "name"))
        # Azure's own last rules admit the network and attached ones, and probes.
        if source in _TAGS:
            return "" if source == PROBES else "DenyAllInBound"
        return "" if ipaddress.IPv4Network(source).is_private else "DenyAllInBound"

    def zone_id(self, name: str) -> str:
        """Return the id of a private zone of the asked names, `` where there is none."""
        return str(at(self._zone(name), "id") or "")

    def zone_networks(self, name: str) -> tuple[str, ...]:
        """Return the ids of the networks that such a zone is linked to, in lower case."""
        return tuple(str(one).lower() for one in every(self._zone(name), "networks.*"))

    def _zone(self, name: str) -> Json:
        found = (one for one in every(self._answer, "zones.*") if str(at(one, "name")).lower() == name)
        return next(found, None)

    def _named(self, kind: str, id: str) -> Json:
        found = (one for one in every(self._answer, f"{kind}.*") if str(at(one, "id")).lower() == id.lower())
        return next(found, None) if id else None


def _either(rule: Json, one: str, many: str) -> tuple[str, ...]:
    found = at(rule, one)
    return (*((found,) if isinstance(found, str) and found else ()), *(str(each) for each in every(rule, f"{many}.*")))


def _of(rule: Json, source: str) -> bool:
    for prefix in _either(rule, "sourceAddressPrefix", "sourceAddressPrefixes"):
        if prefix in ("*", "0.0.0.0/0", source):
            return True
        if source not in _TAGS and prefix == "VirtualNetwork":
            return ipaddress.IPv4Network(source).is_private
        if source not in _TAGS and prefix[:1].isdigit():
            return ipaddress.IPv4Network(source).subnet_of(ipaddress.IPv4Network(prefix))
    return False


def _covers(rule: Json, port: int) -> bool:
    for entry in _either(rule, "destinationPortRange", "destinationPortRanges"):
        first, _, last = entry.partition("-")
        if entry == "*" or int(first) <= port <= int(last or first):
            return True
    return False


def _whole(value: Json) -> int:
    return int(value) if isinstance(value, int | float) else 0
