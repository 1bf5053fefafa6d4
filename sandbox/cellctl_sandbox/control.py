"""`cellctl sandbox …`: look into the simulated clouds, and interfere with them. Satisfies `SandboxControl`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from cellctl.errors import EngineError, UsageError
from cellctl.facts.document import to_value
from cellctl_sandbox.clouds import drift, faults
from cellctl_sandbox.clouds.behaviour import known_behaviour
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.records import CloudRecord
from cellctl_sandbox.clouds.view import records
from cellctl_sandbox.clouds.world import World, remove

CLOUDS = {"aws": "aws", "azure-native": "azure"}
TABLES = ("objects", "handles", "links", "names", "faults", "calls", "counters", "quotas")


def open_control(home: Path) -> Control:
    """Return the control of the sandbox in `home` (entry-point group `cellctl.sandboxes`)."""
    return Control(home)


class Control:
    """One sandbox, from outside of any operation."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._database = Database.open(home)

    @property
    def database(self) -> Database:
        """The file that everything is in."""
        return self._database

    def now(self) -> float:
        """Return simulated seconds."""
        return SimulatedClock.of(self._database).now()

    def show(self) -> Mapping[str, object]:
        """Return every simulated object, by account."""
        now = self.now()
        accounts: dict[tuple[str, str], list[object]] = {}
        for record in records(self._database):
            place = record.tenancy
            key = (CLOUDS.get(place.package, place.package), place.account)
            accounts.setdefault(key, []).append(_shown(record, now))
        listed = [{"cloud": cloud, "account": account, "objects": rows} for (cloud, account), rows in accounts.items()]
        return {"accounts": sorted(listed, key=lambda item: (str(item["cloud"]), str(item["account"])))}

    def reset(self) -> int:
        """Delete every simulated object, fault and held name, and what stand-ins keep; return how many objects."""
        count = len(records(self._database))
        with self._database.transaction() as rows:
            others = rows.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND (name LIKE 'sql!_%' ESCAPE '!' "
                "OR name LIKE 'gateway!_%' ESCAPE '!' OR name LIKE 'octopus!_%' ESCAPE '!' "
                "OR name LIKE 'secret!_%' ESCAPE '!')"
            ).fetchall()
            for table in (*TABLES, *(str(name) for (name,) in others)):
                rows.execute(f"DELETE FROM {table}")  # noqa: S608  our own tables
        return count

    def faults(self) -> list[Mapping[str, object]]:
        """Return the fault rules in force, oldest first."""
        found: list[Mapping[str, object]] = []
        for number, text, used in self._database.rows("SELECT id, rule, used FROM faults ORDER BY id"):
            rule: dict[str, object] = json.loads(str(text))
            found.append({"id": number, **rule, "met": used})
        return found

    def add_fault(self, rule: Mapping[str, object]) -> int:
        """Add a fault rule and return its id."""
        faults.parse(rule)
        with self._database.transaction() as rows:
            cursor = rows.execute("INSERT INTO faults (rule, used) VALUES (?, 0)", (json.dumps(dict(rule)),))
            return int(cursor.lastrowid or 0)

    def clear_faults(self, rule_id: int | None = None) -> int:
        """Remove one or all fault rules; return how many."""
        with self._database.transaction() as rows:
            if rule_id is None:
                return rows.execute("DELETE FROM faults").rowcount
            return rows.execute("DELETE FROM faults WHERE id = ?", (rule_id,)).rowcount

    def clock(self) -> Mapping[str, object]:
        """Return how simulated time passes, what time it is and how many calls wait."""
        mode, scale, waiters = self._database.rows("SELECT mode, scale, (SELECT count(*) FROM waiters) FROM clock")[0]
        return {"mode": mode, "scale": scale, "now_s": SimulatedClock.of(self._database).now(), "waiters": waiters}

    def set_clock(self, *, mode: str, scale: float | None = None) -> None:
        """Set how simulated time passes: `paced` with a scale, or `stepped`."""
        if mode not in ("paced", "stepped") or (scale is not None and scale <= 0):
            raise ValueError("the clock is 'stepped', or 'paced' with a scale over 0")
        with self._database.transaction() as rows:
            rows.execute("UPDATE clock SET mode = ?, scale = coalesce(?, scale), running = 0", (mode, scale))

    def set_quota(self, package: str, name: str, maximum: int, *, account: str = "*", region: str = "*") -> None:
        """Set a quota (`SERVICE.NAME` of the facts) of an account and region, `*` for every one."""
        with self._database.transaction() as rows:
            rows.execute(
                "INSERT OR REPLACE INTO quotas VALUES (?, ?, ?, ?, ?)", (package, name, account, region, maximum)
            )

    def calls(self) -> list[Mapping[str, object]]:
        """Return the call log, oldest first."""
        names = ("at_s", "due_s", "pid", "operation", "package", "type", "urn", "object", "outcome")
        query = f"SELECT {', '.join(names)} FROM calls ORDER BY number"  # noqa: S608  a constant
        return [dict(zip(names, row, strict=True)) for row in self._database.rows(query)]

    def edit(self, object_id: str, path: str, value: object) -> None:
        """Change a property of an object behind everybody's back; value None with path `` deletes it."""
        found = [item for item in records(self._database) if object_id in (item.id, item.urn) and item.gone_s is None]
        if not found:
            raise UsageError(
                f"the sandbox has no object '{object_id}'",
                hint="`cellctl sandbox show` lists ids",
                code="unknown_object",
            )
        with self._database.transaction() as rows:
            for record in found:
                if not path and value is None:
                    remove(rows, record.uid)
                else:
                    world = World(self._database, rows, record.tenancy, self.now())
                    world.store(drift.edited(record, {path: to_value(value)}))

    def secret(self, reference: str) -> str:
        """Return a simulated secret in clear."""
        from cellctl_sandbox.host import open_host

        host = open_host(home=self._home, cell="", cloud="")
        try:
            return host.secrets.read(reference)
        except EngineError as error:
            hint = "`cellctl outputs` prints the references of a cell's secrets"
            raise UsageError(error.summary, hint=hint, code="unknown_secret") from error
        finally:
            host.close()

    @contextlib.contextmanager
    def _served(self) -> Iterator[list[Mapping[str, object]]]:
        from cellctl_sandbox.host import open_host

        host = open_host(home=self._home, cell="", cloud="")
        try:
            yield host.served()
        finally:
            host.close()

    def serve(self) -> AbstractContextManager[list[Mapping[str, object]]]:
        """Keep the stand-ins up inside the context and yield where each is."""
        return self._served()


def _shown(record: CloudRecord, now: float) -> Mapping[str, object]:
    known = known_behaviour(record.type)
    return {
        "type": record.type,
        "id": record.id,
        "name": record.name,
        "cell": record.cell,
        "urn": record.urn,
        "state": record.timeline.state(now) or (known.ready if known else "available"),
    }
