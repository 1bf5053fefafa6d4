"""What the script of a machine met at its first boot. It runs once, so what it met then stays."""

from __future__ import annotations

from collections.abc import Callable

from cellctl_sandbox.clouds.database import Database

TABLE = "octopus_boots"
SCHEMA = "CREATE TABLE IF NOT EXISTS octopus_boots (machine TEXT PRIMARY KEY, why TEXT NOT NULL) WITHOUT ROWID"


class FirstBoots:
    """The first boots of one sandbox's machines."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, str] = {}
        with database.transaction() as rows:
            rows.execute(SCHEMA)

    def of(self, machine: str, judge: Callable[[], str]) -> str:
        """Return why a machine's script failed, `` if it did not; `judge` says it where nobody has asked yet."""
        if machine not in self._known:
            found = self._database.rows("SELECT why FROM octopus_boots WHERE machine = ?", (machine,))
            self._known[machine] = str(found[0][0]) if found else self._judged(machine, judge())
        return self._known[machine]

    def _judged(self, machine: str, why: str) -> str:
        with self._database.transaction() as rows:
            rows.execute("INSERT OR IGNORE INTO octopus_boots VALUES (?, ?)", (machine, why))
        return why
