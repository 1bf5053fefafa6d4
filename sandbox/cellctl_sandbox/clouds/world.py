"""The objects of the simulated clouds: names, quotas, references, containment, and what deletion leaves behind.

Every function works inside a caller's transaction and never waits. An object is listed from the moment its creation
begins; it is ready at `born_s` and vanishes at `gone_s`.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import replace
from functools import cached_property

from cellctl.facts import immutable
from cellctl.facts.conditions import at
from cellctl.state.values import Struct, Value
from cellctl_sandbox.clouds import links, names, quotas, turns
from cellctl_sandbox.clouds.behaviour import Behaviour, behaviour_of, known_behaviour
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.network import free_address
from cellctl_sandbox.clouds.outputs import marked, outputs_of
from cellctl_sandbox.clouds.records import COLUMNS, Attempt, CloudRecord, Tenancy, cell_of, counted, record_of, refused
from cellctl_sandbox.clouds.stages import Timeline
from cellctl_sandbox.clouds.templates import Scope, render


class World:
    """The objects, seen through one transaction at one simulated time."""

    def __init__(self, database: Database, rows: sqlite3.Connection, tenancy: Tenancy, now_s: float) -> None:
        self.database = database
        self.rows = rows
        self.tenancy = tenancy
        self.now_s = now_s
        self.attempts: list[Attempt] = []
        """Requests that were refused and that the provider repeats by itself."""

    @cached_property
    def seed(self) -> int:
        """What decides everything random in this sandbox."""
        return int(self.rows.execute("SELECT seed FROM clock").fetchone()[0])

    @cached_property
    def ambient(self) -> float:
        """By how much the rates in the data files are multiplied: 0 where nothing happens by itself."""
        return float(self.rows.execute("SELECT ambient FROM clock").fetchone()[0])

    def counted(self, key: str) -> int:
        """Return how often something was counted, this time included."""
        return counted(self.rows, key)

    # ---- looking up
    def find(self, behaviour: Behaviour, id_: str) -> CloudRecord | None:
        """Return the object of a type with an id in this account, None if there is none now."""
        found = self.rows.execute(
            f"SELECT {COLUMNS} FROM objects WHERE type = ? AND id = ? AND account = ? "  # noqa: S608  a constant
            "AND (gone_s IS NULL OR gone_s > ?) ORDER BY region = ? DESC",
            (behaviour.type, id_, self.tenancy.account, self.now_s, self.tenancy.region),
        ).fetchall()
        for row in found:
            record = record_of(self.database, row, self.tenancy.tenant)
            if not behaviour.regional or record.tenancy.region == self.tenancy.region:
                return record
        return None

    def imported(self, behaviour: Behaviour, name: str) -> CloudRecord | None:
        """Return the object of a type that an import names by something else than its id, None if there is none."""
        found = self.by_handle(name, (behaviour.type,)) if behaviour.imported_by else None
        return found if found and at(found.properties(), behaviour.imported_by) == name else None

    def by_handle(self, value: str, types: tuple[str, ...] = ()) -> CloudRecord | None:
        """Return the object that `value` names: its id, another handle, or an ARM id that points inside it."""
        candidate = value
        while candidate:
            found = self.rows.execute(
                f"SELECT {COLUMNS} FROM objects WHERE uid IN (SELECT uid FROM handles WHERE value = ?) "  # noqa: S608
                "AND package = ? AND (account = ? OR package = 'azure-native') AND gone_s IS NULL "
                "ORDER BY region = ? DESC",
                (candidate.lower(), self.tenancy.package, self.tenancy.account, self.tenancy.region),
            ).fetchall()
            for row in found:
                if not types or row[4] in types:
                    return record_of(self.database, row, self.tenancy.tenant)
            candidate = candidate.rsplit("/", 2)[0] if candidate.startswith("/") and candidate.count("/") > 4 else ""
        return None

    def property_of(self, reference: str, path: str) -> Value:
        """Return a property of the object that `reference` names (templates: `ref:`)."""
        record = self.by_handle(reference)
        return None if record is None else at({"id": record.id, **record.properties()}, path)

    def address_in(self, reference: str, seed: str) -> Value:
        """Return an address that no object has yet in the network that `reference` names (templates: `address:`)."""
        record = self.by_handle(reference)
        if record is None:
            return None
        return free_address(self.rows, record.uid, record.properties(), reference, seed)

    # ---- creating and changing
    def create(self, behaviour: Behaviour, urn: str, inputs: Struct, course: Timeline) -> CloudRecord:
        """Add an object whose creation takes the given course, begun later where what it needs is not found yet.

        Raises:
            ProviderError: The cloud refuses it: a name is taken, a quota is used up, something referred to is missing.
        """
        inputs = marked(behaviour, inputs)
        self.refuse_on("create", behaviour, inputs, "")
        quotas.respect(self, behaviour, inputs)
        turns.respect(self, behaviour, inputs, course.begin_s)
        uid = self._new_uid(urn)
        scope = self._scope(behaviour, uid, urn, inputs)
        id_ = render(behaviour.id, scope, "id")
        if not isinstance(id_, str) or not id_:
            raise refused(f"{behaviour.type}: an argument that makes its id is missing", "invalid")
        scope.constants = {**scope.constants, "id": id_}
        existing = self.find(behaviour, id_)
        if existing is not None and not behaviour.adopts:
            raise refused(f"cannot create already existing resource '{id_}'", "conflict")
        if existing is not None:
            remove(self.rows, existing.uid)
        record = CloudRecord(
            uid=uid,
            tenancy=replace(self.tenancy, region=str(scope.constants["region"])),
            type=behaviour.type,
            id=id_,
            name=str(scope.constants["name"]),
            urn=urn,
            cell=cell_of(urn),
            inputs=inputs,
            outputs=outputs_of(behaviour, scope, dict(self.tenancy.default_tags)),
            born_s=course.due_s,
        )
        names.take(self, behaviour, record)
        course = course.at(links.link(self, behaviour, record, course.begin_s))
        record = replace(record, born_s=course.due_s, timeline=course)
        self._write(record, behaviour)
        if course.failing and not course.left:
            self._vanish(behaviour, record, course.due_s)
        return record

    def update(self, behaviour: Behaviour, record: CloudRecord, inputs: Struct, course: Timeline) -> CloudRecord:
        """Give an object new inputs.

        Raises:
            ProviderError: The cloud refuses the change.
        """
        inputs = marked(behaviour, inputs)
        self.refuse_on("update", behaviour, inputs, record.id)
        if course.failing and not course.left:
            return replace(record, timeline=course)
        for path in behaviour.facts.immutable:
            if not immutable.stays(path, immutable.held(path, "", record.inputs), immutable.held(path, "", inputs)):
                raise refused(f"PropertyChangeNotAllowed: changing property '{path}' is not allowed", "conflict")
        scope = self._scope(behaviour, record.uid, record.urn, inputs)
        scope.constants = {**scope.constants, "id": record.id}
        scope.outputs = dict(record.outputs)
        changed = replace(
            record,
            inputs=inputs,
            outputs=outputs_of(behaviour, scope, dict(self.tenancy.default_tags)),
            name=str(scope.constants["name"]),
        )
        self.rows.execute("DELETE FROM names WHERE uid = ?", (record.uid,))
        self.rows.execute("DELETE FROM links WHERE source = ?", (record.uid,))
        names.take(self, behaviour, changed)
        course = course.at(links.link(self, behaviour, changed, course.begin_s))
        changed = replace(
            changed, timeline=replace(course, settled_s=record.timeline.settled_s, unseen=record.timeline.unseen)
        )
        self._write(changed, behaviour)
        return changed

    def store(self, record: CloudRecord) -> None:
        """Write an object as it is given: drift, and what stand-ins change."""
        self._write(record, known_behaviour(record.type))

    def _write(self, record: CloudRecord, behaviour: Behaviour | None) -> None:
        place = record.tenancy
        values = (
            record.uid, place.package, place.account, place.region, record.type, record.id, record.name, record.urn,
            record.cell, self.database.dump(record.inputs), self.database.dump(record.outputs), record.born_s,
            record.gone_s, record.timeline.dump(),
        )  # fmt: skip
        self.rows.execute(
            f"INSERT INTO objects ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608
            "ON CONFLICT (uid) DO UPDATE SET name = excluded.name, inputs = excluded.inputs, "
            "outputs = excluded.outputs, gone_s = excluded.gone_s, stages = excluded.stages",
            values,
        )
        self.rows.execute("DELETE FROM handles WHERE uid = ?", (record.uid,))
        properties = record.properties()
        known = [at(properties, name) for name in (behaviour.handles if behaviour else ("arn",))]
        for value in {record.id.lower(), *(str(item).lower() for item in known if isinstance(item, str) and item)}:
            self.rows.execute("INSERT OR IGNORE INTO handles VALUES (?, ?)", (value, record.uid))

    # ---- deleting
    def delete(self, behaviour: Behaviour, record: CloudRecord, course: Timeline) -> None:
        """Begin to delete an object and what it contains; all of it vanishes when the course is due.

        Raises:
            ProviderError: The object is protected, or something that stays refers to it.
        """
        self.refuse_on("delete", behaviour, record.properties(), record.id)
        doomed = [record, *links.contents(self, record)]
        links.refuse_dependants(self, doomed, record)
        if course.failing:
            self.rows.execute("UPDATE objects SET stages = ? WHERE uid = ?", (course.dump(), record.uid))
            return
        for item in doomed:
            known = known_behaviour(item.type)
            self._vanish(known, replace(item, timeline=course), course.due_s)
            if known is not None:
                self._leave_behind(known, item, course.due_s)

    def _vanish(self, behaviour: Behaviour | None, record: CloudRecord, gone_s: float) -> None:
        names.release(self, behaviour, record, gone_s)
        self.rows.execute(
            "UPDATE objects SET gone_s = ?, stages = ? WHERE uid = ?", (gone_s, record.timeline.dump(), record.uid)
        )
        self.rows.execute("DELETE FROM links WHERE source = ?", (record.uid,))

    def purge(self) -> None:
        """Drop the rows of objects that are gone."""
        gone = "SELECT uid FROM objects WHERE gone_s IS NOT NULL AND gone_s <= ?"
        self.rows.execute(f"DELETE FROM handles WHERE uid IN ({gone})", (self.now_s,))  # noqa: S608  a constant
        self.rows.execute(f"DELETE FROM links WHERE target IN ({gone})", (self.now_s,))  # noqa: S608
        self.rows.execute("DELETE FROM objects WHERE gone_s IS NOT NULL AND gone_s <= ?", (self.now_s,))

    def _leave_behind(self, behaviour: Behaviour, record: CloudRecord, gone_s: float) -> None:
        for leaving in behaviour.leaves:
            if not leaving.when.holds(record.properties()):
                continue
            left = behaviour_of(leaving.type)
            scope = self._scope(behaviour, record.uid, record.urn, record.properties())
            scope.constants = {**scope.constants, "id": record.id}
            inputs = render(dict(leaving.inputs), scope, "leaves")
            assert isinstance(inputs, dict)
            self.create(left, "", inputs, Timeline(gone_s, gone_s))  # no program made it: its URN is nobody's

    # ---- rules
    def refuse_on(self, operation: str, behaviour: Behaviour, values: Struct, id_: str) -> None:
        """Raise the first refusal in the data that applies."""
        for refusal in behaviour.refuse:
            if operation in refusal.on and refusal.when.holds(values):
                scope = self._scope(behaviour, "", "", values)
                scope.constants = {**scope.constants, "id": id_}
                text = render(refusal.message, scope, "refuse")
                raise refused(f"{refusal.code}: {text or refusal.message}", refusal.kind)

    # ---- outputs
    def scope_of(self, record: CloudRecord) -> Scope:
        """Return what templates see of an object that exists."""
        constants = {"id": record.id, "name": record.name, "region": record.tenancy.region}
        return Scope(seed=record.uid, values=record.properties(), constants=constants, now_s=self.now_s, lookup=self)

    def _scope(self, behaviour: Behaviour, uid: str, urn: str, inputs: Struct) -> Scope:
        region = at(inputs, "location") if behaviour.package == "azure-native" else at(inputs, "region")
        logical = urn.rpartition("::")[2]
        name = at(inputs, "name") or (at(inputs, behaviour.unique[0].by[-1]) if behaviour.unique else None)
        constants = {
            "region": region if isinstance(region, str) else self.tenancy.region,
            "account": self.tenancy.account,
            "tenant": self.tenancy.tenant,
            "partition": "aws",
            "urn_name": logical,
            "name": str(name or logical),
        }
        return Scope(
            seed=uid, values=inputs, constants=constants, tables=behaviour.tables, now_s=self.now_s, lookup=self
        )

    def _new_uid(self, urn: str) -> str:
        key = f"{self.tenancy.package}/{self.tenancy.account}/{urn}"
        return hashlib.sha256(f"{self.seed}/{key}/{self.counted(key)}".encode()).hexdigest()[:32]


def remove(rows: sqlite3.Connection, uid: str) -> None:
    """Drop an object with its names, handles and references, whatever refers to it."""
    for statement in (
        "DELETE FROM names WHERE uid = ?",
        "DELETE FROM handles WHERE uid = ?",
        "DELETE FROM links WHERE source = ?",
        "DELETE FROM links WHERE target = ?",
        "DELETE FROM objects WHERE uid = ?",
    ):
        rows.execute(statement, (uid,))
