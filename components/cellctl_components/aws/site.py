"""What a cell or reef finds in an account and does not own: a network, a hosted zone, a key. Pure; others look.

Three steps: `asked` says what to look at, a host looks and answers (`seen`), `settled` judges that and makes of it the
site, JSON-like data which is frozen into the stack (docs/adr/0008). `SiteLayout` is the site as a layout has it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cellctl.errors import GuardError, Objection, Problem, SpecError
from cellctl.facts.conditions import at
from cellctl_components import naming
from cellctl_components.aws import site_rules, sizing
from cellctl_components.aws.layout import SiteLayout, Zone
from cellctl_components.layout import Json, facts

if TYPE_CHECKING:
    from cellctl.spec import CellSpec
    from cellctl.spec.model import ExistingNetwork
    from cellctl.spec.reef import ReefSpec

GATEWAY_OFFSET, NODES_OFFSET = 1, 1
"""Where the gateway is in a cell's block of addresses, and before which its nodes begin."""

_TIERS = ("ingress", "nodes", "data")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What to look at. `network` is the VPC that a zone must answer in, whether it is there (`existing`) or a reef's.

    `owner` marks what is reserved for this stack. `block` is how many addresses it takes in each of `nodes`' subnets.
    """

    owner: str
    region: str
    prefix: str
    hosts: tuple[str, ...]
    network: str = ""
    existing: ExistingNetwork | None = None
    public: bool = False
    block: int = 0
    zone: str = ""
    key: str = ""

    def subnets(self, tier: str) -> tuple[str, ...]:
        """Return the ids of a tier's subnets, in the order of the file."""
        there = self.existing
        if there is None:
            return ()
        other = {"ingress": there.balancer_subnets, "data": there.database_subnets}
        return other.get(tier, ()) or there.subnets

    def question(self) -> dict[str, Json]:
        """Return what a host is asked, as JSON-like data."""
        named = list(dict.fromkeys(one for tier in _TIERS for one in self.subnets(tier)))
        return {
            "region": self.region,
            "network": self.network,
            "subnets": [*named],
            "endpoint": (self.existing.gateway_endpoint or "") if self.existing else "",
            "zone": self.zone,
            "names": [*self.hosts],
            "key": self.key,
        }


def asked(spec: CellSpec | ReefSpec, place: Mapping[str, Json] | None = None) -> Asked:
    """Return what a file names that is there already; `place` is a cell's on its reef."""
    body, name = spec.spec, spec.metadata.name
    existing, key = body.network.existing, body.protection.key or ""
    network = existing.id if existing else str((place or {}).get("network") or "")
    if spec.kind == "Reef":
        room = max(32 + 8 * spec.spec.max_cells, 32 + 80 * spec.spec.storage.gateways)
        return Asked(
            owner=f"reef-{name}", region=body.region, prefix=naming.reef_name(name, limit=255), network=network,
            hosts=(f"{name}.reef.internal",), existing=existing, block=1 << (room - 1).bit_length(), key=key,
        )  # fmt: skip
    ingress = spec.spec.ingress
    hosts = tuple(f"{prefix}{ingress.host}" for prefix in ("", "polling.", "files."))
    return Asked(
        owner=f"cell-{name}", region=body.region, prefix=naming.cell_name(name, limit=255), network=network,
        hosts=hosts, existing=existing, public=ingress.exposure == "public",
        block=sizing.one(facts("aws", "site")["addresses"], "block", int), zone=ingress.zone or "", key=key,
    )  # fmt: skip


def settle(
    spec: CellSpec | ReefSpec,
    look: Callable[[Mapping[str, Json]], dict[str, Json]],
    *,
    exists: bool,
    place: Mapping[str, Json] | None = None,
) -> dict[str, Json]:
    """Look and settle (`cellctl.clouds.SettleFunction`); raises GuardError."""
    wanted = asked(spec, place)
    return settled(wanted, look(wanted.question()), exists=exists)


def settled(asked: Asked, seen: dict[str, Json], *, exists: bool) -> dict[str, Json]:
    """Return the site of what a host has `seen`: what layouts need, and nothing that changes from day to day.

    `exists`: something of the stack is there already, and may be among what was seen.

    Raises:
        GuardError: The account does not have it as a cell needs it; every objection is listed.
    """
    objections = [*site_rules.objections(asked, seen, exists=exists)]
    objections += [] if exists else [_other(asked, one) for one in asked.subnets("nodes") if _own(asked, seen, one)]
    blocks = {subnet: block_of(asked, at(seen, f"subnets.{subnet}")) for subnet in asked.subnets("nodes")}
    objections += [_no_block(asked, subnet) for subnet, block in blocks.items() if not block and _known(seen, subnet)]
    if objections:
        raise GuardError(objections)
    return {
        "network": asked.network if asked.existing else "",
        "cidr": str(at(seen, "network.cidr") or "") if asked.existing else "",
        "zones": [_zone(asked, seen, subnet, blocks[subnet]) for subnet in asked.subnets("nodes")],
        "subnets": {tier: {_letter(seen, one): one for one in asked.subnets(tier)} for tier in _TIERS},
        "endpoint": str(at(seen, "endpoint.dns") or ""),
        "storage": str(at(seen, "storage") or ""),
        "zone": asked.zone,
        # A network of others must see the zone already: what one cell let it see would go with that cell.
        "associate": bool(asked.zone) and at(seen, "zone.private") is True and not asked.network,
        "key": asked.key,
    }


def block_of(asked: Asked, subnet: Json) -> str:
    """Return the block that a stack has or takes in a subnet, `` where nothing is free.

    Every stack begins to look elsewhere, so that two that look at the same moment hardly take the same one.
    """
    if not asked.block or not isinstance(at(subnet, "cidr"), str):
        return ""
    whole = ipaddress.IPv4Network(str(at(subnet, "cidr")))
    length = 32 - (asked.block.bit_length() - 1)
    held = [*_reservations(subnet)]
    own = [str(cidr) for cidr, owner in held if owner == asked.owner and cidr.prefixlen == length]
    if own:
        return own[0]
    if length < whole.prefixlen:
        return ""
    blocks = [*whole.subnets(new_prefix=length)]
    first = int.from_bytes(naming.digest(asked.owner, length=4).encode()) % len(blocks)
    taken = {int(ipaddress.IPv4Address(str(one))) for one in _list(at(subnet, "taken"))}
    begin = int(whole.network_address)
    taken |= {begin, begin + 1, begin + 2, begin + 3, int(whole.broadcast_address)}
    for block in (*blocks[first:], *blocks[:first]):
        low, high = int(block.network_address), int(block.broadcast_address)
        if not any(low <= one <= high for one in taken) and not any(block.overlaps(cidr) for cidr, _ in held):
            return str(block)
    return ""


def site_of(spec: CellSpec | ReefSpec, site: Mapping[str, Json] | None) -> SiteLayout | None:
    """Return the site of a file that names something that is there, None for one that names nothing.

    Raises:
        SpecError: Nobody has looked yet.
    """
    body, given = spec.spec, site or {}
    zone = spec.spec.ingress.zone if spec.kind == "Cell" else None
    if body.network.existing is None and zone is None and body.protection.key is None:
        return None
    if "network" not in given:
        message = "nobody has looked yet at what this file names in the account"
        raise SpecError([Problem(field="spec.network.existing", message=message, hint="cellctl preview looks")])
    subnets = given.get("subnets")
    return SiteLayout(
        network=str(given["network"]),
        subnets={
            tier: {letter: str(one) for letter, one in ids.items()}
            for tier, ids in (subnets if isinstance(subnets, dict) else {}).items()
            if isinstance(ids, dict)
        },
        endpoint=str(given.get("endpoint") or ""),
        storage=str(given.get("storage") or ""),
        zone=str(given.get("zone") or ""),
        associate=given.get("associate") is True,
        key=str(given.get("key") or ""),
    )


def zones_of(site: Mapping[str, Json]) -> tuple[Zone, ...]:
    """Return the zones of a frozen site. `nodes` is the stack's own block there, the others are whole subnets."""
    return tuple(
        Zone(
            letter=str(at(row, "letter")), name=str(at(row, "name")), public="", ingress=str(at(row, "ingress") or ""),
            nodes=str(at(row, "nodes")), data=str(at(row, "data") or ""),
        )
        for row in _list(site.get("zones"))
    )  # fmt: skip


def _zone(asked: Asked, seen: dict[str, Json], subnet: str, block: str) -> Json:
    letter = _letter(seen, subnet)
    row: dict[str, Json] = {"letter": letter, "name": f"{asked.region}{letter}", "nodes": block}
    for tier in ("ingress", "data"):
        there = next((one for one in asked.subnets(tier) if _letter(seen, one) == letter), "")
        row[tier] = str(at(seen, f"subnets.{there}.cidr") or "") if there else ""
    return row


def _letter(seen: dict[str, Json], subnet: str) -> str:
    return str(at(seen, f"subnets.{subnet}.zone") or "")[-1:]


def _known(seen: dict[str, Json], subnet: str) -> bool:
    return isinstance(at(seen, f"subnets.{subnet}.cidr"), str)


def _no_block(asked: Asked, subnet: str) -> Objection:
    return Objection(
        code="subnet_full",
        reason=f"{subnet} has no free aligned block of {asked.block} addresses for nodes and gateway",
        remedy="name a larger or emptier subnet of its zone",
    )


def _own(asked: Asked, seen: dict[str, Json], subnet: str) -> bool:
    return any(owner == asked.owner for _, owner in _reservations(at(seen, f"subnets.{subnet}")))


def _other(asked: Asked, subnet: str) -> Objection:
    return Objection(
        code="names_taken",
        reason=f"{subnet} has addresses that {asked.owner} of another home has reserved",
        remedy="give this one another name, or run it from where it was made",
    )


def _reservations(subnet: Json) -> Iterator[tuple[ipaddress.IPv4Network, str]]:
    for row in _list(at(subnet, "reserved")):
        yield ipaddress.IPv4Network(str(at(row, "cidr"))), str(at(row, "description") or "")


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
