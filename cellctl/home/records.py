"""What a home remembers of cells and runs: incarnations, last results, run folders. One SQLite file, `cellctl.db`."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from cellctl.errors import UsageError
from cellctl.state.sqlite import write_ahead

_BUSY_S = 20.0
_KEPT, _ENOUGH = 30, 3
"""How many durations of one kind are kept, and how many make a habit."""
_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[a-z]+-[a-z0-9-]+-[0-9a-f]{6}")
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS home (id TEXT NOT NULL) STRICT",
    """CREATE TABLE IF NOT EXISTS incarnations (cell TEXT PRIMARY KEY, incarnation INTEGER NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS runs (
      id TEXT PRIMARY KEY, cell TEXT NOT NULL, cloud TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL,
      operation TEXT NOT NULL, command TEXT NOT NULL, user TEXT NOT NULL, began REAL NOT NULL, ended REAL,
      result TEXT NOT NULL, file TEXT NOT NULL) STRICT""",
    "CREATE INDEX IF NOT EXISTS runs_by_cell ON runs (cell, began)",
    """CREATE TABLE IF NOT EXISTS approvals (
      id TEXT NOT NULL, cell TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (id, cell)) STRICT""",
    """CREATE TABLE IF NOT EXISTS durations (
      number INTEGER PRIMARY KEY, account TEXT NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL,
      seconds REAL NOT NULL) STRICT""",
    "CREATE INDEX IF NOT EXISTS durations_by_type ON durations (account, type, action, number)",
)
_COLUMNS = "id, cell, cloud, account, region, operation, command, user, began, ended, result, file"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """One run. `result` is that of its Outcome, `running` until it is known (or for ever, after a crash)."""

    id: str
    cell: str
    cloud: str
    account: str
    region: str
    operation: str
    command: str
    user: str
    began: float
    ended: float | None
    result: str
    file: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CellRecord:
    """What the home remembers of one cell: its last run that was meant to change it, and its incarnation."""

    name: str
    incarnation: int
    last: RunRecord | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run under way: its id and its folder, 0700. `events` is where its NDJSON goes, `outcome` its result."""

    id: str
    folder: Path

    @property
    def events(self) -> Path:
        """File of raw and translated events, one JSON object a line."""
        return self.folder / "events.ndjson"

    @property
    def outcome(self) -> Path:
        """File of the Outcome, written last."""
        return self.folder / "outcome.json"


class Records:
    """The tables and run folders of one home; `database` and `folder` are made on first write."""

    def __init__(self, database: Path, folder: Path) -> None:
        self._database, self._folder = database, folder

    def incarnation(self, cell: str) -> int:
        """Return which incarnation of `cell` lives: 1, and one more after each `down --delete-data`."""
        if not self._database.exists():
            return 1
        with self._transaction() as db:
            row = db.execute("SELECT incarnation FROM incarnations WHERE cell = ?", (cell,)).fetchone()
        return 1 if row is None else int(row[0])

    def raise_incarnation(self, cell: str, *, beyond: int) -> int:
        """Count one incarnation up, beyond the one that is known to have lived, and return it."""
        with self._transaction() as db:
            row = db.execute(
                "INSERT INTO incarnations (cell, incarnation) VALUES (:cell, :beyond + 1)"
                " ON CONFLICT (cell) DO UPDATE SET incarnation = max(incarnation, :beyond) + 1 RETURNING incarnation",
                {"cell": cell, "beyond": beyond},
            ).fetchone()
        return int(row[0])

    def identity(self) -> str:
        """Return what tells this home from every other: 64 random bits, made when they are first asked for."""
        with self._transaction() as db:
            row = db.execute("SELECT id FROM home").fetchone()
            if row is None:
                row = (os.urandom(8).hex(),)
                db.execute("INSERT INTO home (id) VALUES (?)", row)
        return str(row[0])

    def begin(self, record: RunRecord) -> Run:
        """Store a run that begins, and make its folder."""
        run = Run(id=record.id, folder=self._folder / record.id)
        run.folder.mkdir(mode=0o700, parents=True)
        with self._transaction() as db:
            db.execute(
                f"INSERT INTO runs ({_COLUMNS}) VALUES ({', '.join('?' * 12)})",  # noqa: S608  constants
                (
                    record.id, record.cell, record.cloud, record.account, record.region, record.operation,
                    record.command, record.user, record.began, record.ended, record.result, record.file,
                ),
            )  # fmt: skip
        return run

    def finish(self, run: Run, *, result: str, outcome: Mapping[str, object]) -> None:
        """Store how a run ended: its Outcome as JSON in its folder, written whole or not at all."""
        text = json.dumps(outcome, indent=2, sort_keys=True) + "\n"
        draft = run.outcome.with_suffix(".tmp")
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, run.outcome)
        with self._transaction() as db:
            db.execute("UPDATE runs SET ended = ?, result = ? WHERE id = ?", (time.time(), result, run.id))

    def approval_used(self, approval: str, cell: str) -> bool:
        """Tell whether a run of this home has used a signed approval for a cell."""
        with self._transaction() as db:
            query = "SELECT 1 FROM approvals WHERE id = ? AND cell = ?"
            return db.execute(query, (approval, cell)).fetchone() is not None

    def use_approval(self, approval: str, cell: str, run: Run) -> None:
        """Remember which run used a signed approval for a cell."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO approvals VALUES (?, ?, ?)", (approval, cell, run.id))

    def took(self, account: str, steps: Iterable[tuple[str, str, float]]) -> None:
        """Remember how long actions on types took in an account: (type, action, seconds); the latest of each stay.

        A memory that cannot be written is not worth a run that went well: nothing is raised.
        """
        with suppress(sqlite3.Error, OSError), self._transaction() as db:
            db.executemany(
                "INSERT INTO durations (account, type, action, seconds) VALUES (?, ?, ?, ?)",
                [(account, *step) for step in steps],
            )
            db.execute(
                "DELETE FROM durations WHERE number IN (SELECT number FROM (SELECT number, row_number() OVER "
                "(PARTITION BY account, type, action ORDER BY number DESC) AS place FROM durations) WHERE place > ?)",
                (_KEPT,),
            )

    def usual_s(self, account: str) -> dict[tuple[str, str], float]:
        """Return the median seconds of each (type, action) that was seen often enough in an account."""
        if not self._database.exists():
            return {}
        seen: dict[tuple[str, str], list[float]] = {}
        with self._transaction() as db:
            for type_, action, seconds in db.execute(
                "SELECT type, action, seconds FROM durations WHERE account = ?", (account,)
            ):
                seen.setdefault((type_, action), []).append(seconds)
        return {key: median(found) for key, found in seen.items() if len(found) >= _ENOUGH}

    def runs(self, cell: str = "", *, limit: int = 20) -> list[RunRecord]:
        """Return the latest runs, of one cell or of all, newest first."""
        if not self._database.exists():
            return []
        where, values = ("WHERE cell = ?", (cell,)) if cell else ("", ())
        query = f"SELECT {_COLUMNS} FROM runs {where} ORDER BY began DESC, id DESC LIMIT {int(limit)}"  # noqa: S608
        with self._transaction() as db:
            return [_record(row) for row in db.execute(query, values)]

    def cells(self) -> list[CellRecord]:
        """Return every cell that a run was about, by name, with its last run that was no preview."""
        if not self._database.exists():
            return []
        query = f"""SELECT {_COLUMNS} FROM runs AS run WHERE began = (
            SELECT max(began) FROM runs WHERE cell = run.cell AND operation != 'preview') ORDER BY cell"""  # noqa: S608
        with self._transaction() as db:
            last = {str(row[1]): _record(row) for row in db.execute(query)}
            raised = {str(row[0]): int(row[1]) for row in db.execute("SELECT cell, incarnation FROM incarnations")}
        return [
            CellRecord(name=name, incarnation=raised.get(name, 1), last=last.get(name))
            for name in sorted({*last, *raised})
        ]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            db = sqlite3.connect(self._database, timeout=_BUSY_S, isolation_level=None)
        except sqlite3.OperationalError as error:
            raise _unusable(self._database, error) from None
        try:
            write_ahead(db, _BUSY_S)
            db.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                db.execute(statement)
            yield db
            db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise _unusable(self._database, error) from None
        finally:
            db.close()


def new_run_id(operation: str, cell: str, now: float) -> str:
    """Return an id that sorts by time, names its cell, and is new: 24 random bits."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    run_id = f"{stamp}-{operation}-{cell.replace('/', '-')}-{os.urandom(3).hex()}"
    assert _RUN_ID.fullmatch(run_id), run_id
    return run_id


def _record(row: tuple[str, str, str, str, str, str, str, str, float, float | None, str, str]) -> RunRecord:
    run_id, cell, cloud, account, region, operation, command, user, began, ended, result, file = row
    return RunRecord(
        id=run_id, cell=cell, cloud=cloud, account=account, region=region, operation=operation, command=command,
        user=user, began=began, ended=ended, result=result, file=file,
    )  # fmt: skip


def _unusable(path: Path, error: sqlite3.Error) -> UsageError:
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return UsageError(f"{path} stays locked by another process", hint="try again", code="home_busy")
    hint = "check the folder's permissions and free space"
    if not isinstance(error, sqlite3.OperationalError):
        hint = "restore it; moved away, the list of runs and how often each cell was deleted are lost, its state is not"
    return UsageError(f"{path} cannot be used: {error}", hint=hint, code="home_unusable")
