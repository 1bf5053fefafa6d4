"""What layouts of every cloud have in common: JSON, and the split of a network into subnets. Pure; no Pulumi."""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TypeVar

Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Item = TypeVar("Item")


def jsonable(value: object) -> Json:
    """Return frozen dataclasses, mappings and tuples as JSON-like data, in the order they were declared."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [jsonable(item) for item in value]
    raise TypeError(f"a layout holds no {type(value).__name__}")


def json_object(value: object) -> dict[str, Json]:
    """Return a dataclass as a JSON-like object."""
    data = jsonable(value)
    assert isinstance(data, dict)
    return data


def covered(cidr: str, ranges: Sequence[str]) -> bool:
    """Tell whether one of `ranges` holds all of `cidr`; then a rule of its own would say nothing."""
    wanted = ipaddress.IPv4Network(cidr)
    return any(wanted.subnet_of(ipaddress.IPv4Network(one)) for one in ranges)


def equal_parts(cidr: str, parts: int) -> tuple[str, ...]:
    """Return `cidr` cut into `parts` equal networks, lowest first; `parts` is a power of two. They never overlap."""
    network = ipaddress.IPv4Network(cidr)
    bits = parts.bit_length() - 1
    if 1 << bits != parts:
        raise ValueError(f"{parts} is not a power of two")
    return tuple(str(part) for part in network.subnets(prefixlen_diff=bits))


def address_in(cidr: str, offset: int) -> str:
    """Return the address `offset` places after the first address of `cidr`.

    Raises:
        ValueError: `cidr` is too small.
    """
    network = ipaddress.IPv4Network(cidr)
    if not 0 <= offset < network.num_addresses:
        raise ValueError(f"{cidr} has no address number {offset}")
    return str(network.network_address + offset)


def overlapping(first: str, second: str) -> bool:
    """Tell whether two networks share an address."""
    return ipaddress.IPv4Network(first).overlaps(ipaddress.IPv4Network(second))


def round_robin(items: Sequence[Item], count: int) -> tuple[Item, ...]:
    """Return `count` items, each of `items` in turn: nodes over zones."""
    return tuple(items[index % len(items)] for index in range(count))


@functools.cache
def facts(cloud: str, name: str) -> Mapping[str, Mapping[str, Json]]:
    """Return the tables of `cellctl/facts/<cloud>/layout/<name>.toml`: shipped data, never a look-up."""
    text = files("cellctl.facts").joinpath(cloud, "layout", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
