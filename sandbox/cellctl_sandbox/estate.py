"""A cell's objects in the simulated account at one moment, indexed; read once for each change of them.

A cell on a reef stands in a network that another stack has made: what that stack made is in its estate too.
"""

from __future__ import annotations

import bisect
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cellctl.facts.conditions import at
from cellctl.state.values import Struct, Value, bare_struct
from cellctl_sandbox.clouds import links
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.stages import Timeline
from cellctl_sandbox.standins.cloud_view import CloudObject

_FOREIGN = {
    "aws:ec2/securityGroup:SecurityGroup": "vpcId",
    "aws:route53/record:Record": "zoneId",
    "aws:secretsmanager/secret:Secret": "kmsKeyId",
    "aws:ec2/networkInterface:NetworkInterface": "securityGroups",
    "aws:lb/loadBalancer:LoadBalancer": "accessLogs.bucket",
}
"""What a cell has of its own that tells in whose network and zone, with whose key and groups it lives, and where its
load balancers write."""

_FOREIGN_IDS = {
    "azure-native:network:NetworkInterface": "ipConfigurations.0.subnet.id",
    "azure-native:network:PrivateDnsZoneGroup": "privateDnsZoneConfigs.0.privateDnsZoneId",
    "azure-native:authorization:RoleAssignment": "scope",
    "azure-native:sql:Database": "elasticPoolId",
}
"""The same where ids are paths; of a subnet its network's counts."""

_SHARED = (
    "aws:ec2/vpc:Vpc", "aws:route53/zone:Zone", "aws:kms/key:Key", "aws:ec2/securityGroup:SecurityGroup",
    "aws:s3/bucket:Bucket",
    "azure-native:network:VirtualNetwork", "azure-native:privatedns:PrivateZone",
    "azure-native:keyvault:Key", "azure-native:sql:ElasticPool",
)  # fmt: skip
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS network_versions (cell TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TRIGGER IF NOT EXISTS network_insert AFTER INSERT ON objects BEGIN INSERT INTO network_versions "
    "VALUES (NEW.cell, 1) ON CONFLICT (cell) DO UPDATE SET value = value + 1; END",
    "CREATE TRIGGER IF NOT EXISTS network_update AFTER UPDATE ON objects BEGIN INSERT INTO network_versions "
    "VALUES (NEW.cell, 1) ON CONFLICT (cell) DO UPDATE SET value = value + 1; END",
    "CREATE TRIGGER IF NOT EXISTS network_delete AFTER DELETE ON objects BEGIN INSERT INTO network_versions "
    "VALUES (OLD.cell, 1) ON CONFLICT (cell) DO UPDATE SET value = value + 1; END",
)


@dataclass(frozen=True, slots=True)
class Settling:
    """An object that is not found by everybody before `settled_s`; `unseen`: by nobody."""

    item: CloudObject
    settled_s: float
    unseen: bool


class Estate:
    """All objects of one cell that exist at one moment."""

    def __init__(self, objects: Sequence[CloudObject], now_s: float, settling: Sequence[Settling] = ()) -> None:
        self._objects = objects
        self._settling = settling
        self.now_s = now_s
        self._by_name: dict[str, dict[str, CloudObject]] = {}

    @property
    def package(self) -> str:
        """The package that made the objects, `` if there are none."""
        return self._objects[0].type.partition(":")[0] if self._objects else ""

    def seen_by(self, asker: str) -> Estate:
        """Return the estate as a service (`service:dns`) finds it: without what is hidden from it still."""
        hidden = {id(one.item) for one in self._settling if one.unseen or links.hides(one.item.type, asker)}
        if not hidden:
            return self
        return Estate([item for item in self._objects if id(item) not in hidden], self.now_s)

    @property
    def settles_s(self) -> float | None:
        """When the next object that is hidden from somebody is found by all, None if nothing is hidden."""
        return min((one.settled_s for one in self._settling), default=None)

    def all(self, type: str) -> Sequence[CloudObject]:
        """Return the objects of a type, oldest first."""
        return self._by_type.get(type, ())

    def find(self, handle: str) -> CloudObject | None:
        """Return the object with an id, ARN or physical name, the oldest if several have it."""
        return self._by_handle.get(handle.lower()) if handle else None

    def one(self, type: str, handle: str) -> CloudObject | None:
        """Return the object of a type with an id, ARN or physical name."""
        if type not in self._by_name:
            named: dict[str, CloudObject] = {}
            for item in self.all(type):
                for known in _handles(item):
                    named.setdefault(known, item)
            self._by_name[type] = named
        return self._by_name[type].get(handle.lower()) if handle else None

    @cached_property
    def _by_type(self) -> Mapping[str, list[CloudObject]]:
        found: dict[str, list[CloudObject]] = {}
        for item in self._objects:
            found.setdefault(item.type, []).append(item)
        return found

    @cached_property
    def _by_handle(self) -> Mapping[str, CloudObject]:
        found: dict[str, CloudObject] = {}
        for item in self._objects:
            for handle in _handles(item):
                found.setdefault(handle, item)
        return found


def _handles(item: CloudObject) -> set[str]:
    known = [item.id, item.text("arn"), item.text("name")]
    return {handle.lower() for handle in known if handle}


@dataclass(frozen=True, slots=True)
class _Row:
    settling: Settling
    born_s: float
    gone_s: float


class Estates:
    """Estates by cell, kept until one of the cell's objects changes, comes to life or goes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._rows: dict[str, tuple[int, list[_Row], list[float]]] = {}
        self._grounds: dict[str, tuple[str, ...]] = {}
        self._kept: dict[str, tuple[int, int, Estate]] = {}
        self._parsed: dict[str, tuple[str, str, CloudObject]] = {}
        with database.transaction() as rows:
            for statement in _SCHEMA:
                rows.execute(statement)

    def of(self, cell: str) -> Estate:
        """Return a cell's estate now; an object counts from the end of its creation to the end of its deletion."""
        members = (cell, *self._grounds.get(cell, ()))
        marks = ", ".join("?" * len(members))
        query = f"SELECT now_s, (SELECT sum(value) FROM network_versions WHERE cell IN ({marks})) FROM clock"  # noqa: S608
        now_s, version = self._database.rows(query, members)[0]
        return self._at(cell, float(str(now_s)), int(str(version or 0)))

    def at(self, cell: str, now_s: float) -> Estate:
        """Return a cell's estate at a simulated second; what was deleted and forgotten since is not in it."""
        return self._at(cell, now_s, self._version(cell))

    def _at(self, cell: str, now_s: float, version: int) -> Estate:
        with self._lock:
            if self._rows.get(cell, (-1,))[0] != version:
                found = self._read(cell)
                grounds = self._ground(found)
                if grounds != self._grounds.get(cell, ()):
                    self._grounds[cell] = grounds
                    version = self._version(cell)
                found += [row for ground in grounds for row in self._read(ground)]
                times = {one for row in found for one in (row.born_s, row.gone_s, row.settling.settled_s)}
                self._rows[cell] = (version, found, sorted(times))
            _, found, moments = self._rows[cell]
            era = bisect.bisect_right(moments, now_s)
            kept = self._kept.get(cell)
            if kept is None or kept[:2] != (version, era):
                living = [row.settling for row in found if row.born_s <= now_s < row.gone_s]
                settling = [one for one in living if one.settled_s > now_s]
                kept = self._kept[cell] = (version, era, Estate([one.item for one in living], now_s, settling))
            return kept[2]

    def _version(self, cell: str) -> int:
        members = (cell, *self._grounds.get(cell, ()))
        marks = ", ".join("?" * len(members))
        query = f"SELECT sum(value) FROM network_versions WHERE cell IN ({marks})"  # noqa: S608  marks
        found = self._database.rows(query, members)
        return int(str(found[0][0] or 0))

    def _ground(self, found: Sequence[_Row]) -> tuple[str, ...]:
        """Return the stacks whose networks, zones, keys and groups a cell uses, and which it has not made itself."""
        items = [row.settling.item for row in found]
        told = ((item, key) for item in items if (key := _FOREIGN.get(item.type)))
        named = {one.rpartition("/")[2] for item, key in told for one in (text(item, key), *texts(item, key))}
        paths = (text(item, _FOREIGN_IDS[item.type]) for item in items if item.type in _FOREIGN_IDS)
        named |= {path.partition("/subnets/")[0] for path in paths}
        foreign = sorted(named - {item.id for item in items} - {""})
        if not foreign:
            return ()
        marks, kinds = ", ".join("?" * len(foreign)), ", ".join("?" * len(_SHARED))
        query = f"SELECT DISTINCT cell FROM objects WHERE type IN ({kinds}) AND id IN ({marks}) ORDER BY cell"  # noqa: S608
        return tuple(str(cell) for (cell,) in self._database.rows(query, (*_SHARED, *foreign)))

    def _read(self, cell: str) -> list[_Row]:
        query = (
            "SELECT uid, type, id, inputs, outputs, region, born_s, gone_s, stages FROM objects WHERE cell = ? "
            "ORDER BY number"
        )
        found = []
        for uid, type_, id_, inputs, outputs, region, born_s, gone_s, stages in self._database.rows(query, (cell,)):
            known = self._parsed.get(str(uid))
            if known is None or known[:2] != (inputs, outputs):
                item = CloudObject(
                    type=str(type_),
                    id=str(id_),
                    properties=_plain(str(inputs), str(outputs)),
                    cell=cell,
                    region=str(region),
                    born_s=float(str(born_s)),
                )
                known = self._parsed[str(uid)] = (str(inputs), str(outputs), item)
            course = Timeline.load(str(stages))
            settling = Settling(known[2], course.settled_s, course.unseen)
            found.append(_Row(settling, float(str(born_s)), float("inf") if gone_s is None else float(str(gone_s))))
        return found


def _plain(inputs: str, outputs: str) -> Struct:
    """Return properties in clear where they are no secret: sealed values stay sealed, nothing here needs one."""
    given, made = bare_struct(json.loads(inputs)), bare_struct(json.loads(outputs))
    merged = {**given, **made}
    for key, value in made.items():
        before = given.get(key)
        if isinstance(value, dict) and isinstance(before, dict):  # a service answers less than it was told
            merged[key] = {**before, **value}
    return merged


def value(item: CloudObject | None, path: str) -> Value:
    """Return what stands at a path of an object's properties, None if there is nothing."""
    head, _, rest = path.partition(".")
    found = item.properties.get(head) if item else None
    return at(found, rest) if rest else found


def text(item: CloudObject | None, path: str) -> str:
    """Return text at a path of an object's properties, `` if there is none."""
    found = value(item, path)
    return found if isinstance(found, str) else ""


def texts(item: CloudObject | None, path: str) -> tuple[str, ...]:
    """Return the texts of a list at a path of an object's properties."""
    found = value(item, path)
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()
