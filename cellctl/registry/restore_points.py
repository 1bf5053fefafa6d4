"""Restore points: to which moments a cell's database can be brought back, and with which version of its key (I7).

No state knows them, so a rebuild leaves them. Times are the cloud's. One that a run expects to be left (`expected`)
is there once the cell's database is gone, whichever run finds that, and forgotten while the database still lives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, select, update

from cellctl.registry.database import Database
from cellctl.registry.journal import CellKey
from cellctl.registry.points import PointSeen, RestorePoint
from cellctl.registry.rows import add, change
from cellctl.registry.tables import bindings, cells, database_slots, hosts, reefs, restore_points

ROLLING = "point_in_time"


def listed(connection: Connection, account: str, cell: str = "") -> list[RestorePoint]:
    """Return the restore points of an account, or of one of its cells, the latest of each cell first."""
    query = (
        select(cells.c.account, cells.c.name.label("cell"), restore_points)
        .join(cells, cells.c.id == restore_points.c.cell_id)
        .where(cells.c.account == account)
        .order_by(cells.c.name, restore_points.c.db_time.desc(), restore_points.c.id)
    )
    rows = connection.execute(query.where(cells.c.name == cell) if cell else query)
    names = RestorePoint.__dataclass_fields__
    return [RestorePoint(**{name: row._mapping[name] for name in names}) for row in rows]


def expect(database: Database, key: CellKey, points: Iterable[PointSeen], *, operation: str, state: str) -> None:
    """Record what a run leaves behind, before it does: whoever is killed then has said it.

    Raises:
        RegistryError: The registry cannot be told.
    """

    def work(connection: Connection) -> None:
        cell = connection.execute(_of(key)).one_or_none()
        if cell is not None and cell.master_key_version:
            for point in points:
                _put(connection, database.now(connection), cell, point, operation=operation, state=state)

    database.write(work)


def seen(connection: Connection, now: float, key: CellKey, points: Iterable[PointSeen], moment: float | None) -> None:
    """Record to which moment a cell's database can be brought back now; `moment` is the cloud's time, if it told it.

    Nothing counts that lies before the database was there.
    """
    cell = connection.execute(_of(key)).one_or_none()
    if cell is None or not cell.holds_data or not cell.master_key_version:
        return
    if cell.data_since is None:
        if moment is not None:
            change(connection, cells, int(cell.id), int(cell.version), {"data_since": moment})
        return
    _roll(connection, now, cell, points)


def seen_on_reef(connection: Connection, now: float, key: CellKey, points: Mapping[str, PointSeen]) -> None:
    """Record the same of every cell on a reef's hosts; `points` are by the name of the host."""
    query = (
        select(cells, hosts.c.name.label("host"))
        .join(bindings, bindings.c.cell_id == cells.c.id)
        .join(reefs, reefs.c.id == bindings.c.reef_id)
        .join(database_slots, database_slots.c.id == bindings.c.database_slot_id)
        .join(hosts, hosts.c.id == database_slots.c.host_id)
        .where(reefs.c.account == key.account, reefs.c.name == key.name, reefs.c.kind == "shared")
        .where(bindings.c.until.is_(None), cells.c.holds_data, cells.c.master_key_version != "")
    )
    for cell in connection.execute(query).all():
        if cell.host in points and cell.data_since is not None:
            _roll(connection, now, cell, [points[cell.host]])


def settle(connection: Connection, now: float, cell: int, *, gone: bool) -> None:
    """Take what was expected as there if the cell's database is `gone`, else as not come; and drop what ran out."""
    mine = restore_points.c.cell_id == cell
    expected = mine & (restore_points.c.state == "expected")
    if gone:
        values = {"state": "there", "state_since": now, "version": restore_points.c.version + 1}
        connection.execute(update(restore_points).where(expected).values(**values))
        connection.execute(delete(restore_points).where(mine & _needs_its_host(connection, cell)))
        _with_what_is_kept(connection, mine)
        connection.execute(update(cells).where(cells.c.id == cell).values(data_since=None))
    else:
        connection.execute(delete(restore_points).where(expected))
    latest = select(func.max(restore_points.c.db_time)).where(mine).scalar_subquery()
    connection.execute(delete(restore_points).where(mine & (restore_points.c.expires <= latest)))


def _needs_its_host(connection: Connection, cell: int) -> ColumnElement[bool]:
    """Return which points went with the database: the moving one, and others of backups that are not kept."""
    kept = select(restore_points.c.location).where(
        restore_points.c.cell_id == cell, restore_points.c.kind == "kept_backups"
    )
    there = list(connection.execute(kept).scalars())
    upgrades = (restore_points.c.kind == "before_upgrade") & restore_points.c.location.not_in(there)
    return (restore_points.c.kind == ROLLING) | upgrades


def _with_what_is_kept(connection: Connection, mine: ColumnElement[bool]) -> None:
    """Let what is left end with the backups that it is in; the files' older versions went with their buckets."""
    kept = select(restore_points.c.expires).where(mine, restore_points.c.kind == "kept_backups")
    until = connection.execute(kept.order_by(restore_points.c.db_time.desc())).scalar()
    upgrades = mine & (restore_points.c.kind == "before_upgrade")
    connection.execute(update(restore_points).where(upgrades).values(files_time=None))
    if until is not None:
        longer = upgrades & (restore_points.c.expires > until)
        connection.execute(update(restore_points).where(longer).values(expires=until))


def _roll(connection: Connection, now: float, cell: Row[tuple[object, ...]], points: Iterable[PointSeen]) -> None:
    for point in points:
        if point.db_time >= cell.data_since:
            _put(connection, now, cell, point, operation="", state="there")


def _put(
    connection: Connection, now: float, cell: Row[tuple[object, ...]], point: PointSeen, *, operation: str, state: str
) -> None:
    """Insert a point, or move one on; it never goes back."""
    key = {
        "cell_id": cell.id, "incarnation": cell.incarnation, "kind": point.kind, "location": point.location,
        "master_key_version": cell.master_key_version, "operation": operation,
    }  # fmt: skip
    mine = [restore_points.c[name] == value for name, value in key.items()]
    found = connection.execute(select(restore_points).where(*mine).with_for_update()).one_or_none()
    values = {
        "db_time": point.db_time, "files_time": point.files_time, "expires": point.expires,
        "master_key": cell.master_key, "state": state,
    }  # fmt: skip
    if found is None:
        add(connection, restore_points, {**key, **values, "state_since": now})
    elif found.db_time < point.db_time:
        change(connection, restore_points, int(found.id), int(found.version), values)


def _of(key: CellKey) -> Select[tuple[object, ...]]:
    return select(cells).where(cells.c.account == key.account, cells.c.name == key.name)
