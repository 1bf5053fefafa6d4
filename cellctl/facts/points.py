"""To which moments a cell's database can be brought back, as data: where that is read, and what outlives a deletion.

The data are `point/<cloud>.toml` beside this module; every entry names a source with a date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cellctl.facts.conditions import Condition
from cellctl.facts.document import Table

_FOLDER = Path(__file__).parent / "point"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stays:
    """What a service keeps of a host's backups once the host is gone.

    `location`: path in the host's outputs, or its inputs, to what it is called. `days`: kept as long as backups are,
    else until somebody deletes it. `when` is asked of the host's inputs. A loss of `voided_by` takes it along.
    """

    kind: str
    location: str
    when: Condition = field(default_factory=Condition)
    days: bool = False
    voided_by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Days:
    """For how many days backups are kept: at a path of the rows of a type that belong to the host."""

    of: str
    at: str
    match: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class HostPoints:
    """A type that holds cells' databases and can be brought back to a moment.

    `match`: outputs of a `cellctl:sql:CellDatabase` -> this type's. `name`: what the registry calls the host.
    `latest`: path to the last such moment, `` where the service tells none: then it lies `behind_s` seconds back.
    `lags_s`: backups that are further behind than this many seconds are worth a warning, 0: nobody can tell.
    """

    type: str
    match: Mapping[str, str]
    name: str
    location: str
    days: Days
    behind_s: float
    latest: str = ""
    lags_s: float = 0.0
    stays: tuple[Stays, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyPoints:
    """What a backup is useless without. `is_` at the key equals `of` of the host (or is its cell's `master_key`).

    `days`: path to how long a deleted one can be brought back.
    """

    type: str
    is_: str
    of: str
    days: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Points:
    """What is known of one cloud. `files`: (type, condition) of what keeps every version of files, None: nothing."""

    hosts: tuple[HostPoints, ...]
    keys: tuple[KeyPoints, ...]
    files: tuple[str, Condition] | None


@lru_cache(maxsize=8)
def points(cloud: str) -> Points:
    """Return what is known of the restore points of a cloud.

    Raises:
        FactsError: The file breaks the format, or an entry names no source.
    """
    table = Table.load(_FOLDER / f"{cloud}.toml")
    sources = set(table.struct("sources"))
    found = Points(
        hosts=tuple(_host(entry, sources) for entry in table.tables("hosts")),
        keys=tuple(_key(entry, sources) for entry in table.tables("keys")),
        files=_files(table.table("files"), sources) if table.struct("files") else None,
    )
    table.end()
    return found


def _files(entry: Table, sources: set[str]) -> tuple[str, Condition]:
    found = entry.text("type"), Condition.read(entry.struct("when"))
    entry.source(sources)
    entry.end()
    return found


def _host(entry: Table, sources: set[str]) -> HostPoints:
    days = entry.table("days")
    host = HostPoints(
        type=entry.text("type"),
        match=_paths(entry, "match"),
        name=entry.text("name"),
        location=entry.text("location"),
        latest=entry.text("latest", ""),
        behind_s=entry.number("behind_s"),
        lags_s=entry.number("lags_s", 0.0),
        days=Days(of=days.text("of"), at=days.text("at"), match=_paths(days, "match")),
        stays=tuple(map(_stays, entry.tables("stays"))),
    )
    days.end()
    entry.source(sources)
    entry.end()
    return host


def _stays(entry: Table) -> Stays:
    found = Stays(
        kind=entry.text("kind"),
        location=entry.text("location"),
        when=Condition.read(entry.struct("when")),
        days=entry.flag("days"),
        voided_by=entry.text("voided_by", ""),
    )
    entry.end()
    return found


def _key(entry: Table, sources: set[str]) -> KeyPoints:
    found = KeyPoints(type=entry.text("type"), is_=entry.text("is"), of=entry.text("of"), days=entry.text("days"))
    entry.source(sources)
    entry.end()
    return found


def _paths(entry: Table, key: str) -> dict[str, str]:
    return {name: str(path) for name, path in entry.struct(key).items()}
