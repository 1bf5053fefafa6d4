"""The objects of the simulated clouds: names, quotas, references, containment, and what deletion leaves behind.

Every function works inside a caller's transaction and never waits. An object is listed from the moment its creation
begins; it is ready at `born_s` and vanishes at `gone_s`.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from cellctl import facts
from cellctl.facts.conditions import at, every
from cellctl.state.values import Struct, Value, bare
from cellctl_sandbox.clouds.behaviour import Behaviour, NotSimulated, Reference, behaviour_of, granted_quota
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.network import free_address
from cellctl_sandbox.clouds.outputs import marked, outputs_of
from cellctl_sandbox.clouds.records import COLUMNS, CloudRecord, Tenancy, cell_of, record_of, refused
from cellctl_sandbox.clouds.templates import Scope, render


class World:
    """The objects, seen through one transaction at one simulated time."""

    def __init__(self, database: Database, rows: sqlite3.Connection, tenancy: Tenancy, now_s: float) -> None:
        self.database = database
        self.rows = rows
        self.tenancy = tenancy
        self.now_s = now_s

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
    def create(self, behaviour: Behaviour, urn: str, inputs: Struct, ready_s: float) -> CloudRecord:
        """Add an object that is ready at `ready_s`.

        Raises:
            ProviderError: The cloud refuses it: a name is taken, a quota is used up, something referred to is missing.
        """
        inputs = marked(behaviour, inputs)
        self.refuse_on("create", behaviour, inputs, "")
        self._respect_quotas(behaviour, inputs)
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
            self._forget(existing.uid)
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
            born_s=ready_s,
        )
        self._take_names(behaviour, record)
        self._link(behaviour, record)
        self._write(record, behaviour)
        return record

    def update(self, behaviour: Behaviour, record: CloudRecord, inputs: Struct) -> CloudRecord:
        """Give an object new inputs.

        Raises:
            ProviderError: The cloud refuses the change.
        """
        inputs = marked(behaviour, inputs)
        self.refuse_on("update", behaviour, inputs, record.id)
        for path in behaviour.facts.immutable:
            if at(record.inputs, path) is not None and at(record.inputs, path) != at(inputs, path):
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
        self._take_names(behaviour, changed)
        self._link(behaviour, changed)
        self._write(changed, behaviour)
        return changed

    def store(self, record: CloudRecord) -> None:
        """Write an object as it is given: drift, and what stand-ins change."""
        self._write(record, _behaviour_or_none(record.type))

    def _write(self, record: CloudRecord, behaviour: Behaviour | None) -> None:
        place = record.tenancy
        values = (
            record.uid, place.package, place.account, place.region, record.type, record.id, record.name, record.urn,
            record.cell, self.database.dump(record.inputs), self.database.dump(record.outputs), record.born_s,
            record.gone_s,
        )  # fmt: skip
        self.rows.execute(
            f"INSERT INTO objects ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608
            "ON CONFLICT (uid) DO UPDATE SET name = excluded.name, inputs = excluded.inputs, "
            "outputs = excluded.outputs, gone_s = excluded.gone_s",
            values,
        )
        self.rows.execute("DELETE FROM handles WHERE uid = ?", (record.uid,))
        properties = record.properties()
        known = [at(properties, name) for name in (behaviour.handles if behaviour else ("arn",))]
        for value in {record.id.lower(), *(str(item).lower() for item in known if isinstance(item, str) and item)}:
            self.rows.execute("INSERT OR IGNORE INTO handles VALUES (?, ?)", (value, record.uid))

    # ---- deleting
    def delete(self, behaviour: Behaviour, record: CloudRecord, gone_s: float) -> None:
        """Begin to delete an object and what it contains; all of it vanishes at `gone_s`.

        Raises:
            ProviderError: The object is protected, or something that stays refers to it.
        """
        self.refuse_on("delete", behaviour, record.properties(), record.id)
        doomed = [record, *self._contents(record)]
        self._refuse_dependants(doomed, record)
        for item in doomed:
            known = _behaviour_or_none(item.type)
            self._release_names(known, item, gone_s)
            self.rows.execute("UPDATE objects SET gone_s = ? WHERE uid = ?", (gone_s, item.uid))
            self.rows.execute("DELETE FROM links WHERE source = ?", (item.uid,))
            if known is not None:
                self._leave_behind(known, item, gone_s)

    def purge(self) -> None:
        """Drop the rows of objects that are gone."""
        gone = "SELECT uid FROM objects WHERE gone_s IS NOT NULL AND gone_s <= ?"
        self.rows.execute(f"DELETE FROM handles WHERE uid IN ({gone})", (self.now_s,))  # noqa: S608  a constant
        self.rows.execute(f"DELETE FROM links WHERE target IN ({gone})", (self.now_s,))  # noqa: S608
        self.rows.execute("DELETE FROM objects WHERE gone_s IS NOT NULL AND gone_s <= ?", (self.now_s,))

    def _forget(self, uid: str) -> None:
        for statement in (
            "DELETE FROM names WHERE uid = ?",
            "DELETE FROM handles WHERE uid = ?",
            "DELETE FROM links WHERE source = ?",
            "DELETE FROM objects WHERE uid = ?",
        ):
            self.rows.execute(statement, (uid,))

    def _contents(self, record: CloudRecord) -> list[CloudRecord]:
        if not record.id.startswith("/"):
            return []
        start = record.id.lower() + "/"
        found = self.rows.execute(
            f"SELECT {COLUMNS} FROM objects WHERE package = ? AND gone_s IS NULL "  # noqa: S608  a constant
            "AND substr(lower(id), 1, ?) = ? AND uid != ?",
            (self.tenancy.package, len(start), start, record.uid),
        ).fetchall()
        below = [record_of(self.database, row, self.tenancy.tenant) for row in found]
        # What is not `contained` stays, and refuses the deletion if it refers to what goes: a management lock.
        return [item for item in below if (known := _behaviour_or_none(item.type)) is None or known.contained]

    def _refuse_dependants(self, doomed: list[CloudRecord], record: CloudRecord) -> None:
        inside = {item.uid for item in doomed}
        for item in doomed:
            for source, path in self.rows.execute(
                "SELECT source, path FROM links WHERE target = ? AND blocks = 1", (item.uid,)
            ).fetchall():
                holder = self.rows.execute("SELECT type, id FROM objects WHERE uid = ?", (source,)).fetchone()
                if source not in inside and holder is not None:
                    text = f"DependencyViolation: '{record.id}' is in use by {holder[0]} '{holder[1]}' ({path})"
                    raise refused(text, "conflict")

    def _leave_behind(self, behaviour: Behaviour, record: CloudRecord, gone_s: float) -> None:
        for leaving in behaviour.leaves:
            if not leaving.when.holds(record.properties()):
                continue
            left = behaviour_of(leaving.type)
            scope = self._scope(behaviour, record.uid, record.urn, record.properties())
            scope.constants = {**scope.constants, "id": record.id}
            inputs = render(dict(leaving.inputs), scope, "leaves")
            assert isinstance(inputs, dict)
            self.create(left, record.urn, inputs, gone_s)

    # ---- rules
    def refuse_on(self, operation: str, behaviour: Behaviour, values: Struct, id_: str) -> None:
        """Raise the first refusal in the data that applies."""
        for refusal in behaviour.refuse:
            if operation in refusal.on and refusal.when.holds(values):
                scope = self._scope(behaviour, "", "", values)
                scope.constants = {**scope.constants, "id": id_}
                text = render(refusal.message, scope, "refuse")
                raise refused(f"{refusal.code}: {text or refusal.message}", refusal.kind)

    def _respect_quotas(self, behaviour: Behaviour, inputs: Struct) -> None:
        cloud, name = facts.place_of(behaviour.type)
        known = facts.service(cloud, name)
        for use in behaviour.facts.quotas:
            if not use.when.holds(inputs):
                continue
            quota = known.quotas[use.name]
            maximum = self._maximum(cloud, name, quota)
            counted = [item for item in known.types.values() if any(other.name == use.name for other in item.quotas)]
            if self._count(counted, use.name, quota.scope, inputs) >= maximum:
                raise refused(f"{quota.code}: the quota '{name}.{quota.name}' of {maximum} is used up", "quota")

    def _maximum(self, cloud: str, service: str, quota: facts.Quota) -> int:
        row = self.rows.execute(
            "SELECT maximum FROM quotas WHERE package = ? AND name = ? AND account IN (?, '*') AND region IN (?, '*') "
            "ORDER BY (account = '*') + (region = '*')",
            (self.tenancy.package, f"{service}.{quota.name}", self.tenancy.account, self.tenancy.region),
        ).fetchone()
        if row is not None:
            return int(row[0])
        granted = granted_quota(cloud, service, quota.name)
        return quota.default if granted is None else granted

    def _count(self, types: list[facts.TypeFacts], name: str, scope: str, inputs: Struct) -> int:
        total = 0
        for item in types:
            use = next(other for other in item.quotas if other.name == name)
            rows = self.rows.execute(
                "SELECT inputs, region FROM objects WHERE type = ? AND account = ? AND gone_s IS NULL",
                (item.type, self.tenancy.account),
            ).fetchall()
            for text, region in rows:
                if scope == "region" and region != self.tenancy.region:
                    continue
                values = self.database.load(text) if use.when.entries or scope not in ("region", "account") else {}
                same = scope in ("region", "account", "global") or at(values, scope) == at(inputs, scope)
                total += use.when.holds(values) and same
        return total

    def _take_names(self, behaviour: Behaviour, record: CloudRecord) -> None:
        for scope, namespace, name, code in self._names(behaviour, record):
            row = self.rows.execute(
                "SELECT uid, held_until, message FROM names WHERE scope = ? AND namespace = ? AND name = ?",
                (scope, namespace, name),
            ).fetchone()
            if row is not None and (row[0] is not None or float(row[1]) > self.now_s):
                raise refused(f"{code}: {row[2] or f'{record.name!r} already exists'}", "conflict")
            self.rows.execute(
                "INSERT OR REPLACE INTO names VALUES (?, ?, ?, ?, NULL, '')", (scope, namespace, name, record.uid)
            )

    def _names(self, behaviour: Behaviour, record: CloudRecord) -> Iterator[tuple[str, str, str, str]]:
        place = record.tenancy
        scopes = {
            "region": f"{place.package}/{place.account}/{place.region}",
            "account": f"{place.package}/{place.account}",
        }
        properties = record.properties()
        for unique in behaviour.unique:
            parts = [at(properties, path) for path in unique.by]
            if all(part is not None for part in parts):
                text = "\n".join(str(part).lower() for part in parts)
                yield scopes.get(unique.scope, place.package), unique.namespace, text, unique.code

    def _release_names(self, behaviour: Behaviour | None, record: CloudRecord, gone_s: float) -> None:
        held = behaviour.facts.held if behaviour else None
        until, message = gone_s, ""
        if held is not None and not (held.unless and held.unless.holds(record.properties())):
            amount = at(record.properties(), held.property) if held.property else None
            until += float(amount) * held.unit_s if isinstance(amount, int | float) else held.seconds
            message = str(render(held.message, self._scope_of(record), "held") or held.message)
        self.rows.execute(
            "UPDATE names SET uid = NULL, held_until = ?, message = ? WHERE uid = ?", (until, message, record.uid)
        )

    # ---- references
    def _link(self, behaviour: Behaviour, record: CloudRecord) -> None:
        for reference in behaviour.references:
            for value in every(record.inputs, reference.path):
                self._link_one(reference, record, bare(value))
        if behaviour.contained:
            self._require_parent(record)

    def _link_one(self, reference: Reference, record: CloudRecord, value: Value) -> None:
        if not isinstance(value, str) or not value or any(fnmatchcase(value, item) for item in reference.unless):
            return
        target = self.by_handle(value, reference.types)
        if target is None:
            code = reference.code or f"{reference.types[0].rpartition(':')[2]}NotFound"
            raise refused(f"{code}: '{value}' ({reference.path}) does not exist", "not_found")
        if target.uid != record.uid:
            self.rows.execute(
                "INSERT OR IGNORE INTO links VALUES (?, ?, ?, ?)",
                (target.uid, record.uid, reference.path, int(reference.blocks)),
            )

    def _require_parent(self, record: CloudRecord) -> None:
        parts = record.id.split("/")
        group = next((i for i, part in enumerate(parts) if part.lower() == "resourcegroups"), None)
        if group is None or len(parts) <= group + 2:
            return
        # …/providers/NAMESPACE/TYPE/NAME lies in what stands before; …/TYPE/NAME lies in the object before it.
        parent = "/".join(parts[:-4] if parts[-4].lower() == "providers" else parts[:-2])
        if self.by_handle_exactly(parent):
            return
        code = "ResourceGroupNotFound" if len(parent.split("/")) == group + 2 else "ParentResourceNotFound"
        raise refused(f"{code}: '{parent}' does not exist", "not_found")

    def by_handle_exactly(self, value: str) -> bool:
        """Tell whether an object with this very id or handle exists."""
        found = self.rows.execute(
            "SELECT 1 FROM objects WHERE uid IN (SELECT uid FROM handles WHERE value = ?) AND gone_s IS NULL",
            (value.lower(),),
        ).fetchone()
        return found is not None

    # ---- outputs
    def _scope_of(self, record: CloudRecord) -> Scope:
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
        seed = self.rows.execute("SELECT seed FROM clock").fetchone()[0]
        key = f"{self.tenancy.package}/{self.tenancy.account}/{urn}"
        self.rows.execute(
            "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1", (key,)
        )
        count = self.rows.execute("SELECT value FROM counters WHERE name = ?", (key,)).fetchone()[0]
        return hashlib.sha256(f"{seed}/{key}/{count}".encode()).hexdigest()[:32]


def _behaviour_or_none(token: str) -> Behaviour | None:
    try:
        return behaviour_of(token)
    except NotSimulated:
        return None
