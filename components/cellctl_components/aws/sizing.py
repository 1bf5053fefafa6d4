"""Sizes, ranges and windows, from what a file says to what AWS takes: the same for cells and reefs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from cellctl_components.aws import layout as parts
from cellctl_components.aws import rules
from cellctl_components.layout import Json, equal_parts, facts

if TYPE_CHECKING:
    from cellctl.spec import CellBody
    from cellctl.spec.reef import ReefBody

Kind = TypeVar("Kind", str, int)

MAX_ZONES = 3
ADMINISTRATOR = "cellmaster"
SQL_PORT = 1433
_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")


def zones(region: str, cidr: str) -> tuple[parts.Zone, ...]:
    """Cut a network into sixteen: a row of four for each purpose, a column for each zone; one column stays free."""
    cut = equal_parts(cidr, 16)
    return tuple(
        parts.Zone(
            letter=letter,
            name=f"{region}{letter}",
            public=cut[column],
            ingress=cut[4 + column],
            nodes=cut[8 + column],
            data=cut[12 + column],
        )
        for column, letter in enumerate(rules.zone_letters(region)[:MAX_ZONES])
    )


def host(
    body: CellBody | ReefBody, *, identifier: str, group: str, roles: tuple[str, str], bucket: str, incarnation: int
) -> parts.HostLayout:
    """Return the layout of a database host of the tier and with the backups that a file says.

    `roles` are those that watch it and back up, `bucket` is where to.
    """
    data, pairs, asked = facts("aws", "sizes")["database"], facts("aws", "regions")["pairs"], body.database
    return parts.HostLayout(
        identifier=identifier,
        group=group,
        engine=of(data, "engines", asked.edition, str),
        engine_version=one(data, "engine_version", str),
        major_version=one(data, "major_version", str),
        family=of(data, "families", asked.edition, str),
        instance_class=of(data, "classes", asked.tier, str),
        storage_gib=of(data, "storage_gib", asked.tier, int),
        storage_limit_gib=of(data, "storage_limit_gib", asked.tier, int),
        multi_zone=asked.multi_zone,
        retention_days=asked.retention_days,
        backup_region=one(pairs, body.region, str) if asked.geo_backup else "",
        backup_window=backup_window(body.maintenance.window),
        maintenance_window=maintenance_window(body.maintenance.window),
        final_snapshot=f"{identifier}-final-{incarnation}",
        administrator=ADMINISTRATOR,
        monitoring_role=roles[0],
        port=SQL_PORT,
        backup_role=roles[1],
        backup_bucket=bucket,
    )


def cache(size_gib: int, disks: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Return the disks that are asked for, else a fifth of the expected size, in volumes of at most 16 TiB.

    What a cache was made of is not known here: one that grows is asked for with the disks that it has.
    """
    if disks:
        return disks
    data = facts("aws", "sizes")["gateway"]
    least, volume = one(data, "cache_least_gib", int), one(data, "cache_volume_gib", int)
    wanted = min(max(-(-size_gib // 5), least), one(data, "cache_total_gib", int))
    count = -(-wanted // volume)
    return tuple(-(-wanted // count) for _ in range(count))


def capacity(size_gib: int) -> str:
    """Return how much a gateway must know of its files for so many GiB of them, as the service calls it."""
    holds = facts("aws", "sizes")["gateway"]["holds_gib"]
    assert isinstance(holds, dict)
    return next((name for name in holds if size_gib <= one(holds, name, int)), "Large")


def window(text: str) -> tuple[int, int, int]:
    """Return day (0 = Sunday), first and last minute of the day; the last may lie on the next day."""
    day, times, _ = text.split(" ")
    first, last = (int(part[:2]) * 60 + int(part[3:]) for part in times.split("-"))
    return _DAYS.index(day), first, last


def maintenance_window(text: str) -> str:
    """Return a window as RDS writes it."""
    day, first, last = window(text)
    end = (day + 1) % 7 if last <= first else day
    return f"{_DAYS[day].lower()}:{_clock(first)}-{_DAYS[end].lower()}:{_clock(last)}"


def backup_window(text: str) -> str:
    """An hour each day, an hour after maintenance ends: RDS refuses windows that overlap, and only when it creates."""
    _, _, last = window(text)
    return f"{_clock(last + 60)}-{_clock(last + 120)}"


def one(table: Mapping[str, Json], key: str, kind: type[Kind]) -> Kind:
    """Return a value of a table of facts."""
    value = table[key]
    assert isinstance(value, kind)
    return value


def of(table: Mapping[str, Json], key: str, choice: str, kind: type[Kind]) -> Kind:
    """Return the value for one choice in a table of facts."""
    inner = table[key]
    assert isinstance(inner, dict)
    return one(inner, choice, kind)


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"
