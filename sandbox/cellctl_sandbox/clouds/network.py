"""Free addresses in simulated networks."""

from __future__ import annotations

import hashlib
import ipaddress
import sqlite3

from cellctl.facts.conditions import at
from cellctl.state.values import Struct, Value

RESERVED = 4
"""Both clouds keep the first four addresses of a subnet. Source: VPC and VNet user guides, 2026-11."""


def free_address(rows: sqlite3.Connection, uid: str, properties: Struct, reference: str, seed: str) -> str | None:
    """Return an address of the network that nobody was given yet, None if it has no range or no free one.

    The first choice depends on `seed` alone; if it is taken, the next free one counts. An address is never given twice.
    """
    block = _block(properties, reference)
    if block is None:
        return None
    network = ipaddress.ip_network(block, strict=False)
    room = network.num_addresses - RESERVED - 1
    if room < 1:
        return None
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4]) % room
    for step in range(min(room, 65536)):
        address = str(network[RESERVED + (start + step) % room])
        key = f"address/{uid}/{address}"
        if rows.execute("SELECT 1 FROM counters WHERE name = ?", (key,)).fetchone() is None:
            rows.execute("INSERT INTO counters VALUES (?, 1)", (key,))
            return address
    return None


def _block(properties: Struct, reference: str) -> str | None:
    """Return the range of a subnet object, or of the subnet that an ARM id names inside a virtual network."""
    for path in ("cidrBlock", "addressPrefix"):
        value = at(properties, path)
        if isinstance(value, str):
            return value
    name = reference.rpartition("/")[2].lower()
    subnets: Value = at(properties, "subnets")
    for subnet in subnets if isinstance(subnets, list) else []:
        if str(at(subnet, "name")).lower() == name:
            prefix = at(subnet, "addressPrefix") or at(subnet, "addressPrefixes.0")
            return prefix if isinstance(prefix, str) else None
    return None
