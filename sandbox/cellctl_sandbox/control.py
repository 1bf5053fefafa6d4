"""`cellctl sandbox …`: look into the simulated clouds, and interfere with them. Satisfies `SandboxControl`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

from cellctl import facts
from cellctl.errors import EngineError, UsageError
from cellctl.facts.document import to_value
from cellctl_sandbox.clouds import drift, faults, names, quotas
from cellctl_sandbox.clouds.behaviour import ready_state, simulated_functions
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.records import CloudRecord, Tenancy
from cellctl_sandbox.clouds.view import records
from cellctl_sandbox.clouds.world import World, remove

CLOUDS = {"aws": "aws", "azure-native": "azure"}
CLOUDS_OF_FACTS = ("aws", "azure", "cellctl")
SERVICES = {
    f"service:{name}"
    for name in (
        "appliance",
        "keyvault",
        "management",
        "nfs",
        "octopus",
        "s3",
        "secretsmanager",
        "sql",
        "ssm",
        "storagegateway",
    )
}
"""What stand-ins serve, as fault rules name it (`service_faults`)."""
TABLES = (
    "objects", "handles", "links", "names", "faults", "calls", "counters", "quotas", "buckets", "drifts", "drift_rules",
    "contests", "withheld",
)  # fmt: skip


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
        self._drift(now)
        accounts: dict[tuple[str, str], list[object]] = {}
        for record in records(self._database):
            place = record.tenancy
            key = (CLOUDS.get(place.package, place.package), place.account)
            accounts.setdefault(key, []).append(_shown(record, now))
        listed = [{"cloud": cloud, "account": account, "objects": rows} for (cloud, account), rows in accounts.items()]
        return {"accounts": sorted(listed, key=lambda item: (str(item["cloud"]), str(item["account"])))}

    def known(self, what: str) -> list[str]:
        """Return words: types, names, ids, quotas, held, accounts, regions; `seen`: types seen here, and functions."""
        columns = {"names": "name", "ids": "id", "accounts": "account", "regions": "region"}
        if what in columns:
            query = f"SELECT DISTINCT {columns[what]} FROM objects WHERE gone_s IS NULL ORDER BY 1"  # noqa: S608  ours
            return [str(word) for (word,) in self._database.rows(query)]
        if what == "quotas":
            return sorted({name for _, _, name in quotas.all_quotas()})
        if what == "held":
            return [str(item["name"]) for item in self.held()]
        if what == "seen":
            made = {
                str(word) for (word,) in self._database.rows("SELECT type FROM objects UNION SELECT type FROM calls")
            }
            return sorted(made | set(simulated_functions()))
        if what != "types":
            raise ValueError(f"there are no {what}")
        clouds = (facts.service(cloud, name) for cloud in CLOUDS_OF_FACTS for name in facts.services(cloud))
        return sorted({token for service in clouds for token in service.types} | SERVICES)

    def reset(self, *, seed: int | None = None) -> int:
        """Delete every simulated object, rule and held name, and what stand-ins keep; return how many objects."""
        count = len(records(self._database))
        with self._database.transaction() as rows:
            if seed is not None:
                rows.execute("UPDATE clock SET seed = ?, now_s = 0, running = 0", (seed,))
                rows.execute("DELETE FROM sqlite_sequence")
            others = rows.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND (name LIKE 'sql!_%' ESCAPE '!' "
                "OR name LIKE 'gateway!_%' ESCAPE '!' OR name LIKE 'octopus!_%' ESCAPE '!' "
                "OR name LIKE 'secret!_%' ESCAPE '!' OR name LIKE 'run!_%' ESCAPE '!')"
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

    def set_ambient(self, factor: float) -> None:
        """Let what the data files call rare happen `factor` times as often as they say; 0: never."""
        if factor < 0:
            raise ValueError("a factor is not negative")
        with self._database.transaction() as rows:
            rows.execute("UPDATE clock SET ambient = ?", (factor,))

    def drifts(self) -> list[Mapping[str, object]]:
        """Return the drift rules in force, oldest first, each with its id and how many objects are pending."""
        found = drift.listed(self._database)
        return [{"id": number, **asdict(rule), "pending": pending} for number, rule, pending in found]

    def add_drift(self, rule: Mapping[str, object]) -> tuple[int, int]:
        """Add a drift rule; return its id and how many objects changed at once."""
        made = drift.parse(rule)
        with self._worlds(self.now()) as world:
            return drift.add(world, made), drift.happen(world)

    def clear_drifts(self, rule_id: int | None = None) -> int:
        """Remove one or all drift rules and what they have not done yet; return how many."""
        with self._database.transaction() as rows:
            return drift.clear(rows, rule_id)

    def clock(self) -> Mapping[str, object]:
        """Return how simulated time passes, what time it is, how many calls wait, and what is random."""
        query = "SELECT mode, scale, (SELECT count(*) FROM waiters), seed, ambient FROM clock"
        mode, scale, waiters, seed, ambient = self._database.rows(query)[0]
        passes = {"mode": mode, "scale": scale, "now_s": self.now(), "waiters": waiters}
        return {**passes, "seed": seed, "ambient": ambient}

    def set_clock(self, *, mode: str, scale: float | None = None) -> None:
        """Set how simulated time passes: `paced` with a scale, or `stepped`."""
        if mode not in ("paced", "stepped") or (scale is not None and scale <= 0):
            raise ValueError("the clock is 'stepped', or 'paced' with a scale over 0")
        with self._database.transaction() as rows:
            rows.execute("UPDATE clock SET mode = ?, scale = coalesce(?, scale), running = 0", (mode, scale))

    def pass_time(self, seconds: float) -> float:
        """Let simulated time pass as if somebody waited, at once; return what time it is then.

        What runs meanwhile goes on as it would.
        """
        clock = SimulatedClock.of(self._database)
        pace, clock.pace = clock.pace, 0.0
        try:
            clock.sleep(seconds)
            return clock.now()
        finally:
            clock.close()
            clock.pace = pace

    def quotas(self, *, everything: bool = False) -> list[Mapping[str, object]]:
        """Return the quotas that something counts against or that were set, or every one, by account and region."""
        living = self._places("objects WHERE gone_s IS NULL")
        busy = {package for package, _, _ in living}
        places = living + [item for item in self._places("quotas") if "*" not in item or item[0] not in busy]
        if everything:
            places = places or [(package, "*", "*") for package in CLOUDS]
        found: list[Mapping[str, object]] = []
        with self._database.transaction() as rows:
            for package, account, region in places:
                there = Tenancy(package=package, account=account, region=region)
                found += quotas.listed(World(self._database, rows, there, self.now()), everything=everything)
        unique = {(item["quota"], item["account"], item["region"], item["cloud"]): item for item in found}
        return list(unique.values())

    def limit(self, name: str, maximum: int, *, cloud: str = "", account: str = "*", region: str = "*") -> None:
        """Set a quota (`SERVICE.NAME`) of an account and region, `*` for every one."""
        self.set_quota(quotas.package_of_quota(name, cloud), name, maximum, account=account, region=region)

    def set_quota(self, package: str, name: str, maximum: int, *, account: str = "*", region: str = "*") -> None:
        """Set a quota (`SERVICE.NAME` of the facts) of an account and region, `*` for every one."""
        with self._database.transaction() as rows:
            rows.execute(
                "INSERT OR REPLACE INTO quotas VALUES (?, ?, ?, ?, ?)", (package, name, account, region, maximum)
            )

    def clear_quotas(self, name: str | None = None) -> int:
        """Forget what was set for one quota or all; return how many limits."""
        with self._database.transaction() as rows:
            if name is None:
                return rows.execute("DELETE FROM quotas").rowcount
            return rows.execute("DELETE FROM quotas WHERE name = ?", (name,)).rowcount

    def withheld(self) -> list[Mapping[str, object]]:
        """Return the sizes that are not offered: `{"size", "zone"}`, `*` for every zone."""
        found = self._database.rows("SELECT size, zone FROM withheld ORDER BY size, zone")
        return [{"size": str(size), "zone": str(zone)} for size, zone in found]

    def withhold(self, name: str, *, zone: str = "*") -> None:
        """Offer a size (`m6i.large`) no more, in one zone or in every one, to whoever asks before an `up`."""
        with self._database.transaction() as rows:
            rows.execute("INSERT OR REPLACE INTO withheld VALUES (?, ?)", (name, zone))

    def offer(self, name: str | None = None) -> int:
        """Offer one size or all everywhere again; return how many rules that took back."""
        with self._database.transaction() as rows:
            if name is None:
                return rows.execute("DELETE FROM withheld").rowcount
            return rows.execute("DELETE FROM withheld WHERE size = ?", (name,)).rowcount

    def held(self) -> list[Mapping[str, object]]:
        """Return the names that deleted objects hold, and for how long."""
        now = self.now()
        with self._database.reading() as rows:
            return [dict(item) for item in names.held(rows, now)]

    def purge(self, name: str | None = None) -> int:
        """Give one held name or all free; return how many."""
        with self._database.transaction() as rows:
            return names.purge(rows, name)

    def export(self, passphrase: str = "") -> Mapping[str, object]:
        """Return the whole sandbox as JSON-like data without a secret in clear."""
        from cellctl_sandbox.portable import exported

        return exported(self._database, passphrase)

    def restore(self, document: object, *, passphrase: str = "", without_secrets: bool = False) -> int:
        """Replace the sandbox by an exported one; return how many objects it has."""
        from cellctl_sandbox.portable import imported

        return imported(self._database, to_value(document), passphrase=passphrase, without_secrets=without_secrets)

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

    def _places(self, table: str) -> list[tuple[str, str, str]]:
        query = f"SELECT DISTINCT package, account, region FROM {table} ORDER BY 1, 2, 3"  # noqa: S608  our own
        return [(str(package), str(account), str(region)) for package, account, region in self._database.rows(query)]

    @contextlib.contextmanager
    def _worlds(self, now: float) -> Iterator[World]:
        """Open a transaction on everything, whatever the account."""
        with self._database.transaction() as rows:
            yield World(self._database, rows, Tenancy(package="", account="", region=""), now)

    def _drift(self, now: float) -> None:
        """Let happen what is due: no call of a cloud may have come by since."""
        if self._database.rows("SELECT 1 FROM drifts WHERE at_s <= ? LIMIT 1", (now,)):
            with self._worlds(now) as world:
                drift.happen(world)

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

    def put_secret(self, reference: str, value: str) -> bool:
        """Make `value` the current one of a simulated secret; tell whether the secret was made for it."""
        from cellctl_sandbox import deposits
        from cellctl_sandbox.host import open_host

        made = deposits.ensure(self._database, reference, self.now())
        host = open_host(home=self._home, cell="", cloud="")
        try:
            host.secrets.write(reference, value)
        except EngineError as error:
            raise UsageError(error.summary, hint=deposits.HINT, code="unknown_secret") from error
        finally:
            host.close()
        return made

    def network(
        self, name: str, *, region: str, cidr: str, zones: int, domain: str = "", key: bool = False, cloud: str = "aws"
    ) -> Mapping[str, object]:
        """Make a network that belongs to no cell; return what a cell file says to go into it."""
        from cellctl_sandbox.grounds import lay

        return lay(
            self._database, self.now(), name=name, region=region, cidr=cidr, zones=zones, domain=domain, key=key,
            cloud=cloud,
        )  # fmt: skip

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
    return {
        "type": record.type,
        "id": record.id,
        "name": record.name,
        "cell": record.cell,
        "urn": record.urn,
        "state": record.timeline.state(now) or ready_state(record.type),
    }
