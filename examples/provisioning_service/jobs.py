"""Jobs in a SQLite file: one for each customer, with everything that was ever told of it; tasks that work on them."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from cellctl import AsyncCell, CellctlError, Plan, RunOptions
from cellctl.errors import Objection
from cellctl.views.jsonl import JsonlView, summary_json

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  customer TEXT PRIMARY KEY, body TEXT NOT NULL, state TEXT NOT NULL, problem TEXT, told INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS keys (key TEXT PRIMARY KEY, customer TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, customer TEXT NOT NULL, line TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_of ON events (customer, number);
"""
OPEN = ("queued", "running")
_BEGUN = "SELECT customer, body, state, problem FROM jobs WHERE customer = ?"
# What was told of the try before is not told of this one.
_AGAIN = """UPDATE jobs SET state = 'queued', problem = NULL, told = (SELECT coalesce(max(number), 0) FROM events)
            WHERE customer = ?"""
log = logging.getLogger("shop")


BROKEN: dict[str, object] = {"type": "about:blank", "title": "the service itself failed", "status": 500}
"""What is told of an error that nobody foresaw."""


@dataclass(frozen=True)
class Job:
    """What is known of one customer's cell: `queued`, `running`, `up` or `failed` (then `problem` says why)."""

    customer: str
    body: str
    state: str
    problem: str | None


class Taken(Exception):
    """Another request was first, for this customer or, where `key` is true, with this key."""

    def __init__(self, customer: str, *, key: bool) -> None:
        super().__init__(customer)
        self.customer, self.key = customer, key


class Book:
    """The file. Every call opens it anew and is short: it may be made on the loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = asyncio.Event()
        with closing(self._open()) as database:
            database.executescript(SCHEMA)

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=20, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        return database

    def begin(self, customer: str, key: str, body: str) -> Job:
        """Make a job, or return the one that this very request made; raises Taken.

        A job that failed is queued again for the same body with a new key: cellctl goes on from where it ended.
        """
        with closing(self._open()) as database, database:
            database.execute("BEGIN IMMEDIATE")  # two requests at once are one after the other; Taken rolls back
            made = database.execute("INSERT OR IGNORE INTO keys VALUES (?, ?, ?)", (key, customer, body)).rowcount
            if database.execute("SELECT customer, body FROM keys WHERE key = ?", (key,)).fetchone() != (customer, body):
                raise Taken(customer, key=True)
            values = (customer, body)
            new = database.execute("INSERT OR IGNORE INTO jobs VALUES (?, ?, 'queued', NULL, 0)", values).rowcount
            job = Job(*database.execute(_BEGUN, (customer,)).fetchone())
            if made and not new:
                if job.state != "failed" or job.body != body:
                    raise Taken(customer, key=False)
                database.execute(_AGAIN, (customer,))
            return Job(*database.execute(_BEGUN, (customer,)).fetchone())

    def job(self, customer: str) -> Job | None:
        """Return a customer's job."""
        with closing(self._open()) as database:
            row = database.execute(_BEGUN, (customer,)).fetchone()
        return Job(*row) if row else None

    def left_open(self) -> list[str]:
        """Return the customers whose jobs have not come to an end, in the order in which they came."""
        with closing(self._open()) as database:
            rows = database.execute("SELECT customer FROM jobs WHERE state IN (?, ?) ORDER BY rowid", OPEN).fetchall()
        return [str(customer) for (customer,) in rows]

    def move(self, customer: str, state: str, problem: str | None = None) -> None:
        """Change a job's state."""
        self._write("UPDATE jobs SET state = ?, problem = ? WHERE customer = ?", state, problem, customer)

    def tell(self, customer: str, line: str) -> None:
        """Add an event."""
        self._write("INSERT INTO events (customer, line) VALUES (?, ?)", customer, line)

    def _write(self, statement: str, *values: str | None) -> None:
        with closing(self._open()) as database:
            database.execute(statement, values)
        self._changed.set()
        self._changed = asyncio.Event()

    def events(self, customer: str, after: int) -> list[tuple[int, str]]:
        """Return the events of a customer behind a number, of the last try only."""
        with closing(self._open()) as database:
            query = """SELECT number, line FROM events JOIN jobs USING (customer)
                       WHERE customer = ? AND number > max(?, told) ORDER BY number"""
            return [(int(number), str(line)) for number, line in database.execute(query, (customer, after))]

    async def follow(self, customer: str, after: int, *, wait_s: float = 1.0) -> AsyncIterator[tuple[int, str]]:
        """Yield events as they come, until the job has ended; (0, ``) when nothing came for a while."""
        last = after
        while True:
            changed, job = self._changed, self.job(customer)
            for last, line in self.events(customer, last):  # noqa: B020  it goes on from the last one
                yield last, line
            if job is None or job.state not in OPEN:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), wait_s)
            yield 0, ""


class Workers:
    """Tasks that bring cells up, `at_once` at a time; `open_cell` makes a customer's handle from the job's body."""

    def __init__(self, book: Book, open_cell: Callable[[Job], AsyncCell], options: RunOptions, *, at_once: int) -> None:
        self._book, self._open_cell, self._options = book, open_cell, options
        self._places = asyncio.Semaphore(at_once)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def resume(self) -> None:
        """Take up what was left open when the service ended."""
        for customer in self._book.left_open():
            self.start(customer)

    def start(self, customer: str) -> None:
        """Work on a job; once, however often it is asked for."""
        job = self._book.job(customer)
        if customer not in self._tasks and job is not None and job.state in OPEN:
            self._tasks[customer] = asyncio.create_task(self._work(job))

    async def stop(self) -> None:
        """Cancel what is under way: what was begun in the cloud is finished and recorded. The next start goes on."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _work(self, job: Job) -> None:
        async with self._places:
            self._book.move(job.customer, "running")
            try:
                state, problem = await self._up(job)
            except CellctlError as error:
                state, problem = "failed", json.dumps(problem_of(error))
            except Exception as error:  # whatever it is: who waits must hear of an end
                state, problem = "failed", json.dumps(_own_fault(job, error))
            self._book.move(job.customer, state, problem)
            del self._tasks[job.customer]

    async def _up(self, job: Job) -> tuple[str, str | None]:
        def told(line: str) -> None:
            if short := _short(line):
                self._book.tell(job.customer, short)

        view = JsonlView(told, cell=job.customer, operation="up")
        running = self._open_cell(job).up(ask=_agreed, options=self._options)
        async for event in running:
            view.event(event)
        outcome = await running
        self._book.tell(job.customer, json.dumps(summary_json(outcome)))
        if outcome.result in ("succeeded", "nothing"):
            return "up", None
        return "failed", json.dumps({"title": outcome.result, "errors": [item.message for item in outcome.failures]})


def _agreed(_plan: Plan, objections: Sequence[Objection]) -> bool:
    """Agree to whatever no guard and no authoriser objects to: nobody sits here to be asked."""
    return not objections


def _short(line: str) -> str:
    """Return what of an event browsers get: of a plan only that it is there, of heartbeats nothing."""
    kind = json.loads(line)["kind"]
    return "" if kind == "heartbeat" else json.dumps({"kind": kind}) if kind == "plan.ready" else line


def _own_fault(job: Job, error: Exception) -> dict[str, object]:
    """Return the problem of an error that is no customer's doing; what it says may hold secrets, so nobody reads it."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("the cell of %s: %s\n%s", job.customer, type(error).__name__, where)
    return {**BROKEN, "hint": "sign up again with a new key: it goes on from where it ended"}


def problem_of(error: CellctlError) -> dict[str, object]:
    """Return an error as RFC 9457 tells problems, with cellctl's own code and hint."""
    statuses = {2: 422, 4: 409, 5: 423, 6: 409}
    return {
        "type": f"https://example.com/problems/{error.code}",
        "title": error.summary,
        "status": statuses.get(int(error.exit_code), 500),
        "code": error.code,
        "hint": error.hint,
    }
