"""Fault rules: which calls fail, how, and how often (docs/sandbox.md).

A rule is a row; counts hold across processes. Whether a rule with a rate strikes is drawn from the sandbox's seed, the
call and how often it was made, and which of several calls made at once a rule with a count strikes is drawn from the
seed too (`contests`), so that two runs with one seed meet the same faults in whatever order their calls come.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from functools import partial
from typing import get_args

from cellctl_provider.protocol import ErrorCode
from cellctl_sandbox.clouds import contests, draws
from cellctl_sandbox.clouds.clock import SimulatedClock
from cellctl_sandbox.clouds.database import Database
from cellctl_sandbox.clouds.records import counted, package_of

EFFECTS = ("error", "delay", "hang", "crash", "lost", "partial", "stale")
OPERATIONS = ("create", "read", "update", "delete", "invoke", "*")
GROWTH = ("capacity", "quota")
"""Errors that a cloud gives to what asks for more: without an `op` they strike creates, never a look."""
LOST = "RequestError: the connection was lost"
MESSAGES: Mapping[str, str] = {
    "invalid": "ValidationError: the request is not valid",
    "not_found": "ResourceNotFound: the object does not exist",
    "throttle": "ThrottlingException: Rate exceeded",
    "capacity": "InsufficientInstanceCapacity: there is not enough capacity in the requested zone",
    "quota": "LimitExceeded: a quota of this account is used up",
    "conflict": "ConflictException: another operation is in progress",
    "auth": "AccessDenied: the caller may not perform this action",
    "internal": "InternalFailure: the request processing has failed because of an unknown error",
    "cancelled": "RequestCanceled: the request was cancelled",
    "unreachable": "RequestError: connection timed out",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultRule:
    """Which calls a rule meets (`cloud`, `type`, `name`, `cell` are globs, `op` an operation or `*`) and what happens.

    `effect`: `error` (before anything changes, with the code `error`), `delay` (by `delay_s` simulated seconds),
    `hang`, `crash` (the process ends: `when` = before | after the change), `lost` (changed, but the answer is an
    error), `partial` (made, not ready), `stale` (made, and found by nobody for `delay_s`). `skip` calls pass first,
    then at most `count` are struck (0: without limit), each with probability `rate`.
    """

    cloud: str = "*"
    type: str = "*"
    name: str = "*"
    cell: str = "*"
    op: str = "*"
    effect: str = "error"
    error: str = "internal"
    message: str = ""
    delay_s: float = 0.0
    when: str = "after"
    count: int = 0
    skip: int = 0
    rate: float = 1.0

    def text(self) -> str:
        """Return what the cloud says."""
        return self.message or MESSAGES[self.error]

    def error_code(self) -> ErrorCode:
        """Return the protocol's error code."""
        return next(code for code in get_args(ErrorCode) if code == self.error)

    def meets(self, call: Call) -> bool:
        """Tell whether the rule is about `call`. A function is met only by a rule that says `invoke`, or names it."""
        if call.function and self.op != "invoke" and self.type != call.type:
            return False
        return (
            self.op in ("*", call.operation)
            and fnmatchcase(call.package, package_of(self.cloud))
            and fnmatchcase(call.type, self.type)
            and fnmatchcase(call.name, self.name)
            and fnmatchcase(call.cell, self.cell)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A call as rules see it. `function`: a function of a simulated cloud; its `type` is the token."""

    operation: str
    package: str
    type: str
    name: str
    cell: str
    function: bool = False


def parse(rule: Mapping[str, object]) -> FaultRule:
    """Return a rule from JSON-like data.

    Raises:
        ValueError: An unknown field, or a value that is not allowed; the message names it and what is.
    """
    kinds = {item.name: item.default for item in fields(FaultRule)}
    values: dict[str, object] = {}
    for key, value in rule.items():
        if key not in kinds:
            raise ValueError(f"there is no field '{key}'; fields are: {', '.join(kinds)}")
        values[key] = _typed(key, value, kinds[key])
    if values.get("error") in GROWTH and not str(values.get("type")).startswith("service:"):
        values.setdefault("op", "create")
    made = FaultRule(**values)  # type: ignore[arg-type]  # each value was made the type of its default
    allowed = {"effect": EFFECTS, "op": OPERATIONS, "error": tuple(MESSAGES), "when": ("before", "after")}
    for key, choices in allowed.items():
        if getattr(made, key) not in choices:
            raise ValueError(f"'{key}' must be one of {', '.join(choices)}, not '{getattr(made, key)}'")
    if not 0 < made.rate <= 1 or made.count < 0 or made.skip < 0 or made.delay_s < 0:
        raise ValueError("'rate' must be over 0 and at most 1; 'count', 'skip' and 'delay_s' must not be negative")
    if made.effect in ("delay", "stale") and not made.delay_s:
        raise ValueError(f"'{made.effect}' needs a 'delay_s' over 0")
    return made


def _typed(key: str, value: object, default: object) -> object:
    try:
        if isinstance(default, str):
            return str(value)
        number = float(str(value))
        if isinstance(default, float):
            return number
        if number != int(number):
            raise ValueError
        return int(number)
    except ValueError:
        raise ValueError(f"'{key}' must be a number, not '{value}'") from None


def struck(database: Database, clock: SimulatedClock, call: Call, *, start: str = "") -> FaultRule | None:
    """Return the first rule that strikes a call, and count it; costs one look where there are no rules.

    Only rules whose `type` begins with `start` count: `*` does not mean the APIs behind a step. Works inside
    `clock.call`: for a rule that strikes or passes so many calls it waits until all calls of this instant have come.
    """
    if not database.rows("SELECT 1 FROM faults LIMIT 1"):
        return None
    number = 0
    while True:
        with database.transaction() as rows:
            found = _next(rows, call, start, number)
            if found is None:
                return None
            number, rule = found
            key = f"fault/{replace(rule, count=0, skip=0)}/{call}"
            if not rule.count and not rule.skip:
                if _spent(rows, number, key) is not None:
                    return rule
                continue
            place, waiter = contests.enter(rows, clock, number, key)
        clock.wait(waiter)
        with database.transaction() as rows:
            if contests.struck(rows, place, partial(_strikes, rows, number)):
                return rule


def _strikes(rows: sqlite3.Connection, number: int, key: str) -> bool:
    return _spent(rows, number, key) is not None


def _next(rows: sqlite3.Connection, call: Call, start: str, after: int) -> tuple[int, FaultRule] | None:
    """Return the next rule in force that is about a call."""
    for number, text in rows.execute("SELECT id, rule FROM faults WHERE id > ? ORDER BY id", (after,)).fetchall():
        rule = parse(json.loads(text))
        if rule.meets(call) and rule.type.startswith(start):
            return int(number), rule
    return None


def _spent(rows: sqlite3.Connection, number: int, key: str) -> FaultRule | None:
    """Count that a rule has met a call; return it if it strikes, which uses it up in the end."""
    row = rows.execute("SELECT rule, used FROM faults WHERE id = ?", (number,)).fetchone()
    if row is None:
        return None
    stored = json.loads(row[0])
    rule = parse(stored)
    rows.execute("UPDATE faults SET used = used + 1 WHERE id = ?", (number,))
    if row[1] < rule.skip or not _drawn(rows, rule.rate, key):
        return None
    if rule.count == 1:
        rows.execute("DELETE FROM faults WHERE id = ?", (number,))
    elif rule.count:
        left = json.dumps({**stored, "count": rule.count - 1})
        rows.execute("UPDATE faults SET rule = ? WHERE id = ?", (left, number))
    return rule


def _drawn(rows: sqlite3.Connection, rate: float, key: str) -> bool:
    if rate >= 1:
        return True
    seed = int(rows.execute("SELECT seed FROM clock").fetchone()[0])
    return draws.strikes(seed, f"{key}/{counted(rows, key)}", rate)
