"""Addresses and ranges."""

from __future__ import annotations

import hashlib
import ipaddress
from functools import lru_cache

from cellctl_sandbox.clouds.network import RESERVED


@lru_cache(maxsize=4096)
def within(address: str, block: str) -> bool:
    """Tell whether an address lies in a range; what is no address or no range lies nowhere."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(block, strict=False)
    except ValueError:
        return False


@lru_cache(maxsize=1024)
def is_address(text: str) -> bool:
    """Tell whether a text is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


def is_private(address: str) -> bool:
    """Tell whether an address is of a private network (RFC 1918)."""
    return any(within(address, block) for block in _PRIVATE)


def length(block: str) -> int:
    """Return the length of a range's prefix."""
    return ipaddress.ip_network(block, strict=False).prefixlen


@lru_cache(maxsize=1024)
def stand_in(block: str, seed: str) -> str:
    """Return an address in a range for something that the cloud gives one without saying which."""
    network = ipaddress.ip_network(block, strict=False)
    room = max(1, network.num_addresses - RESERVED - 1)
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4]) % room
    return str(network[min(RESERVED + start, network.num_addresses - 1)])
