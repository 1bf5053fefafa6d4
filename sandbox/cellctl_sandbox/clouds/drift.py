"""Drift: objects change or vanish behind everybody's back, by rule (`cellctl sandbox drift`) or as the data files say.

What the data say happens only in an ambient sandbox; rules always count. When an object drifts is drawn at its birth,
or when the rule is added, and is a row: it happens as simulated time passes, whichever process notices first.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase

from cellctl.facts.conditions import at
from cellctl.facts.document import to_value
from cellctl.state.values import Struct, Value
from cellctl_sandbox.clouds import draws
from cellctl_sandbox.clouds.behaviour import Behaviour, known_behaviour
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.paths import with_value
from cellctl_sandbox.clouds.records import COLUMNS, CloudRecord, package_of, record_of
from cellctl_sandbox.clouds.templates import EPOCH, render
from cellctl_sandbox.clouds.world import World, remove

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(r"(?P<day>[a-z]{3}):(?P<hour>\d\d):(?P<minute>\d\d)-.*")


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftRule:
    """Which objects drift (globs), `after_s` simulated seconds, with probability `rate`: values by path, or deletion.

    A value None removes what stands at its path.
    """

    cloud: str = "*"
    type: str = "*"
    name: str = "*"
    cell: str = "*"
    after_s: float = 0.0
    rate: float = 1.0
    delete: bool = False
    set: Struct = field(default_factory=dict)

    def meets(self, record: CloudRecord) -> bool:
        """Tell whether the rule is about an object."""
        return (
            fnmatchcase(record.tenancy.package, package_of(self.cloud))
            and fnmatchcase(record.type, self.type)
            and (fnmatchcase(record.name, self.name) or fnmatchcase(record.urn.rpartition("::")[2], self.name))
            and fnmatchcase(record.cell, self.cell)
        )

    def change(self) -> Struct:
        """Return what happens, as it is stored with the row."""
        return {"delete": True} if self.delete else {"set": self.set}


def parse(rule: Mapping[str, object]) -> DriftRule:
    """Return a rule from JSON-like data.

    Raises:
        ValueError: An unknown field, or a value that is not allowed; the message names it.
    """
    known = asdict(DriftRule())
    for key, value in rule.items():
        if key not in known:
            raise ValueError(f"there is no field '{key}'; fields are: {', '.join(known)}")
        wanted = (int, float) if isinstance(known[key], float) else type(known[key])
        if not isinstance(value, wanted) or (wanted == (int, float) and isinstance(value, bool)):
            raise ValueError(f"'{key}' has no such value as {value!r}")
    made = DriftRule(**{key: to_value(value) for key, value in rule.items()})  # type: ignore[arg-type]  # checked above
    if made.delete == bool(made.set):
        raise ValueError("say either what is 'set', or 'delete'")
    if not 0 < made.rate <= 1 or made.after_s < 0:
        raise ValueError("'rate' must be over 0 and at most 1, 'after_s' not negative")
    return made


def listed(database: Database) -> list[tuple[int, DriftRule, int]]:
    """Return the rules in force, oldest first: (id, rule, how many objects have yet to drift)."""
    query = "SELECT id, rule, (SELECT count(*) FROM drifts WHERE rule = drift_rules.id) FROM drift_rules ORDER BY id"
    return [
        (int(str(number)), parse(json.loads(str(text))), int(str(left))) for number, text, left in database.rows(query)
    ]


def add(world: World, rule: DriftRule) -> int:
    """Put a rule in force, for the objects there are and those to come; return its id."""
    cursor = world.rows.execute("INSERT INTO drift_rules (rule) VALUES (?)", (json.dumps(asdict(rule)),))
    number = int(cursor.lastrowid or 0)
    query = f"SELECT {COLUMNS} FROM objects WHERE gone_s IS NULL"  # noqa: S608  a constant
    for row in world.rows.execute(query).fetchall():
        _schedule(world, number, rule, record_of(world.database, row), world.now_s)
    return number


def clear(rows: sqlite3.Connection, number: int | None) -> int:
    """Remove one rule or all, with what has not happened yet; return how many rules."""
    where, values = ("", ()) if number is None else (" WHERE id = ?", (number,))
    rows.execute(f"DELETE FROM drifts{where.replace('id', 'rule')}", values)  # noqa: S608  constants
    return rows.execute(f"DELETE FROM drift_rules{where}", values).rowcount  # noqa: S608


def born(world: World, behaviour: Behaviour, record: CloudRecord) -> None:
    """Decide whether and when a new object will drift."""
    for number, text in world.rows.execute("SELECT id, rule FROM drift_rules ORDER BY id").fetchall():
        _schedule(world, int(number), parse(json.loads(text)), record, record.born_s)
    if not world.ambient:
        return
    for number, drifting in enumerate(behaviour.drift):
        if drifting.when.holds(record.properties()):
            after = draws.seconds(drifting.after, world.seed, f"drift/{record.uid}/{number}")
            when = record.born_s + after
            if drifting.window:
                when = next_window(when, str(at(record.properties(), drifting.window) or ""))
            _insert(world.rows, when, record.uid, None, {"set": drifting.set})


def _schedule(world: World, number: int, rule: DriftRule, record: CloudRecord, since_s: float) -> None:
    if rule.meets(record) and draws.strikes(world.seed, f"drift/{rule}/{record.uid}", rule.rate):
        _insert(world.rows, since_s + rule.after_s, record.uid, number, rule.change())


def _insert(rows: sqlite3.Connection, at_s: float, uid: str, rule: int | None, change: Struct) -> None:
    rows.execute(
        "INSERT INTO drifts (at_s, uid, rule, change) VALUES (?, ?, ?, ?)", (at_s, uid, rule, json.dumps(change))
    )


def next_window(after_s: float, window: str) -> float:
    """Return when a weekly window (`sun:04:00-sun:05:00`) next begins, `after_s` itself if it is no window."""
    found = _WINDOW.fullmatch(window.lower())
    if found is None or found["day"] not in _DAYS:
        return after_s
    moment = EPOCH + timedelta(seconds=after_s)
    monday = (moment - timedelta(days=moment.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = monday + timedelta(days=_DAYS.index(found["day"]), hours=int(found["hour"]), minutes=int(found["minute"]))
    return ((begin if begin >= moment else begin + timedelta(days=7)) - EPOCH).total_seconds()


def happen(world: World) -> int:
    """Let everything drift whose time has come; return how many objects changed. Costs one look where nothing does."""
    due = world.rows.execute(
        "SELECT id, uid, change FROM drifts WHERE at_s <= ? ORDER BY at_s, id", (world.now_s,)
    ).fetchall()
    return sum(_happens(world, int(number), str(uid), json.loads(change)) for number, uid, change in due)


def _happens(world: World, number: int, uid: str, change: Struct) -> int:
    world.rows.execute("DELETE FROM drifts WHERE id = ?", (number,))
    query = f"SELECT {COLUMNS} FROM objects WHERE uid = ? AND gone_s IS NULL"  # noqa: S608  a constant
    row = world.rows.execute(query, (uid,)).fetchone()
    if row is None:
        return 0
    record = record_of(world.database, row)
    there = World(world.database, world.rows, record.tenancy, world.now_s)
    values = change.get("set")
    if not isinstance(values, dict):
        remove(world.rows, uid)
    else:
        there.store(edited(record, _rendered(there, record, values)))
    _log(world, record, "deleted" if not isinstance(values, dict) else ", ".join(values))
    return 1


def _rendered(world: World, record: CloudRecord, values: Struct) -> Struct:
    """Return the values with their templates filled in, as far as they are templates."""
    scope, known = world.scope_of(record), known_behaviour(record.type)
    scope.tables = known.tables if known else {}
    return {path: render(value, scope, f"drift.{path}") for path, value in values.items()}


def edited(record: CloudRecord, values: Iterable[tuple[str, Value]] | Struct) -> CloudRecord:
    """Return an object with other values by path, None removes: inputs and outputs of that name, else an input.

    An output that adds to an input (the ids of a list's members) is the same thing in the cloud.
    """
    inputs, outputs = dict(record.inputs), dict(record.outputs)
    for path, value in values.items() if isinstance(values, dict) else values:
        name = path.partition(".")[0]
        if name in inputs or name not in outputs:
            inputs = with_value(inputs, path, value)
        if name in outputs:
            outputs = with_value(outputs, path, value)
    return replace(record, inputs=inputs, outputs=outputs)


def _log(world: World, record: CloudRecord, what: str) -> None:
    world.rows.execute(
        "INSERT INTO calls (at_s, due_s, pid, operation, package, type, urn, object, outcome) "
        "VALUES (?, ?, 0, 'drift', ?, ?, ?, ?, ?)",
        (world.now_s, world.now_s, record.tenancy.package, record.type, record.urn, record.id, f"drift: {what}"),
    )
