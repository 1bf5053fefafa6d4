"""What Azure offers, read once from `cellctl/facts/azure/layout/*.toml`. Values only; no Pulumi."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseSize:
    """One size of database in Azure's words."""

    sku: str
    tier: str
    family: str
    vcores: int
    max_size_gib: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolSize:
    """One size of elastic pool. No database takes more than `most_vcores` of its vCores."""

    sku: str
    tier: str
    family: str
    vcores: int
    most_vcores: int
    max_size_gib: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Provisioned:
    """What a share gets of something by its size: `least`, and `per_tib` for each TiB, `most` at most."""

    least: int
    per_tib: int
    most: int

    def of(self, size_gib: int) -> int:
        """Return what a share of a size gets."""
        return min(self.least + self.per_tib * size_gib // 1024, self.most)


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareRules:
    """How storage is divided into shares; `weights` are per cent by kind, sizes are GiB.

    `iops` and `mibps` are None where speed is of the size; `media` is SSD or HDD, `access_tier` `` where there is none.
    """

    sku: str
    minimum_gib: int
    maximum_gib: int
    weights: Mapping[str, int]
    media: Literal["SSD", "HDD"]
    access_tier: str
    iops: Provisioned | None
    mibps: Provisioned | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """The pinned image of nodes."""

    publisher: str
    offer: str
    sku: str
    version: str
    os_disk_gib: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WebGateway:
    """What an application gateway is made with: instances at least and at most, name and version of its rules."""

    capacity: tuple[int, int]
    tls_policy: str
    rules: tuple[str, str]
    request_timeout_s: int
    drain_timeout_s: int


def regions() -> tuple[str, ...]:
    """Return every known region."""
    return tuple(_table("regions", "regions"))


def zones(region: str) -> tuple[str, ...]:
    """Return the availability zones of a region, empty where there are none."""
    return _texts(_inner(_table("regions", "regions"), region).get("zones"))


def paired_region(region: str) -> str:
    """Return the paired region, empty where there is none."""
    return _text(_inner(_table("regions", "regions"), region).get("paired", ""))


def vm_size(size: str) -> str:
    """Return the VM size of a node size."""
    return _text(_table("sizes", "nodes")[size])


def database_size(tier: str) -> DatabaseSize:
    """Return what a database tier of the cell file is on Azure."""
    row = _inner(_table("sizes", "database"), tier)
    return DatabaseSize(
        sku=_text(row["sku"]),
        tier=_text(row["tier"]),
        family=_text(row["family"]),
        vcores=_number(row["vcores"]),
        max_size_gib=_number(row["max_size_gib"]),
    )


def pool_size(tier: str) -> PoolSize:
    """Return what a database tier of a reef file is on Azure."""
    row = _inner(_table("sizes", "pool"), tier)
    return PoolSize(
        sku=_text(row["sku"]),
        tier=_text(row["tier"]),
        family=_text(row["family"]),
        vcores=_number(row["vcores"]),
        most_vcores=_number(row["most_vcores"]),
        max_size_gib=_number(row["max_size_gib"]),
    )


def pooled_database_gib() -> int:
    """Return how large the database of a cell in a pool may become."""
    return _number(_table("sizes", "pooled_database")["max_size_gib"])


def share_rules(tier: str) -> ShareRules:
    """Return how storage of a tier is divided into shares."""
    table = _table("sizes", "share")
    row = _inner(table, tier)
    return ShareRules(
        sku=_text(row["sku"]),
        minimum_gib=_number(row["minimum_gib"]),
        maximum_gib=_number(row["maximum_gib"]),
        weights={kind: _number(weight) for kind, weight in _inner(table, "weights").items()},
        media="HDD" if row["media"] == "HDD" else "SSD",
        access_tier=_text(row.get("access_tier", "")),
        iops=_provisioned(row, "iops"),
        mibps=_provisioned(row, "mibps"),
    )


def _provisioned(row: Mapping[str, object], key: str) -> Provisioned | None:
    if key not in row:
        return None
    found = {name: _number(value) for name, value in _inner(row, key).items()}
    return Provisioned(least=found["least"], per_tib=found["per_tib"], most=found["most"])


def image(system: str) -> Image:
    """Return the pinned image of nodes that run `windows` or `linux`."""
    row = _inner(_table("sizes", "nodes_image"), system)
    return Image(
        publisher=_text(row["publisher"]),
        offer=_text(row["offer"]),
        sku=_text(row["sku"]),
        version=_text(row["version"]),
        os_disk_gib=_number(row["os_disk_gib"]),
    )


def queue() -> tuple[str, int, int]:
    """Return size and port of a queue, and GiB of the share that its nodes need besides."""
    row = _table("sizes", "queue")
    return _text(row["sku"]), _number(row["port"]), _number(row["share_gib"])


def snapshot_time() -> str:
    """Return when snapshots of shares are taken each day: `HH:MM`, UTC."""
    return _text(_table("sizes", "snapshots")["at"])


def web_gateway() -> WebGateway:
    """Return what every application gateway is made with."""
    row = _table("sizes", "web_gateway")
    instances, rules = row["instances"], _texts(row["rules"])
    assert isinstance(instances, list)
    return WebGateway(
        capacity=(_number(instances[0]), _number(instances[1])),
        tls_policy=_text(row["tls_policy"]),
        rules=(rules[0], rules[1]),
        request_timeout_s=_number(row["request_timeout_s"]),
        drain_timeout_s=_number(row["drain_timeout_s"]),
    )


def role(name: str) -> str:
    """Return the GUID of a built-in role definition."""
    return _text(_table("sizes", "roles")[name])


@functools.cache
def _file(name: str) -> Mapping[str, object]:
    text = resources.files("cellctl.facts").joinpath("azure", "layout", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _table(file: str, table: str) -> Mapping[str, object]:
    return _inner(_file(file), table)


def _inner(table: Mapping[str, object], key: str) -> Mapping[str, object]:
    row = table[key]
    assert isinstance(row, dict)
    return row


def _text(value: object) -> str:
    assert isinstance(value, str)
    return value


def _texts(value: object) -> tuple[str, ...]:
    assert isinstance(value, list)
    return tuple(_text(item) for item in value)


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value
