"""What a cell finds in a subscription and does not own: a virtual network, private zones. Pure; others look.

Three steps: `asked` says what to look at, a host looks and answers (`seen`), `settled` judges that and makes of it the
site, JSON-like data which is frozen into the stack (docs/adr/0008). `SiteLayout` is the site as a layout has it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cellctl.errors import GuardError, Objection, Problem, SpecError
from cellctl.facts.conditions import at
from cellctl_components import naming
from cellctl_components.azure import site_rules
from cellctl_components.azure.addresses import PLACES_OF_HOST, RESERVED
from cellctl_components.azure.seen import Seen
from cellctl_components.azure.zones import service_zones
from cellctl_components.layout import Json, facts

if TYPE_CHECKING:
    from cellctl.spec import CellSpec
    from cellctl.spec.model import ExistingNetwork
    from cellctl.spec.reef import ReefSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyLayout:
    """A key of others that seals a cell's data: its id, its vault's URI, its name, and the version that was there."""

    id: str
    vault_uri: str
    name: str
    version: str

    @property
    def uri(self) -> str:
        """The key's URI with its version."""
        return f"{self.vault_uri}keys/{self.name}/{self.version}"

    @property
    def server_key(self) -> str:
        """What Azure SQL calls the key."""
        vault = self.vault_uri.removeprefix("https://").partition(".")[0]
        return f"{vault}_{self.name}_{self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteLayout:
    """What a cell uses and does not own. Ids of Azure; empty where it has its own.

    `block` is the range of its nodes in subnet `nodes`, `entry` the address of its load balancer in subnet `ingress`.
    `zones` maps a private endpoint's group to its zone. `zone` is where the cell's name is; `link`: to its
    own network. `certificate_vault` is the vault of which an application gateway takes its certificate, `gateway_cidr`
    the range of the subnet that it is in there, `gateway_entry` its address where it has no public one. A reef has
    subnets `nodes` and `ingress` to itself: `ranges` are theirs, and it has neither block nor entry.
    """

    network: str
    subnets: Mapping[str, str]
    block: str
    entry: str
    zones: Mapping[str, str]
    zone: str
    link: bool
    key: KeyLayout | None = None
    certificate_vault: str = ""
    gateway_cidr: str = ""
    gateway_entry: str = ""
    ranges: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What to look at; `owner` is the stack. `allow` may reach its nodes, if the network's own groups let it.

    `isolated`: its application gateway has no public address, for which a subscription registers. `places`: of a reef,
    how many cells have their addresses in its subnets, 0 for a cell.
    """

    owner: str
    region: str
    host: str
    allow: tuple[str, ...]
    block: int
    existing: ExistingNetwork | None = None
    zone: str = ""
    key: str = ""
    queued: bool = False
    certificate: str = ""
    isolated: bool = False
    places: int = 0

    @property
    def zones(self) -> Mapping[str, str]:
        """The private zones of the services that the cell uses."""
        return service_zones(queued=self.queued)

    def subnet(self, role: str) -> str:
        """Return the id of the subnet of `nodes`, `endpoints`, `ingress` or `gateway`, `` where the cell needs none."""
        there = self.existing
        if there is None:
            return ""
        if role == GATEWAY:
            return next(iter(there.gateway_subnets), "") if self.certificate or self.places else ""
        other = {"endpoints": there.database_subnets, "ingress": there.balancer_subnets}
        return next(iter(other.get(role) or there.subnets))

    def question(self) -> dict[str, Json]:
        """Return what a host is asked, as JSON-like data."""
        there = self.existing
        return {
            "region": self.region,
            "network": there.id if there else "",
            "privateZones": (there.private_zones or "") if there else "",
            "names": [*self.zones.values(), self.host] if there else [],
            "zone": self.zone,
            "key": self.key,
            "certificate": self.certificate,
            "isolation": self.isolated,
        }


GATEWAY = "gateway"
ROLES = ("nodes", "endpoints", "ingress", GATEWAY)
"""What a subnet of an existing network is for; the last only where the web is behind an application gateway."""


def asked(spec: CellSpec) -> Asked:
    """Return what a file names that is there already."""
    body = spec.spec
    block = facts("azure", "site")["addresses"]["block"]
    assert isinstance(block, int)
    return Asked(
        owner=f"cell-{spec.metadata.name}",
        region=body.region,
        host=body.ingress.host,
        allow=tuple(body.ingress.allow),
        block=block,
        existing=body.network.existing,
        zone=body.ingress.zone or "",
        key=body.protection.key or "",
        queued=body.ingress.polling == "redis",
        certificate=_certificate(spec),
        isolated=bool(_certificate(spec)) and body.ingress.exposure == "internal",
    )


def _asked_of_reef(spec: ReefSpec) -> Asked:
    """Return what a reef's file names. Any cell on it may come with a queue."""
    body = spec.spec
    return Asked(
        owner=f"reef-{spec.metadata.name}",
        region=body.region,
        host="",
        allow=tuple(body.ingress.allow),
        block=0,
        existing=body.network.existing,
        key=body.protection.key or "",
        queued=True,
        isolated=bool(body.network.existing and body.network.existing.gateway_subnets)
        and body.ingress.exposure == "internal",
        places=PLACES_OF_HOST * body.database.hosts,
    )


def _certificate(spec: CellSpec) -> str:
    """Return the secret of which an application gateway takes its certificate, `` where there is none."""
    ingress = spec.spec.ingress
    return ingress.certificate or "" if ingress.balancer == "application_gateway" else ""


def settle(
    spec: CellSpec | ReefSpec,
    look: Callable[[Mapping[str, Json]], dict[str, Json]],
    *,
    exists: bool,
    place: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    """Look and settle (`cellctl.clouds.SettleFunction`); raises GuardError."""
    del place
    wanted = _asked_of_reef(spec) if spec.kind == "Reef" else asked(spec)
    return settled(wanted, look(wanted.question()), exists=exists)


def settled(asked: Asked, answer: dict[str, Json], *, exists: bool) -> dict[str, Json]:
    """Return the site of what a host has answered: what layouts need, and nothing that changes from day to day.

    `exists`: something of the stack is there already, and may be among what was seen.

    Raises:
        GuardError: The subscription does not have it as a cell needs it; every objection is listed.
    """
    seen = Seen(answer)
    objections = [*site_rules.objections(asked, seen, exists=exists)]
    block, entry, full = ("", "", []) if asked.places else _own(asked, seen)
    objections += full
    gateway, its_own = asked.subnet(GATEWAY), ""
    if asked.isolated and not asked.places and seen.subnet(gateway) is not None:
        its_own = _last(seen, gateway)
        objections += [] if its_own else [_full(gateway, "no free address for the gateway")]
    if objections:
        raise GuardError(objections)
    shared = asked.existing is not None and asked.existing.private_zones
    return {
        "network": asked.existing.id if asked.existing else "",
        "subnets": {role: found for role in ROLES if (found := asked.subnet(role))},
        "block": block,
        "entry": entry,
        "zones": {group: found for group, name in asked.zones.items() if shared and (found := seen.zone_id(name))},
        "zone": asked.zone,
        "link": bool(asked.zone) and asked.existing is None,
        **({"key": asked.key, "keyVersion": seen.key_version} if asked.key else {}),
        **({"certificateVault": str(at(seen.certificate_vault, "id"))} if asked.certificate else {}),
        **({"gatewayCidr": seen.range_of(gateway), "gatewayEntry": its_own} if gateway and not asked.places else {}),
        **({"ranges": _ranges(asked, seen)} if asked.places and asked.existing else {}),
    }


def _own(asked: Asked, seen: Seen) -> tuple[str, str, list[Objection]]:
    """Return the block of a cell's nodes and its load balancer's address, and which subnet has no room for them."""
    nodes, ingress = asked.subnet("nodes"), asked.subnet("ingress")
    block, entry, full = _block(asked, seen), "", list[Objection]()
    if asked.existing is not None and seen.subnet(nodes) is not None and not block:
        full.append(_full(nodes, f"no free aligned block of {asked.block} addresses for nodes"))
    if asked.existing is not None and seen.subnet(ingress) is not None:
        entry = _free(asked, seen, ingress, block)
        full += [] if entry else [_full(ingress, "no free address for the load balancer")]
    return block, entry, full


def _ranges(asked: Asked, seen: Seen) -> dict[str, Json]:
    return {role: seen.range_of(asked.subnet(role)) for role in ("nodes", "ingress", GATEWAY) if asked.subnet(role)}


def site_of(spec: CellSpec, site: Mapping[str, Json] | None) -> SiteLayout | None:
    """Return the site of a file that names something that is there, None for one that names nothing.

    Raises:
        SpecError: Nobody has looked yet.
    """
    body, given = spec.spec, site or {}
    named = (body.network.existing, body.ingress.zone, body.protection.key, _certificate(spec) or None)
    if all(one is None for one in named):
        return None
    if "network" not in given:
        message = "nobody has looked yet at what this file names in the subscription"
        raise SpecError([Problem(field="spec.network.existing", message=message, hint="cellctl preview looks")])
    return of_found(given)


def of_found(given: Mapping[str, Json]) -> SiteLayout:
    """Return a site as a layout has it, of what `settled` made."""
    return SiteLayout(
        network=str(given["network"]),
        subnets=_texts(given.get("subnets")),
        block=str(given.get("block") or ""),
        entry=str(given.get("entry") or ""),
        zones=_texts(given.get("zones")),
        zone=str(given.get("zone") or ""),
        link=given.get("link") is True,
        key=key_of(given),
        certificate_vault=str(given.get("certificateVault") or ""),
        gateway_cidr=str(given.get("gatewayCidr") or ""),
        gateway_entry=str(given.get("gatewayEntry") or ""),
        ranges=_texts(given.get("ranges")),
    )


def key_of(site: Mapping[str, Json]) -> KeyLayout | None:
    """Return the key of a site, None where its file names none."""
    id, version = str(site.get("key") or ""), str(site.get("keyVersion") or "")
    words = id.split("/")
    if len(words) < 4:
        return None
    return KeyLayout(id=id, vault_uri=f"https://{words[-3]}.vault.azure.net/", name=words[-1], version=version)


def _texts(value: Json) -> dict[str, str]:
    return {key: str(item) for key, item in value.items()} if isinstance(value, dict) else {}


def _block(asked: Asked, seen: Seen) -> str:
    """Return an aligned block of a subnet in which nobody has an address, `` where there is none.

    Azure reserves nothing: that a cell's first nodes are in it is what keeps other cells out. Each begins to look
    elsewhere, so that two that look at the same moment hardly take the same one.
    """
    subnet = asked.subnet("nodes")
    cidr, size = seen.range_of(subnet), asked.block
    if not cidr or ipaddress.IPv4Network(cidr).num_addresses < 2 * size:
        return ""
    blocks = [*ipaddress.IPv4Network(cidr).subnets(new_prefix=32 - (size.bit_length() - 1))]
    first, taken = _turn(asked, len(blocks)), _taken(seen, subnet, cidr)
    for block in (*blocks[first:], *blocks[:first]):
        if not any(low in block for low in taken):
            return str(block)
    return ""


def _free(asked: Asked, seen: Seen, subnet: str, block: str) -> str:
    """Return an address that nobody has; in the nodes' own subnet the last one, far from most blocks."""
    cidr = seen.range_of(subnet)
    if not cidr:
        return ""
    whole, taken = ipaddress.IPv4Network(cidr), _taken(seen, subnet, cidr)
    own = ipaddress.IPv4Network(block) if block else None
    free = [one for one in whole if one not in taken and (own is None or one not in own)]
    if not free:
        return ""
    return str(free[-1] if subnet == asked.subnet("nodes") else free[_turn(asked, len(free))])


def _last(seen: Seen, subnet: str) -> str:
    """Return the last address that nobody has: gateways' instances take theirs from the beginning, unseen."""
    cidr = seen.range_of(subnet)
    taken = _taken(seen, subnet, cidr)
    return str(next((one for one in reversed([*ipaddress.IPv4Network(cidr)]) if one not in taken), ""))


def _taken(seen: Seen, subnet: str, cidr: str) -> set[ipaddress.IPv4Address]:
    whole = ipaddress.IPv4Network(cidr)
    taken = {ipaddress.IPv4Address(one) for one in seen.addresses(subnet)}
    kept: Sequence[int] = (*range(min(RESERVED, whole.num_addresses)), whole.num_addresses - 1)
    return taken | {whole.network_address + offset for offset in kept}


def _turn(asked: Asked, count: int) -> int:
    return int.from_bytes(naming.digest(asked.owner, length=4).encode()) % count


def _full(subnet: str, reason: str) -> Objection:
    return Objection(
        code="subnet_full",
        reason=f"{subnet.rpartition('/')[2]} has {reason}",
        remedy="name a larger or emptier subnet of this network",
    )
