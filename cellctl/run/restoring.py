"""To which moments a cell can be brought back, as the registry is told: after each run, before an upgrade or a `down`.

What is read where is data (`cellctl.facts.points`). Times are the cloud's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from cellctl.errors import CellctlError
from cellctl.facts.conditions import at
from cellctl.facts.points import HostPoints, Stays, points
from cellctl.registry.points import PointSeen
from cellctl.run import registering
from cellctl.run.target import NODE, REEF, living
from cellctl.state.values import Struct, Value

if TYPE_CHECKING:
    from cellctl.home import Home
    from cellctl.plan import Plan
    from cellctl.registry.points import RestorePoint
    from cellctl.run.session import Session
    from cellctl.state.checkpoint import Checkpoint
    from cellctl.state.resources import ResourceState

_DATABASE, _MASTER_KEY = "cellctl:sql:CellDatabase", "cellctl:octopus:MasterKey"
_DAY_S = 86400.0


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a run knows: the rows of a cell or reef, those of the reef that a cell is on, and what was just read."""

    cloud: str
    rows: Sequence[ResourceState]
    reef: Sequence[ResourceState] = ()
    told: Mapping[str, Struct] = field(default_factory=dict)

    @property
    def around(self) -> tuple[ResourceState, ...]:
        """All rows."""
        return (*self.rows, *self.reef)


def rolling(ground: Ground, now: float | None) -> dict[str, PointSeen]:
    """Return for each host of a database, by name, the last moment to which it can be brought back now."""
    found = {}
    for host in points(ground.cloud).hosts:
        for row in (row for row in ground.rows if row.type == host.type and row.id):
            latest = _latest(host, row, ground, now)
            if latest is not None:
                found[_text(row, host.name)] = _point("point_in_time", host, row, ground, latest)
    return found


def lagging(cloud: str, told: Mapping[str, Struct], now: float) -> Iterator[tuple[str, str]]:
    """Yield each host whose backups lag, by URN, with a sentence on it; `told` was read at `now`, the cloud's time."""
    known = {host.type: host for host in points(cloud).hosts if host.lags_s}
    for urn, outputs in told.items():
        host = known.get(urn.split("::")[2].rpartition("$")[2] if urn.count("::") > 2 else "")
        latest = _moment(at(outputs, host.latest)) if host else None
        if host is not None and latest is not None and now - latest > host.lags_s:
            name, until = at(outputs, host.name), f"{at(outputs, host.latest)}, {(now - latest) / 60:.0f} minutes ago"
            why = "A database on it that is offline or in single-user mode stops those of all"
            yield urn, f"{name} can be brought back only to {until}: its backups lag. {why}"


def before_upgrade(ground: Ground, now: float) -> tuple[PointSeen, ...]:
    """Return the moment before another version of Octopus changes the schema."""
    return tuple(_point("before_upgrade", host, row, ground, now) for host, row in _hosts_of_cell(ground))


def left(ground: Ground, now: float) -> tuple[PointSeen, ...]:
    """Return what is left of a cell's backups once all of it was taken away at `now`."""
    found = []
    gone = {row.urn for row in ground.rows}
    for host, row in _hosts_of_cell(ground):
        until = _key_until(ground, row, now)
        if row.urn not in gone:  # on a reef the host goes on, without the database
            goes_on = Stays(kind="kept_backups", location=host.location, days=True)
            found.append(_kept(host, row, ground, goes_on, now - host.behind_s, until=until))
            continue
        types = {other.type for other in ground.rows}
        for stays in host.stays:
            if stays.when.holds(row.inputs) and stays.voided_by not in types:
                found.append(_kept(host, row, ground, stays, now, until=until))
    return tuple(found)


def upgrades(plan: Plan, rows: Iterable[ResourceState]) -> bool:
    """Tell whether a plan begins to bring another version of Octopus to nodes; one that goes on with it does not."""
    runs = {row.outputs.get("version") for row in rows if row.type == NODE}
    nodes = (change for change in plan.changes if change.type == NODE and change.action == "update")
    wanted = {item.after for change in nodes for item in change.diff if item.path == "version"}
    return bool(wanted) and not wanted & runs


def ground_of(session: Session, checkpoint: Checkpoint) -> Ground:
    """Return what a run of a cell or reef knows; the reef's state is read where it is a file of this home."""
    target = session.target
    return Ground(
        cloud=target.cloud,
        rows=living(checkpoint),
        reef=_of_reef(target.home, target.reef) if target.reef else (),
        told=session.told,
    )


def expect_upgrade(session: Session, plan: Plan) -> None:
    """Record the way back before an upgrade begins."""
    loaded = session.load()
    if loaded is not None and upgrades(plan, living(loaded.checkpoint)):
        now = session.account(())[0]
        _expect(session, before_upgrade(ground_of(session, loaded.checkpoint), now), "there")


def expect_left(session: Session) -> None:
    """Record what will be left of a cell's backups before it is taken away."""
    loaded = session.load()
    if loaded is not None and session.target.level == "cell":
        _expect(session, left(ground_of(session, loaded.checkpoint), session.account(())[0]), "expected")


def listed(home: Home, cell: str = "", *, account: str = "") -> tuple[RestorePoint, ...]:
    """Return the restore points that the registry has, of cells that are gone too; `cell` and `account` choose.

    Raises:
        UsageError: There is no such account.
        RegistryError: The registry cannot be reached.
    """
    if not home.private.exists():
        return ()  # nothing was ever done here, and a look makes nothing
    from cellctl.registry import restore_points

    chosen = [home.account(account)] if account else [home.account("sandbox"), *home.settings.accounts.values()]
    keys = dict.fromkeys(registering.account_key(home, one) for one in chosen)
    with registering.opened(home) as database, database.read() as connection:
        return tuple(found for key in keys for found in restore_points.listed(connection, key, cell))


def _expect(session: Session, found: Iterable[PointSeen], state: str) -> None:
    from cellctl.registry import restore_points
    from cellctl.run.survey import cell_key

    target, found = session.target, tuple(found)
    if not found:
        return
    key = cell_key(target, registering.account_key(target.home, target.account))
    with registering.opened(target.home) as database:
        restore_points.expect(database, key, found, operation=session.run.id, state=state)


def _of_reef(home: Home, reef: str) -> tuple[ResourceState, ...]:
    from cellctl.run.options import RunOptions
    from cellctl.run.target import of_stack

    try:
        loaded = of_stack(home, f"{REEF}{reef}", RunOptions()).load()
    except CellctlError:
        return ()
    return living(loaded.checkpoint) if loaded else ()


def _hosts_of_cell(ground: Ground) -> Iterator[tuple[HostPoints, ResourceState]]:
    """Yield the hosts on which the cell has its database."""
    database = next((row for row in ground.rows if row.type == _DATABASE and row.id), None)
    if database is None:
        return
    for host in points(ground.cloud).hosts:
        for row in ground.around:
            pairs = [(database.outputs.get(one), at(row.outputs, two)) for one, two in host.match.items()]
            if row.type == host.type and row.id and all(one is not None and one == two for one, two in pairs):
                yield host, row


def _latest(host: HostPoints, row: ResourceState, ground: Ground, now: float | None) -> float | None:
    if not _days(host, row, ground):
        return None
    if not host.latest:
        return None if now is None else now - host.behind_s
    told = ground.told.get(row.urn)
    return _moment(at(told, host.latest) if told else None) or _moment(at(row.outputs, host.latest))


def _point(kind: str, host: HostPoints, row: ResourceState, ground: Ground, moment: float) -> PointSeen:
    days = _days(host, row, ground)
    return PointSeen(
        kind=kind,
        location=_location(row, host.location),
        db_time=moment,
        files_time=moment if _keeps_files(ground) else None,
        expires=moment + days * _DAY_S if days else None,
    )


def _kept(
    host: HostPoints, row: ResourceState, ground: Ground, stays: Stays, moment: float, *, until: float | None = None
) -> PointSeen:
    days = _days(host, row, ground) if stays.days else 0.0
    ends = [time for time in (moment + days * _DAY_S if days else None, until) if time is not None]
    location = _location(row, stays.location)
    return PointSeen(kind=stays.kind, location=location, db_time=moment, expires=min(ends, default=None))


def _key_until(ground: Ground, host: ResourceState, now: float) -> float | None:
    """Return until when the keys that go with a cell can be had back; without them its backups are useless."""
    reference = next((str(row.outputs.get("reference") or "") for row in ground.rows if row.type == _MASTER_KEY), "")
    ends = []
    for key in points(ground.cloud).keys:
        wanted = reference if key.of == "master_key" else str(at(host.outputs, key.of) or "")
        for row in (row for row in ground.rows if row.type == key.type):
            name, days = str(at(row.outputs, key.is_) or ""), at(row.inputs, key.days)
            if name and wanted.startswith(name) and isinstance(days, int | float):
                ends.append(now + days * _DAY_S)
    return min(ends, default=None)


def _days(host: HostPoints, row: ResourceState, ground: Ground) -> float:
    """Return for how many days a host's backups are kept."""
    for other in ground.around:
        pairs = [(at(other.outputs, one), at(row.outputs, two)) for one, two in host.days.match.items()]
        found = at(other.inputs, host.days.at)
        if other.type == host.days.of and all(a is not None and a == b for a, b in pairs):
            return float(found) if isinstance(found, int | float) else 0.0
    return 0.0


def _keeps_files(ground: Ground) -> bool:
    """Tell whether each bucket keeps every version of its files."""
    known = points(ground.cloud).files
    found = [row for row in ground.around if known and row.type == known[0]]
    return bool(found) and all(known is not None and known[1].holds(row.inputs) for row in found)


def _location(row: ResourceState, path: str) -> str:
    return row.id if path == "id" else str(at(row.outputs, path) or at(row.inputs, path) or row.id)


def _text(row: ResourceState, path: str) -> str:
    return str(at(row.outputs, path) or "")


def _moment(value: Value) -> float | None:
    try:
        return datetime.fromisoformat(str(value)).timestamp() if value else None
    except ValueError:
        return None
