"""Which of several calls made at once a fault rule with a count strikes: the seed decides, not who comes first.

A call that such a rule meets waits until all others of the same simulated instant have come, which is when time would
advance; then the calls of that instant are taken in an order that is drawn from the seed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from cellctl_sandbox.clouds import draws
from cellctl_sandbox.clouds.clock import SimulatedClock

INSTANT_S = 0.001
"""Simulated seconds that a call takes part in a contest."""


def enter(rows: sqlite3.Connection, clock: SimulatedClock, rule: int, key: str) -> tuple[int, int]:
    """Let a call take part; return its place in the contest and the waiter to wait for. Works inside `clock.call`."""
    now = clock.settled(rows)
    rows.execute("DELETE FROM contests WHERE at_s < ?", (now,))  # of processes that died in between
    cursor = rows.execute("INSERT INTO contests (rule, at_s, key, struck) VALUES (?, ?, ?, NULL)", (rule, now, key))
    return int(cursor.lastrowid or 0), clock.enlist(rows, now + INSTANT_S)


def struck(rows: sqlite3.Connection, place: int, strikes: Callable[[str], bool]) -> bool:
    """Tell whether the call at a place is struck. Who asks first decides for all: `strikes` of each key, in order."""
    rule, at_s, decided = rows.execute("SELECT rule, at_s, struck FROM contests WHERE id = ?", (place,)).fetchone()
    if decided is None:
        seed = int(rows.execute("SELECT seed FROM clock").fetchone()[0])
        query = "SELECT id, key FROM contests WHERE rule = ? AND at_s = ? AND struck IS NULL ORDER BY id"
        there = [(int(one), str(key)) for one, key in rows.execute(query, (rule, at_s)).fetchall()]
        for one, key in sorted(there, key=lambda item: draws.uniform(seed, item[1])):
            rows.execute("UPDATE contests SET struck = ? WHERE id = ?", (int(strikes(key)), one))
        decided = rows.execute("SELECT struck FROM contests WHERE id = ?", (place,)).fetchone()[0]
    rows.execute("DELETE FROM contests WHERE id = ?", (place,))
    return bool(decided)
